//! Upper directories as other kernels write them, and layers as other tools write them.

use super::drivers::{copy, overlay, wish};
use super::{Build, Layers, World, tree, words};
use crate::error::Error;
use crate::layer::{Body, Entry, LayerWriter, Node, OpaqueXattr, Packed};
use crate::root_dir::RootDir;
use crate::snapshot::{Overlay, Place, Snapshotter, StackLayer, view};
use rbuild_oci::{Cancel, ChainId};
use std::path::Path;
use std::sync::Arc;

/// The name of a mark, as this process may set it.
fn mark(name: &str) -> Vec<u8> {
    let prefix = match wish(Path::new("")).marks {
        OpaqueXattr::Trusted => "trusted",
        OpaqueXattr::User => "user",
    };
    format!("{prefix}.overlay.{name}").into_bytes()
}

/// Writes into the upper directory behind overlayfs's back, commits it, and gives what it changed.
fn changed_by(driver: &Overlay, act: impl FnOnce(&RootDir)) -> Result<String, Error> {
    let (layers, cancel, fresh) = (Layers::default(), Cancel::default(), tempfile::tempdir().unwrap());
    let mut build = Build::new(driver, &layers, None);
    build.step(|at| at.files(&["d/", "d/a", "d/b", "e/", "e/a"]));
    let draft = driver.prepare(&build.stack, Place::Temporary, &cancel).unwrap();
    act(&RootDir::open(draft.written()).unwrap());
    let changes = driver.changes(&draft, &view(&build.stack), &cancel)?;
    build.push(draft, changes.entries.clone());
    let unpacked = overlay(fresh.path()).unwrap();
    unpacked.ensure(&build.stack, &layers, &cancel).unwrap();
    let stack = build.stack.clone();
    tree::assert_same(&build.snapshot(), &Build { stack, ..Build::new(&unpacked, &layers, None) }.snapshot(), "marks");
    Ok(words(&changes.entries))
}

#[test]
fn whiteouts_may_be_attributes() {
    let place = tempfile::tempdir().unwrap();
    let Some(driver) = overlay(place.path()) else { return };
    let found = changed_by(&driver, |upper| {
        upper.mkdir(b"d", 0o755).unwrap();
        upper.set_xattr(b"d", &mark("opaque"), b"x").unwrap();
        for (path, is_whiteout) in [(b"d/a", true), (b"d/n", false), (b"d/x", true)] {
            upper.create_file(path, 0o644).unwrap();
            if is_whiteout {
                upper.set_xattr(path, &mark("whiteout"), b"").unwrap();
            }
        }
    });
    assert_eq!(found.unwrap(), "d/ -d/a d/n");
}

#[test]
fn no_mark_reaches_a_layer() {
    let place = tempfile::tempdir().unwrap();
    let Some(driver) = overlay(place.path()) else { return };
    let found = changed_by(&driver, |upper| {
        upper.mkdir(b"e", 0o755).unwrap();
        for name in ["origin", "impure", "uuid", "opaque"] {
            upper.set_xattr(b"e", &mark(name), b"y").unwrap();
        }
        upper.mkdir(b"new", 0o755).unwrap();
        upper.set_xattr(b"new", &mark("opaque"), b"y").unwrap();
        upper.set_xattr(b"new", b"user.overlay.opaque", b"y").unwrap();
    });
    assert_eq!(found.unwrap(), "e/= new/");
}

#[test]
fn redirects_are_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let Some(driver) = overlay(place.path()) else { return };
    let refused = changed_by(&driver, |upper| {
        upper.mkdir(b"moved", 0o755).unwrap();
        upper.set_xattr(b"moved", &mark("redirect"), b"/d").unwrap();
    });
    assert!(refused.unwrap_err().to_string().contains("/moved"));
}

/// A layer from words as [`words`] gives them, but with no parents.
fn layer(layers: &Layers, below: &[StackLayer], words: &str) -> StackLayer {
    let mut writer = LayerWriter::new(Vec::new(), None, Cancel::default());
    for word in words.split(' ') {
        let (path, node) = match (word.strip_prefix('-'), word.strip_suffix("/="), word.strip_suffix('/')) {
            (Some(path), ..) => (path, Node::Whiteout),
            (_, Some(path), _) => (path, Node::Directory { opaque: true, implied: false }),
            (.., Some(path)) => (path, Node::DIRECTORY),
            _ => (word, Node::Symlink { target: word.into() }),
        };
        writer.add(Entry::new(path, node, 0o700), Body::None).unwrap();
    }
    let Packed { out, diff_id: diff, index, .. } = writer.finish().unwrap();
    layers.0.lock().unwrap().insert(diff, (out, index.clone()));
    let chain = ChainId::extend(below.last().map(|layer| &layer.chain), &diff);
    StackLayer { chain, diff, index: Arc::new(index) }
}

#[test]
fn layers_without_parents_and_with_idle_whiteouts_look_the_same_everywhere() {
    let (over, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(overlay) = overlay(over.path()) else { return };
    let (layers, mut stack) = (Layers::default(), Vec::new());
    for words in ["a/ a/b/ a/b/old", "-a/b/never a/b/new -n/x n/y", "-a/b/old -q/r s/= s/t", "a/b/c/d -s/t s/u"] {
        stack.push(layer(&layers, &stack, words));
    }
    let copy = copy(whole.path());
    let [merged, whole] = [&overlay as &dyn Snapshotter, &*copy].map(|driver| {
        driver.ensure(&stack, &layers, &Cancel::default()).unwrap();
        let draft = driver.prepare(&stack, Place::Temporary, &Cancel::default()).unwrap();
        tree::dump(&World::enter(draft.rootfs()).root)
    });
    tree::assert_same(&merged, &whole, "foreign layers");
    assert!(merged.iter().any(|line| line.starts_with("a/b Directory 700")), "{merged:#?}");
}
