//! What is near to a path that is not there: the name that may have been meant, or what there is in its place. Knows
//! nothing of why the path is wanted.

use crate::tree::{Follow, Tree, resolve};
use rbuild_store::layer::{join_path, show_path};

/// How many names of a directory are listed.
const SHOWN: usize = 8;

/// Advice about a path without wildcards; none where nothing can be said.
pub(super) fn near(tree: &dyn Tree, path: &[u8]) -> Option<String> {
    let lookup = |path: &[u8]| tree.lookup(path);
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    let mut directory = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let next = resolve(&lookup, &join_path(&directory, part), Follow::All).ok()?;
        if tree.lookup(&next).ok()?.is_some() {
            directory = next;
            continue;
        }
        let is_directory = directory.is_empty() || tree.lookup(&directory).ok()??.node.is_directory();
        if !is_directory {
            return Some(format!("{} is no directory", show_path(&directory)));
        }
        let names = tree.list(&directory).ok()?;
        return Some(match nearest(part, &names) {
            Some(name) => suggestion(tree, &join_path(&directory, name), &parts[at + 1..]),
            None => listed(tree, &directory, &names),
        });
    }
    None
}

/// The name that is the same but for its case, or else the nearest.
fn nearest<'n>(part: &[u8], names: &'n [Vec<u8>]) -> Option<&'n [u8]> {
    let texts: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
    let near = dockerfile_parser::look_alike(&String::from_utf8_lossy(part), texts.iter().map(|text| &**text))?;
    texts.iter().position(|text| text == near).map(|at| &names[at][..])
}

/// The near path, with all that was wanted below it where that is there.
fn suggestion(tree: &dyn Tree, near: &[u8], rest: &[&[u8]]) -> String {
    let whole = rest.iter().fold(near.to_vec(), |path, part| join_path(&path, part));
    let is_there = tree.lookup(&whole).is_ok_and(|found| found.is_some());
    format!("did you mean {}?", show_path(if is_there { &whole } else { near }))
}

fn listed(tree: &dyn Tree, directory: &[u8], names: &[Vec<u8>]) -> String {
    let place = if directory.is_empty() { tree.name().to_owned() } else { show_path(directory) };
    if names.is_empty() {
        return format!("{place} is empty");
    }
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| String::from_utf8_lossy(name)).collect();
    format!("{place} has {}{}", shown.join(", "), if names.len() > SHOWN { ", …" } else { "" })
}
