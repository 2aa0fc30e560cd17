//! `rbuild images`: what is in the store, with what each image shares with others.

use super::globals::Globals;
use super::image_filter::Filters;
use super::images_usage::{Usage, legend};
use super::out::{familiar, format_error, print};
use crate::container::Containers;
use crate::error::Result;
use crate::image::{self, Level, Listed, Sharing, Sizes, Stacked, StoredImage};
use crate::render::{Column, Listing, Tree, align, human};
use clap::Args;
use rbuild_oci::{ImageId, Platform, Reference, Timestamp};
use rbuild_store::Store;
use rbuild_store::content::ContentStore;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::process::ExitCode;

/// List images
#[derive(Args, Clone, Debug, Default)]
pub struct ImagesArgs {
    /// Only images of this name; may have `*` and `?`
    #[arg(value_name = "NAME[:TAG]")]
    pub name: Option<String>,
    /// Also list the images that end at each line of a history
    #[arg(short, long)]
    pub all: bool,
    /// Print the digests of manifests
    #[arg(long)]
    pub digests: bool,
    /// Only some: dangling=BOOL, label=KEY[=VALUE], before=IMAGE, since=IMAGE, reference=PATTERN, until=TIME
    #[arg(short, long = "filter", value_name = "KEY=VALUE")]
    pub filters: Vec<String>,
    /// `table`, `usage` (what they take of the disk; the default at a terminal), `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Print everything in full
    #[arg(long)]
    pub no_trunc: bool,
    /// Print ids only
    #[arg(short, long)]
    pub quiet: bool,
    /// Show the images as a tree: which stand on the same layers; with `--format usage`, their platforms
    #[arg(long)]
    pub tree: bool,
}

/// Lists the images.
pub fn run(args: &ImagesArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let now = std::time::SystemTime::now().into();
    let asked = args.format.is_some() || args.quiet || args.digests || args.tree;
    let text = match columns().filter(|_| !asked) {
        Some(columns) => {
            let args = ImagesArgs { format: Some(USAGE.to_owned()), ..args.clone() };
            legend(columns) + &text(&args, &store, now)?
        }
        None => text(args, &store, now)?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// How wide standard output is, if it is a terminal.
fn columns() -> Option<usize> {
    let stdout = std::io::stdout();
    let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok())??;
    Some(if size.ws_col == 0 { 80 } else { usize::from(size.ws_col) })
}

/// The format that shows what images take of the disk.
const USAGE: &str = "usage";

/// What is printed at that time.
pub fn text(args: &ImagesArgs, store: &Store, now: Timestamp) -> Result<String> {
    let filters = Filters::parse(args, store, now)?;
    let all = image::list(store)?;
    let (sizes, sharing) = (Sizes::new(store), Sharing::of(all.iter().map(|listed| &listed.image)));
    let mut listed: Vec<Listed> = all.into_iter().filter_map(|listed| filters.keep(listed)).collect();
    let usage = args.format.as_deref() == Some(USAGE) && !args.quiet;
    if args.tree && !usage {
        return tree(args, store, &listed, (&sizes, &sharing));
    }
    if args.all {
        let intermediate = intermediate(store, &listed)?;
        listed.extend(intermediate.into_iter().filter_map(|listed| filters.keep(listed)));
    }
    let containers = containers(store)?;
    if usage {
        let (containers, platforms) = (&containers, args.tree);
        return Usage { store, containers, whole: args.no_trunc, platforms }.table(&listed);
    }
    one_row_a_tag(&mut listed);
    if args.quiet {
        let ids = listed.iter().map(|listed| human::id(&listed.image.id.0, args.no_trunc) + "\n");
        return Ok(ids.collect());
    }
    let mut rows = Vec::new();
    for listed in &listed {
        let users = containers.get(&listed.image.id).copied().unwrap_or_default();
        let fixed = Fixed { users, whole: args.no_trunc, now };
        rows.extend(fields(&fixed, listed, (&sizes, &sharing))?);
    }
    let table: &[&str] = if args.digests {
        &["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"]
    } else {
        &["Repository", "Tag", "ID", "CreatedSince", "Size"]
    };
    let listing = Listing { columns: &COLUMNS, table, rows: &rows, labels: false };
    listing.render(args.format.as_deref()).map_err(|problem| format_error(&problem))
}

const COLUMNS: [Column; 10] = [
    Column { field: "Containers", heading: "CONTAINERS" },
    Column { field: "CreatedAt", heading: "CREATED AT" },
    Column { field: "CreatedSince", heading: "CREATED" },
    Column { field: "Digest", heading: "DIGEST" },
    Column { field: "ID", heading: "IMAGE ID" },
    Column { field: "Repository", heading: "REPOSITORY" },
    Column { field: "SharedSize", heading: "SHARED SIZE" },
    Column { field: "Size", heading: "SIZE" },
    Column { field: "Tag", heading: "TAG" },
    Column { field: "UniqueSize", heading: "UNIQUE SIZE" },
];

const NONE: &str = "<none>";

/// How many containers there are of each image, running or not.
fn containers(store: &Store) -> Result<BTreeMap<ImageId, usize>> {
    let mut users = BTreeMap::new();
    for entry in Containers::new(store).sound()?.0 {
        *users.entry(entry.config.image.id).or_default() += 1;
    }
    Ok(users)
}

/// What all rows of an image have in common beside the image itself.
struct Fixed {
    /// How many containers it has.
    users: usize,
    /// Whether its id is shown in full.
    whole: bool,
    now: Timestamp,
}

/// The rows of an image: one a tag, or one without a name.
fn fields(fixed: &Fixed, listed: &Listed, sizes: (&Sizes<'_>, &Sharing)) -> Result<Vec<Value>> {
    let image = &listed.image;
    let (size, share) = (sizes.0.image(image)?, sizes.1.share(image, sizes.0)?);
    let created = image.config.created;
    let row = |repository: &str, tag: &str, digest: &str| {
        json!({
            "Containers": fixed.users.to_string(),
            "CreatedAt": created.map_or_else(|| "N/A".to_owned(), human::date),
            "CreatedSince": created.map_or_else(|| "N/A".to_owned(), |time| human::ago(time, fixed.now)),
            "Digest": digest,
            "ID": human::id(&image.id.0, fixed.whole),
            "Repository": repository,
            "SharedSize": human::size(share.shared),
            "Size": human::size(size),
            "Tag": tag,
            "UniqueSize": human::size(share.unique),
        })
    };
    if listed.tags.is_empty() {
        return Ok(vec![row(NONE, NONE, NONE)]);
    }
    let named = |tag: &rbuild_store::Tag| -> Result<Value> {
        let reference: Reference = tag.reference.parse()?;
        let digest = tag.descriptor.digest.to_string();
        Ok(row(&reference.familiar_name(), reference.tag().unwrap_or(NONE), &digest))
    };
    listed.tags.iter().map(named).collect()
}

/// A tag of several platforms stands for this machine's image, else for the first: the others lose it, and their row.
fn one_row_a_tag(listed: &mut Vec<Listed>) {
    let native = Platform::native();
    let mut shown: BTreeMap<String, ImageId> = BTreeMap::new();
    for Listed { image, tags } in listed.iter() {
        for tag in tags {
            let place = shown.entry(tag.reference.clone()).or_insert(image.id);
            if image.config.platform().serves(&native) {
                *place = image.id;
            }
        }
    }
    listed.retain_mut(|Listed { image, tags }| {
        let nameless = tags.is_empty();
        tags.retain(|tag| shown.get(&tag.reference) == Some(&image.id));
        nameless || !tags.is_empty()
    });
}

/// The images that end at earlier lines of these images' histories, without those that are listed already.
fn intermediate(store: &Store, listed: &[Listed]) -> Result<Vec<Listed>> {
    let mut seen: BTreeSet<_> = listed.iter().map(|listed| listed.image.id).collect();
    let mut found = Vec::new();
    for image in listed.iter().map(|listed| &listed.image) {
        for row in image::rows(store, image)? {
            if seen.insert(row.id) && store.content().has(&row.id.0)? {
                let image: StoredImage = image::find(store, &row.id.to_string(), None)?;
                found.push(Listed { image, tags: Vec::new() });
            }
        }
    }
    Ok(found)
}

/// The images as a forest: who stands on whom, with the layers between.
fn tree(args: &ImagesArgs, store: &Store, listed: &[Listed], sizes: (&Sizes<'_>, &Sharing)) -> Result<String> {
    let stacked = |listed: &Listed| -> Result<Stacked> {
        let names: Vec<String> = listed.tags.iter().map(|tag| familiar(&tag.reference)).collect();
        let mut name = if names.is_empty() { "<untagged>".to_owned() } else { names.join(", ") };
        if listed.image.target.media_type.is_index() {
            name.extend([" (", &listed.image.config.platform().to_string(), ")"]);
        }
        let share = sizes.1.share(&listed.image, sizes.0)?;
        let numbers = [sizes.0.image(&listed.image)?, share.shared, share.unique].map(human::size).join("\t");
        let label = format!("{name}\t{}\t{numbers}", human::id(&listed.image.id.0, args.no_trunc));
        Ok(Stacked { label, rows: image::rows(store, &listed.image)? })
    };
    let stacks = image::stacks(&listed.iter().map(stacked).collect::<Result<Vec<_>>>()?);
    let mut forest = Vec::new();
    for level in &image::compact(stacks) {
        forest.push(drawn(level, sizes.0)?);
    }
    Ok(align(&format!("IMAGE\tID\tSIZE\tSHARED\tUNIQUE\n{}", Tree::draw(&forest))))
}

/// The image that ends at a level, or the layers that several stand on; further images of the same layers are beside
/// it.
fn drawn(level: &Level, sizes: &Sizes<'_>) -> Result<Tree> {
    let below = level.above.iter().map(|level| drawn(level, sizes)).collect::<Result<Vec<_>>>()?;
    let Some((first, others)) = level.images.split_first() else {
        let size = level.layers.iter().map(|layer| sizes.layer(layer)).sum::<Result<u64>>()?;
        let count = level.layers.len();
        let line = format!("({count} shared layer{})\t\t{}", if count == 1 { "" } else { "s" }, human::size(size));
        return Ok(Tree { line, below });
    };
    let below = others.iter().map(|label| Tree::leaf(label.clone())).chain(below).collect();
    Ok(Tree { line: first.clone(), below })
}
