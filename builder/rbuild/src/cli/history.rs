//! `rbuild history`: what an image was made of, line by line, each with an id that can be run; and which images share
//! which layers.

use super::globals::Globals;
use super::out::{familiar, format_error, print};
use crate::error::{Error, Result};
use crate::image::{self, Level, Row, Sizes, Stacked};
use crate::render::{Column, Listing, Tree, align, human};
use clap::{ArgAction, Args};
use rbuild_oci::{Platform, Timestamp};
use rbuild_store::Store;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Show the history of an image
#[derive(Args, Clone, Debug, Default)]
pub struct HistoryArgs {
    /// Image, by name or id; with --tree any number, none meaning all
    #[arg(value_name = "IMAGE", required_unless_present = "tree")]
    pub images: Vec<String>,
    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Print sizes and times for people
    #[arg(short = 'H', long, value_name = "BOOL", num_args = 0..=1, require_equals = true, action = ArgAction::Set,
          default_value_t = true, default_missing_value = "true")]
    pub human: bool,
    /// Print everything in full
    #[arg(long)]
    pub no_trunc: bool,
    /// Platform of the image, `os/arch[/variant]`
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Print ids only
    #[arg(short, long)]
    pub quiet: bool,
    /// Show the layers as a tree: which images share which
    #[arg(long)]
    pub tree: bool,
}

/// Prints the history.
pub fn run(args: &HistoryArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    print(&text(args, &store, std::time::SystemTime::now().into())?)?;
    Ok(ExitCode::SUCCESS)
}

/// What is printed at that time.
pub fn text(args: &HistoryArgs, store: &Store, now: Timestamp) -> Result<String> {
    let platform = args.platform.as_deref().map(str::parse::<Platform>).transpose()?;
    let sizes = Sizes::new(store);
    if args.tree {
        return tree(args, store, platform.as_ref(), &sizes);
    }
    let [name] = &args.images[..] else {
        return Err(Error::Usage("history is of one image; --tree takes several".to_owned()));
    };
    let image = image::find_for(store, name, platform.as_ref())?;
    let mut rows = image::rows(store, &image)?;
    rows.reverse();
    if args.quiet {
        return Ok(rows.iter().map(|row| human::id(&row.id.0, args.no_trunc) + "\n").collect());
    }
    let rows = rows.iter().map(|row| fields(args, row, &sizes, now)).collect::<Result<Vec<_>>>()?;
    let columns = columns(args.human);
    let table = ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"];
    let listing = Listing { columns: &columns, table: &table, rows: &rows, labels: false };
    listing.render(args.format.as_deref()).map_err(|problem| format_error(&problem))
}

const fn columns(human: bool) -> [Column; 6] {
    [
        Column { field: "Comment", heading: "COMMENT" },
        Column { field: "CreatedAt", heading: "CREATED AT" },
        Column { field: "CreatedBy", heading: "CREATED BY" },
        Column { field: "CreatedSince", heading: if human { "CREATED" } else { "CREATED AT" } },
        Column { field: "ID", heading: "IMAGE" },
        Column { field: "Size", heading: "SIZE" },
    ]
}

/// How much of a command is shown.
const COMMAND: usize = 45;

/// Times up to this one, 2000-01-01, say nothing: tools that want equal bytes set them.
const MEANINGLESS: i64 = 946_684_800;

fn fields(args: &HistoryArgs, row: &Row, sizes: &Sizes<'_>, now: Timestamp) -> Result<Value> {
    let size = row.layer.as_ref().map_or(Ok(0), |layer| sizes.layer(layer))?;
    let created = row.history.created.filter(|time| time.seconds > MEANINGLESS);
    let at = row.history.created.map_or_else(String::new, |time| Timestamp::from_seconds(time.seconds).to_string());
    let since = match created {
        None => "N/A".to_owned(),
        Some(time) if args.human => human::ago(time, now),
        Some(_) => at.clone(),
    };
    let command = row.history.created_by.replace('\t', " ");
    Ok(json!({
        "Comment": row.history.comment,
        "CreatedAt": at,
        "CreatedBy": if args.no_trunc { command } else { human::ellipsis(&command, COMMAND) },
        "CreatedSince": since,
        "ID": human::id(&row.id.0, args.no_trunc),
        "Size": if args.human { human::size(size) } else { size.to_string() },
    }))
}

/// The layers of some images, or of all, as a forest.
fn tree(args: &HistoryArgs, store: &Store, platform: Option<&Platform>, sizes: &Sizes<'_>) -> Result<String> {
    let mut images = Vec::new();
    if args.images.is_empty() {
        for listed in image::list(store)? {
            let names: Vec<String> = listed.tags.iter().map(|tag| familiar(&tag.reference)).collect();
            let label = if names.is_empty() { human::id(&listed.image.id.0, false) } else { names.join(", ") };
            images.push(Stacked { label, rows: image::rows(store, &listed.image)? });
        }
    }
    for name in &args.images {
        let image = image::find_for(store, name, platform)?;
        images.push(Stacked { label: name.clone(), rows: image::rows(store, &image)? });
    }
    let forest = image::stacks(&images).iter().map(|level| drawn(args, level, sizes)).collect::<Result<Vec<_>>>()?;
    Ok(align(&format!("LAYER\tSIZE\tIMAGES\tCREATED BY\n{}", Tree::draw(&forest))))
}

fn drawn(args: &HistoryArgs, level: &Level, sizes: &Sizes<'_>) -> Result<Tree> {
    let layers: Vec<String> = level.layers.iter().map(|layer| human::id(&layer.0, args.no_trunc)).collect();
    let size = level.layers.iter().map(|layer| sizes.layer(layer)).sum::<Result<u64>>()?;
    let size = if args.human { human::size(size) } else { size.to_string() };
    let command = level.created_by.replace(['\t', '\n'], " ");
    let command = if args.no_trunc { command } else { human::ellipsis(&command, COMMAND) };
    let line = format!("{}\t{size}\t{}\t{command}", layers.join("+"), level.images.join(", "));
    let below = level.above.iter().map(|level| drawn(args, level, sizes)).collect::<Result<_>>()?;
    Ok(Tree { line, below })
}
