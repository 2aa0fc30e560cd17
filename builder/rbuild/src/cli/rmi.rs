//! `rbuild rmi`: takes names from images, and frees what nobody needs any more.

use super::globals::{Globals, Standing};
use super::out::{familiar, print};
use crate::ctx::Place;
use crate::error::{Error, Result};
use crate::image::{self, Listed, Reach, StoredImage, User};
use clap::Args;
use rbuild_oci::{DiffId, Reference};
use rbuild_store::Store;
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
    let mut failed = None;
    for name in &args.names {
        match remove(&store, name, args.force) {
            Ok(text) => print(&text)?,
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// Removes one image or one of its names, and says what went.
pub fn remove(store: &Store, name: &str, force: bool) -> Result<String> {
    let image = image::find(store, name, None)?;
    let all = image::list(store)?;
    let listed = all.iter().find(|listed| listed.image.id == image.id);
    let names: Vec<Reference> = match (named(store, name)?, listed) {
        (Some(reference), _) => vec![reference],
        (None, Some(listed)) => of_id(name, listed, force)?,
        (None, None) => return Err(line_of_another(store, &all, &image)?),
    };
    let last = listed.is_none_or(|listed| listed.tags.len() <= names.len());
    let users = image::users(store)?;
    if let Some(user) = users.iter().find(|user| last && !force && user.image.id == image.id) {
        let reason =
            format!("container {} ({}) uses it: remove that first", user.name, &user.id[..12.min(user.id.len())]);
        return Err(refused(name, reason));
    }
    let mut text = String::new();
    for reference in &names {
        store.refs().remove(reference)?;
        text.extend(["Untagged: ", &reference.familiar(), "\n"]);
    }
    if last {
        text.push_str(&free(store, &image, &users)?);
    }
    Ok(text)
}

/// The tag that is called so.
fn named(store: &Store, name: &str) -> Result<Option<Reference>> {
    let Ok(reference) = name.parse::<Reference>() else { return Ok(None) };
    Ok(store.refs().get(&reference)?.map(|_| reference))
}

/// All names of an image that is given by its id.
fn of_id(name: &str, listed: &Listed, force: bool) -> Result<Vec<Reference>> {
    if listed.tags.len() > 1 && !force {
        let names: Vec<String> = listed.tags.iter().map(|tag| familiar(&tag.reference)).collect();
        return Err(refused(
            name,
            format!("it has several names ({}): remove those, or use --force", names.join(", ")),
        ));
    }
    listed.tags.iter().map(|tag| Ok(tag.reference.parse()?)).collect()
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

/// Frees what only this image needed, unless somebody is at work on the store.
fn free(store: &Store, image: &StoredImage, users: &[User]) -> Result<String> {
    let Some(sweep) = store.sweep()? else {
        return Ok(
            "Kept: another rbuild is at work, so nothing is freed now; remove the image again by its id later\n"
                .to_owned(),
        );
    };
    let mut gone = Reach::default();
    gone.add_target(store, &image.target)?;
    gone.add_image(store, &image.id)?;
    let mut needed = Reach::default();
    for listed in image::list(store)?.iter().filter(|listed| listed.image.id != image.id) {
        needed.add_target(store, &listed.image.target)?;
        needed.add_image(store, &listed.image.id)?;
    }
    for user in users {
        needed.add_image(store, &user.image.id)?;
        needed.add_layers(&user.image.layers);
    }
    let freed = store.remove(&gone.without(&needed), &sweep)?;
    let layers = image.config.rootfs.diff_ids.iter().rev().map(|DiffId(digest)| digest);
    let went = [&image.id.0].into_iter().chain(layers).filter(|digest| freed.blobs.contains(digest));
    Ok(went.map(|digest| format!("Deleted: {digest}\n")).collect::<Vec<_>>().concat())
}

fn refused(name: &str, reason: String) -> Error {
    Error::Store(rbuild_store::Error::Refused { what: "image", subject: name.to_owned(), reason })
}
