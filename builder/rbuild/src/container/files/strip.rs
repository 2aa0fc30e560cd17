//! PURE. Leaves out of a layer what is there only because something is mounted over it: while a container runs, and
//! after it was killed together with its rbuild, its layer has an empty file or directory at each mount point.

use crate::container::model::Config;
use rbuild_store::layer::{Entry, Follow, Node, View, is_below};

/// Where every container has mounts of its own.
const OWN: [&str; 6] = ["/proc", "/dev", "/sys", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname"];

/// The entries, in order, without mount points that the layers below do not have, without the directories that were
/// made on the way to them, and without directories that such a thing alone made younger.
pub(super) fn without_mount_points(entries: Vec<Entry>, base: &View, config: &Config) -> Vec<Entry> {
    let points: Vec<Vec<u8>> = targets(config).map(|target| real(base, target)).collect();
    let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut left_out: Vec<Vec<u8>> = Vec::new();
    // From the last to the first: what is in a directory is seen before the directory.
    for entry in entries.into_iter().rev() {
        let holds_something = kept.last().is_some_and(|next| is_below(&next.path, &entry.path));
        let held_one = left_out.last().is_some_and(|next| is_below(next, &entry.path));
        let is_new = base.lookup(&entry.path).is_none();
        let is_on_the_way = points.iter().any(|point| *point == entry.path || is_new && is_below(point, &entry.path));
        if !holds_something && (held_one || is_on_the_way) && is_stub(&entry, base) {
            left_out.push(entry.path);
        } else {
            kept.push(entry);
        }
    }
    kept.reverse();
    kept
}

fn targets(config: &Config) -> impl Iterator<Item = &str> {
    OWN.into_iter().chain(config.mounts.iter().map(|mount| mount.target.as_str()))
}

/// Where a target is once the links of the image are followed.
fn real(base: &View, target: &str) -> Vec<u8> {
    let target = target.as_bytes();
    match base.resolve(target, Follow::All) {
        Ok(found) => found.path,
        Err(_) => target.strip_prefix(b"/").unwrap_or(target).to_vec(),
    }
}

/// Whether nobody in the container need have made it: an empty file or directory that is new, or a directory of the
/// layers below that is as it was but for its time.
fn is_stub(entry: &Entry, base: &View) -> bool {
    match (&entry.node, base.lookup(&entry.path).map(|found| found.entry)) {
        (Node::Directory { opaque: false, .. }, None) => true,
        (Node::Directory { opaque: false, .. }, Some(below)) => {
            let settings = |entry: &Entry| (entry.mode, entry.uid, entry.gid);
            below.node.is_directory() && settings(entry) == settings(below)
        }
        (Node::File(data), None) => data.size == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::create::Identity;
    use crate::container::model::{ContainerId, Mount, MountKind, Tmpfs};
    use crate::container::shelf::testing;
    use rbuild_oci::Timestamp;
    use rbuild_store::layer::{FileData, LayerIndex};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// Entries from words: `a/` a directory, `a>b` a link, `a:5` a file of five bytes, `-a` deleted.
    fn entries(words: &str) -> Vec<Entry> {
        let entry = |word: &str| {
            let (path, node) = match (word.strip_suffix('/'), word.split_once('>'), word.split_once(':')) {
                (Some(path), _, _) => (path, Node::DIRECTORY),
                (_, Some((path, target)), _) => (path, Node::Symlink { target: target.into() }),
                (_, _, Some((path, size))) => (path, Node::File(FileData::unread(size.parse().unwrap()))),
                _ => match word.strip_prefix('-') {
                    Some(path) => (path, Node::Whiteout),
                    None => (word, Node::File(FileData::unread(0))),
                },
            };
            Entry::new(path, node, 0o755)
        };
        words.split_whitespace().map(entry).collect()
    }

    fn config(targets: &[&str]) -> Config {
        let id = ContainerId::parse(&"ab".repeat(32)).unwrap();
        let mut config = testing::config(Identity { id, name: "x".into(), created: Timestamp::default() });
        let mount = |target: &&str| Mount {
            target: (*target).to_owned(),
            read_only: false,
            kind: MountKind::Tmpfs(Tmpfs::default()),
        };
        config.mounts = targets.iter().map(mount).collect();
        config
    }

    #[test]
    fn mount_points_go_and_what_is_written_stays() {
        let root = Entry::new("", Node::Directory { opaque: false, implied: true }, 0o755);
        let below = [vec![root], entries("etc/ etc/passwd:9 run/ srv/ srv/data/ var/ var/run>/run")].concat();
        let base = View::new(vec![Arc::new(LayerIndex::new(below, BTreeMap::new()).unwrap())]);
        for (written, mounts, left) in [
            ("dev/ etc/ etc/hosts etc/hostname proc/ sys/", &[][..], ""),
            ("etc/ etc/hosts etc/new", &[], "etc/ etc/new"),
            ("etc/ -etc/passwd", &[], "etc/ -etc/passwd"),
            ("a/ a/b/ a/b/c/", &["/a/b/c"], ""),
            ("a/ a/b/ a/b/c/ a/x", &["/a/b/c"], "a/ a/x"),
            ("a/ a/b/", &["/a/b/c"], ""),
            ("a/ a/b/", &["/a"], "a/ a/b/"),
            ("dev/ dev/sub:1", &[], "dev/ dev/sub:1"),
            ("run/ run/x/", &["/var/run/x"], ""),
            ("srv/ srv/data/", &["/srv/data"], ""),
            ("etc/ etc/hosts:7", &[], "etc/ etc/hosts:7"),
            ("srv/", &[], "srv/"),
        ] {
            assert_eq!(without_mount_points(entries(written), &base, &config(mounts)), entries(left), "{written}");
        }
    }
}
