//! `rbuild rmi`: takes names from images, and frees what nobody needs any more.

use super::globals::{Globals, Standing};
use super::out::{complain_of, familiar, print};
use super::signals::cancel_on_signal;
use crate::container::{Containers, Entry};
use crate::ctx::Place;
use crate::error::{Error, Result};
use crate::failed;
use crate::image::{self, Listed, Reach, StoredImage};
use crate::prune::{Mark, Owner};
use crate::report;
use clap::Args;
use rbuild_oci::{Cancel, DiffId, Digest, Reference};
use rbuild_records::{LocalBackend, Output};
use rbuild_store::content::ContentStore;
use rbuild_store::{Store, Tag};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Remove images
#[derive(Args, Clone, Debug, Default)]
pub struct RmiArgs {
    /// Images, by name or id; a name takes only itself away from an image that has others
    #[arg(value_name = "IMAGE", required = true)]
    pub names: Vec<String>,
    /// Take all names from an image given by id, and names from images that containers use
    #[arg(short, long)]
    pub force: bool,
}

/// Removes the images; one that cannot be removed does not keep others from it.
pub fn run(args: &RmiArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let cancel = Cancel::new();
    let _watch = cancel_on_signal(&cancel)?;
    let mut code = ExitCode::SUCCESS;
    for name in &args.names {
        match remove(&store, name, args.force, &cancel) {
            Ok(text) => print(&text)?,
            Err(error) => {
                complain_of(&report::plain(&error));
                code = report::exit_code(&error);
            }
        }
    }
    Ok(code)
}

/// Removes one image or one of its names, and says what went.
pub fn remove(store: &Store, name: &str, force: bool, cancel: &Cancel) -> Result<String> {
    let image = image::find(store, name, None)?;
    let all = image::list(store)?;
    let listed = all.iter().find(|listed| listed.image.id == image.id);
    let tags: Vec<Tag> = match (named(store, name)?, listed) {
        (Some(tag), _) => vec![tag],
        (None, Some(listed)) => of_id(name, listed, force)?,
        (None, None) => return Err(line_of_another(store, &all, &image)?),
    };
    let nameless = |listed: &&Listed| {
        let had_none = listed.tags.is_empty() && listed.image.id != image.id;
        !had_none && listed.tags.iter().all(|tag| tags.contains(tag))
    };
    let orphans: Vec<&StoredImage> = all.iter().filter(nameless).map(|listed| &listed.image).collect();
    let containers = Containers::new(store).all()?;
    let uses = |entry: &&Entry| entry.config.images().any(|image| orphans.iter().any(|orphan| orphan.id == image.id));
    if let Some(entry) = containers.iter().find(uses).filter(|_| !force) {
        return Err(refused(name, format!("container {} uses it: remove that first", entry.config.name)));
    }
    let mut text = String::new();
    let listed = store.refs().remove_all(&tags)?;
    for tag in &tags {
        // One that points elsewhere by now stays.
        if store.refs().get(&tag.reference.parse()?)?.is_none() {
            text.extend(["Untagged: ", &familiar(&tag.reference), "\n"]);
        }
    }
    text.push_str(&free(store, &Removal { tags: &tags, orphans: &orphans }, cancel)?);
    if !listed {
        store.refs().refresh()?;
    }
    Ok(text)
}

/// What was taken away.
struct Removal<'a> {
    tags: &'a [Tag],
    /// The images that have no name left: those for each platform, where a tag was of an index.
    orphans: &'a [&'a StoredImage],
}

/// The tag that is called so.
fn named(store: &Store, name: &str) -> Result<Option<Tag>> {
    match name.parse::<Reference>() {
        Ok(reference) => Ok(store.refs().get(&reference)?),
        Err(_) => Ok(None),
    }
}

/// All tags of an image that is given by its id.
fn of_id(name: &str, listed: &Listed, force: bool) -> Result<Vec<Tag>> {
    if listed.tags.len() > 1 && !force {
        let names: Vec<String> = listed.tags.iter().map(|tag| familiar(&tag.reference)).collect();
        return Err(refused(
            name,
            format!("it has several names ({}): remove those, or use --force", names.join(", ")),
        ));
    }
    Ok(listed.tags.clone())
}

/// The error for an image that is only a line of others' histories.
fn line_of_another(store: &Store, all: &[Listed], image: &StoredImage) -> Result<Error> {
    let mut owners = Vec::new();
    for listed in all {
        if image::rows(store, &listed.image)?.iter().any(|row| row.id == image.id) {
            let name = listed.tags.first().map(|tag| familiar(&tag.reference));
            owners.push(name.unwrap_or_else(|| listed.image.id.0.short()));
        }
    }
    let reason = if owners.is_empty() {
        "no image of this store ends there".to_owned()
    } else {
        format!("it is a line of the history of {}", owners.join(", "))
    };
    Ok(refused(&image.id.0.short(), reason))
}

/// Frees what only this needed, but for what others at work may use.
fn free(store: &Store, removal: &Removal<'_>, cancel: &Cancel) -> Result<String> {
    let Removal { tags, orphans } = removal;
    let mut sweep = store.sweep(cancel)?;
    let mut gone = Reach::default();
    let targets = tags.iter().map(|tag| &tag.descriptor);
    for target in targets.chain(orphans.iter().map(|orphan| &orphan.target)) {
        gone.add_target(store, target)?;
    }
    for orphan in *orphans {
        gone.add_image(store, &orphan.id)?;
    }
    for kept in failed::give_up(store, std::time::SystemTime::now().into())? {
        gone.add_written(&kept.failed.layers, kept.failed.written);
    }
    let ids: BTreeSet<Digest> = orphans.iter().map(|orphan| orphan.id.0).collect();
    let mark = Mark::of(store)?;
    // But for those that have no name, unless they have one again.
    let needed = mark.without(|owner| match owner {
        Owner::Image(listed) => listed.tags.is_empty() && ids.contains(&listed.image.id.0),
        Owner::Container(_) | Owner::Failed(_) => false,
    });
    // An image that stays, stays whole.
    let gone = gone.with_leaning(mark.leaning());
    let mut freed = sweep.remove(&ids, &needed)?;
    if let Some(kept) = freed.kept.first() {
        return Ok(format!("Kept: another rbuild at work may use it; remove {} later\n", kept.short()));
    }
    let rest = sweep.remove(gone.digests(), &needed)?;
    freed.blobs.extend(rest.blobs);
    // Where it cannot be told, the record stays.
    let content = store.onlooker().content();
    let layers = store.onlooker().layers();
    LocalBackend::of(store).forget_old(&|output| match output {
        Output::Layer { layer, .. } => matches!(layers.known(&layer.diff_id), Ok(None)),
        Output::Pinned { digest, .. } => matches!(content.has(digest), Ok(false)),
        Output::Unchanged => false,
    })?;
    let ids = orphans.iter().map(|orphan| orphan.id.0);
    let layers = orphans.iter().flat_map(|orphan| orphan.config.rootfs.diff_ids.iter().rev());
    let (mut text, mut said) = (String::new(), BTreeSet::new());
    for digest in ids.chain(layers.map(|DiffId(digest)| *digest)) {
        if freed.blobs.contains(&digest) && said.insert(digest) {
            text.extend(["Deleted: ", &digest.to_string(), "\n"]);
        }
    }
    if !rest.kept.is_empty() {
        let kept = "Kept: what another rbuild at work may use; it goes once nobody used it for 30 days\n";
        text.push_str(kept);
    }
    Ok(text)
}

fn refused(name: &str, reason: String) -> Error {
    Error::Store(rbuild_store::Error::Refused { what: "image", subject: name.to_owned(), reason })
}
