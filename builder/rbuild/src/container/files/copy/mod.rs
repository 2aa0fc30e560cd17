//! Copies between a container and this machine, by docker's rules. Nothing reached through a container's links lies
//! outside of its root.

mod open;
mod read;
mod rules;
mod tree;
mod write;

use self::open::Files;
use self::read::read;
use self::rules::{Found, Kind, destination, directory, missing};
use self::tree::{Follow, Tree};
use self::write::{Owner, Writer};
use crate::container::shelf::Entry;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::export::Target;
use rbuild_runner::userns::Fidelity;
use rbuild_store::layer::{self, Archive, Body, LayerWriter, Limits, Node, join_path};
use rbuild_store::{RootDir, VolumeDriver};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a copy is between, and how it is made.
#[derive(Clone, Copy)]
pub struct Copying<'a> {
    /// The container.
    pub entry: &'a Entry,
    /// The path in it.
    pub path: &'a str,
    /// Where its volumes are.
    pub volumes: &'a dyn VolumeDriver,
    /// Whether files keep their owners.
    pub archive: bool,
    /// Whether a source that is a symbolic link means what it leads to.
    pub follow_link: bool,
}

/// A path of this machine, or a stream of a tarball.
#[derive(Clone, Copy, Debug)]
pub enum Outside<'a> {
    /// An absolute path; a slash or `/.` at its end counts.
    Path(&'a Path),
    /// Standard input or output.
    Stream,
}

impl Copying<'_> {
    /// Copies out of the container; how many bytes of data that were.
    pub fn take_out(&self, ctx: Ctx<'_>, to: Outside<'_>) -> Result<u64> {
        let files = Files::open(ctx, self.entry, self.volumes)?;
        let source = self.source(&files.tree, self.path.as_bytes())?;
        match to {
            Outside::Stream => stream(ctx, &files.tree, &source),
            Outside::Path(path) => {
                let (tree, at) = outside(path, |to| destination(&source, to))?;
                let owner = if self.archive { Owner::Named } else { Owner::Own };
                copy(ctx, (&files.tree, &source.path), (&tree, at), owner)
            }
        }
    }

    /// Copies into the container; how many bytes of data that were.
    pub fn put_in(&self, ctx: Ctx<'_>, from: Outside<'_>) -> Result<u64> {
        let files = Files::open(ctx, self.entry, self.volumes)?;
        let to = files.tree.find(self.path.as_bytes(), Follow::All)?;
        match from {
            Outside::Stream => unpack(ctx, writer(ctx, &files.tree, directory(&to)?, Owner::Named)),
            Outside::Path(path) => {
                let tree = Tree::of(RootDir::open(Path::new("/"))?);
                let source = self.source(&tree, path.as_os_str().as_bytes())?;
                let owner = if self.archive { Owner::Named } else { Owner::Root };
                let at = destination(&source, &to)?;
                copy(ctx, (&tree, &source.path), (&files.tree, at), owner)
            }
        }
    }

    fn source(&self, tree: &Tree, path: &[u8]) -> Result<Found> {
        let found = tree.find(path, if self.follow_link { Follow::All } else { Follow::AllButLast })?;
        if found.kind == Kind::Missing { Err(missing(&found)) } else { Ok(found) }
    }
}

fn copy(ctx: Ctx<'_>, from: (&Tree, &[u8]), to: (&Tree, Vec<u8>), owner: Owner) -> Result<u64> {
    let mut writer = writer(ctx, to.0, to.1, owner);
    read(from.0, from.1, ctx.cancel, &mut |entry, data| writer.put(entry, data))?;
    writer.finish()
}

fn writer<'t>(ctx: Ctx<'_>, tree: &'t Tree, at: Vec<u8>, owner: Owner) -> Writer<'t> {
    let single_id = ctx.ids.fidelity() == Fidelity::SingleId;
    Writer { tree, at, owner, single_id, directories: Vec::new(), written: 0 }
}

/// The tree on this machine that a copy goes to, and its path in there. No link below the directory that is meant leads
/// out of it.
fn outside(path: &Path, decide: impl FnOnce(&Found) -> Result<Vec<u8>>) -> Result<(Tree, Vec<u8>)> {
    let root = RootDir::open(Path::new("/"))?;
    let tree = Tree::of(root.clone());
    let at = decide(&tree.find(path.as_os_str().as_bytes(), Follow::All)?)?;
    let (parent, name) = layer::split_path(&at);
    Ok((Tree::of(root.subroot(parent)?), name.to_vec()))
}

/// Writes a tarball to standard output, everything in it below the source's name.
fn stream(ctx: Ctx<'_>, tree: &Tree, source: &Found) -> Result<u64> {
    let prefix = if source.means_contents() { Vec::new() } else { source.name().to_vec() };
    let mut tarball = LayerWriter::new(Target::open(Path::new("-"), ctx.cancel)?, None, ctx.cancel.clone());
    let mut bytes = 0;
    read(tree, &source.path, ctx.cancel, &mut |mut entry, data| {
        let place = |path: &[u8]| if path.is_empty() { prefix.clone() } else { join_path(&prefix, path) };
        entry.path = place(&entry.path);
        match &mut entry.node {
            Node::HardLink { target } => *target = place(target),
            Node::File(file) => bytes += file.size,
            _ => {}
        }
        let is_file = matches!(entry.node, Node::File(_));
        let mut data = data;
        Ok(tarball.add(entry, if is_file { Body::Reader(&mut data) } else { Body::None })?)
    })?;
    tarball.finish()?.out.finish()?;
    Ok(bytes)
}

/// Unpacks the tarball on standard input.
fn unpack(ctx: Ctx<'_>, mut writer: Writer<'_>) -> Result<u64> {
    let spool = || ctx.store.tmp_file()?.file().try_clone().map_err(rbuild_store::Error::io("open", "a spool"));
    let mut tarball: File = spool()?;
    let mut input = std::io::stdin().lock();
    std::io::copy(&mut input, &mut tarball).map_err(Error::io("read", "standard input"))?;
    std::io::Seek::rewind(&mut tarball).map_err(Error::io("read", "standard input"))?;
    let archive = Archive::open(tarball, &spool, Limits::default(), ctx.cancel)?;
    // A link comes after the file that it is a name of, wherever that stands.
    let is_link = |entry: &&layer::Entry| matches!(entry.node, Node::HardLink { .. });
    let all = || archive.entries().iter().filter(|entry| !entry.path.is_empty());
    for entry in all().filter(|entry| !is_link(entry)).chain(all().filter(is_link)) {
        ctx.cancel.check()?;
        let mut data = archive.body(entry);
        writer.put(entry.clone(), &mut data as &mut dyn Read)?;
    }
    writer.finish()
}
