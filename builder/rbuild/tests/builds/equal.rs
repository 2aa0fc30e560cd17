//! One Dockerfile, one digest: whoever builds it, with whatever storage driver, on an empty store and on a warm one.

use crate::common::{context, fsck};
use crate::tool::{self, EPOCH, Tool, Who};
use rbuild_store::Store;
use rbuild_store::layer::{Entry, Node};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const FIRST: &str = r"FROM busybox
COPY --chmod=755 setcap program /bin/
RUN mkdir -p /tree/sub/deep /opaque/old/deep /gone /moved/in /kinds && echo a > /tree/a && echo b > /tree/b \
 && echo x > /tree/sub/x && echo y > /tree/sub/deep/y && echo o > /opaque/o && echo d > /opaque/old/deep/d \
 && echo g > /gone/g && echo m > /moved/in/m && ln -s a /tree/link && ln /tree/a /tree/hard && mkfifo /kinds/fifo \
 && echo c > /tree/c && echo t > /tree/touched && cp /bin/program /tree/program && mkdir /tree/emptied /tree/linked && echo e > /tree/emptied/e && ln -s sub /tree/dirlink
";

/// No step writes through one of several names that a file has in a layer below: there overlayfs copies that one name
/// up and leaves the others as they were, and so do all tools that build on it.
const SECOND: &str = r#"RUN chown 1234:1235 /tree/c && chown -h builder:builders /tree/link && setcap /tree/program /bin/program
RUN ln /tree/b /tree/b-again && ln /tree/sub/x /kinds/x && rm /tree/hard
RUN rm /gone/g && rm -r /tree/sub && echo file > /tree/sub && rm /tree/dirlink && mkdir /tree/dirlink
RUN rm -r /opaque && mkdir -m 750 /opaque && echo new > /opaque/new && chown 7:8 /opaque
RUN mv /moved /elsewhere && mkdir /moved && mv /elsewhere/in /moved/again && rmdir /elsewhere
RUN chmod 4755 /tree/program && chmod 1777 /kinds && touch /tree/touched && rm -r /tree/emptied && mkdir /tree/emptied
RUN rm /tree/b && ln -s c /tree/b && mkdir /tree/linked/x && rmdir /tree/linked/x && rm /kinds/fifo && mkfifo -m 600 /kinds/fifo
RUN rm -rf /gone && mkdir /gone && rm -r /gone && true
RUN name=$(printf 'odd \377\n name') && echo odd > "/kinds/$name" && long=$(printf '%0120d' 7) && mkdir -p /kinds/$long/$long && echo l > /kinds/$long/$long/$long
RUN setcap /tree/program && head -c 3000000 /dev/zero > /tree/zeros && truncate -s 5M /tree/sparse && chown 1:1 /tree/sparse
COPY --chown=builder:builders --chmod=u=rwX,go=rX source /home/source
COPY --link source /linked
USER builder
WORKDIR /home/builder/work
RUN echo mine > mine && mkdir own && chmod 700 own && ln mine own/again && umask 077 && echo secret > secret
"#;

/// The context with the helper compiled; none, loudly, where there is no C compiler.
fn prepared() -> Option<TempDir> {
    let context = context(&[("source/a", "a\n"), ("source/deep/b", "b\n"), ("program", "#!/bin/sh\n")]);
    fs::write(context.path().join("Dockerfile"), format!("{FIRST}{SECOND}")).unwrap();
    fs::write(context.path().join("first.Dockerfile"), FIRST).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/builds/setcap.c");
    let compiled =
        Command::new("cc").args(["-static", "-Os", "-o"]).arg(context.path().join("setcap")).arg(source).output();
    match compiled {
        Ok(output) if output.status.success() => Some(context),
        Ok(output) => {
            crate::common::skip(&format!("equal digests: {}", String::from_utf8_lossy(&output.stderr)));
            None
        }
        Err(error) => {
            crate::common::skip(&format!(
                "equal digests: cc: {error}; install it (Debian, Ubuntu: apt-get install gcc libc6-dev)"
            ));
            None
        }
    }
}

/// All entries of the image's layers, lowest first.
pub(crate) fn entries(tool: &Tool) -> Vec<Entry> {
    let store = Store::open(&tool.root()).unwrap();
    let tag = store.refs().get(&"x".parse().unwrap()).unwrap().unwrap();
    let manifest = fs::read(store.blob_path(&tag.descriptor.digest)).unwrap();
    let manifest = rbuild_oci::Manifest::from_json(&manifest).unwrap();
    let layers = manifest.layers.iter().map(|layer| rbuild_oci::DiffId(layer.digest));
    layers.flat_map(|layer| store.layers().index(&layer).unwrap().entries().clone()).collect()
}

pub(crate) fn last<'e>(entries: &'e [Entry], path: &str) -> &'e Entry {
    entries.iter().rev().find(|entry| entry.path == path.as_bytes()).unwrap_or_else(|| panic!("{path}"))
}

/// That the image says what the commands did; equal digests of wrong layers would prove little.
fn check_content(entries: &[Entry]) {
    let chowned = last(entries, "tree/c");
    assert_eq!((chowned.uid, chowned.gid), (1234, 1235));
    let program = last(entries, "tree/program");
    assert_eq!(program.mode & 0o7777, 0o4755);
    assert_eq!(program.xattrs.keys().map(|name| &name[..]).collect::<Vec<_>>(), [b"security.capability"]);
    assert_eq!(program.xattrs.values().next().unwrap().len(), 20, "version 2: of no user namespace");
    assert!(matches!(last(entries, "tree/sub").node, Node::File(_)));
    assert!(entries.iter().any(|entry| entry.path == b"gone/g" && entry.node == Node::Whiteout));
    let opaque = last(entries, "opaque");
    assert!(matches!(opaque.node, Node::Directory { opaque: true, .. }), "{opaque:?}");
    assert_eq!((opaque.mode, opaque.uid, opaque.gid), (0o750, 7, 8));
    assert!(entries.iter().any(|entry| matches!(&entry.node, Node::HardLink { target } if target == b"tree/b")));
    let own = last(entries, "home/builder/work/mine");
    assert_eq!((own.uid, own.gid), (1234, 1235));
}

#[test]
fn every_way_to_build_gives_the_same_digest() {
    if let Some(note) = tool::note_on_ids() {
        crate::common::skip(&format!("equal digests: {note}"));
        return;
    }
    let Some(context) = prepared() else { return };
    let args = ["-t", "x", "--build-arg", EPOCH];
    let first = context.path().join("first.Dockerfile").display().to_string();
    let mut seen: Vec<(String, String)> = Vec::new();
    for who in Who::all() {
        for [driver, other] in [["overlay", "copy"], ["copy", "overlay"]] {
            let tool = Tool::new(who);
            let mut tool = tool.with_driver(driver);
            let empty = tool.build(context.path(), &args);
            seen.push((format!("{who:?}, {driver}, an empty store"), empty.id.clone()));
            check_content(&entries(&tool));
            let again = tool.build(context.path(), &[&args[..], &["--no-cache"]].concat());
            seen.push((format!("{who:?}, {driver}, all steps again"), again.id));
            tool = tool.with_driver(other);
            let again = tool.build(context.path(), &[&args[..], &["--no-cache"]].concat());
            seen.push((format!("{who:?}, {driver}, all steps again with {other}"), again.id));
            fsck::check(&tool.root());

            let tool = Tool::new(who).with_driver(driver);
            tool.build(context.path(), &[&args[..], &["-f", &first]].concat());
            let tool = tool.with_driver(other);
            let warm = tool.build(context.path(), &args);
            seen.push((format!("{who:?}, {other}, on layers that {driver} made"), warm.id));
            assert_eq!((tool.leftovers(), tool.traces()), (Vec::new(), Vec::new()));
        }
    }
    println!("{} builds", seen.len());
    let differing: Vec<_> = seen.iter().filter(|(_, id)| *id != seen[0].1).collect();
    assert!(differing.is_empty(), "not as {}: {differing:#?}", seen[0].0);
}
