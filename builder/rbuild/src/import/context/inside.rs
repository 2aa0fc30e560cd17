//! The Dockerfile in a context that was brought: links are followed inside of it. Knows no directory of this machine.

use crate::error::{Error, Result};
use crate::reach::Reach;
use crate::request::{ContextPlace, limited};
use crate::tree::{ContextTree, Follow, Ignored, Tree, resolve};
use rbuild_store::layer::{Entry, Node};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The name and the bytes of the Dockerfile: the one at `path`, the `only` one, or the one that is called so.
pub(super) fn read(
    reach: &Reach<'_>,
    context: &ContextPlace,
    path: Option<&Path>,
    only: Option<&str>,
) -> Result<(String, Vec<u8>)> {
    let path = path.unwrap_or_else(|| Path::new(only.unwrap_or("Dockerfile")));
    match context {
        ContextPlace::Tree(tree) => of_tree(&**tree, path),
        ContextPlace::Directory(place) => {
            let (nothing, store) = (Ignored::default(), reach.store);
            of_tree(&ContextTree::open("the repository", place, nothing, store, reach.cancel)?, path)
        }
        ContextPlace::Empty => Err(missing(path, "the context")),
    }
}

fn of_tree(tree: &dyn Tree, path: &Path) -> Result<(String, Vec<u8>)> {
    let lower = path.with_file_name("dockerfile");
    let is_default = path.file_name().is_some_and(|name| name == "Dockerfile");
    for path in [path, &lower].into_iter().take(if is_default { 2 } else { 1 }) {
        if let Some(entry) = find(tree, path)? {
            let name = path.display().to_string();
            let bytes = limited(tree.open(&entry.path, entry.digest())?)
                .map_err(Error::io("read", format!("{name} in {}", tree.name())))?;
            return Ok((name, bytes));
        }
    }
    Err(missing(path, tree.name()))
}

/// The regular file at a path.
fn find(tree: &dyn Tree, path: &Path) -> Result<Option<Entry>> {
    let lookup = |path: &[u8]| tree.lookup(path);
    let target = resolve(&lookup, path.as_os_str().as_bytes(), Follow::All)?;
    Ok(tree.lookup(&target)?.filter(|entry| matches!(entry.node, Node::File(_))))
}

fn missing(path: &Path, place: &str) -> Error {
    Error::Usage(format!("there is no file {} in {place}: name the Dockerfile in it with -f", path.display()))
}
