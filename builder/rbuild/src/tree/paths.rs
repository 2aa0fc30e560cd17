//! Finding a path in a tree the way a kernel inside a chroot would: links followed, `..` never above the root. Knows
//! trees only through a function that looks at one path.

use crate::error::{Error, Result};
use rbuild_store::layer::{Entry, Node, join_path, show_path, split_path};
use std::collections::VecDeque;

/// What to do with a link in the last place of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Follow links everywhere.
    All,
    /// Leave the last component as it is.
    Parents,
}

/// How many links may be followed for one path, as in Linux.
pub const MAX_LINKS: usize = 40;

/// The path without `.`, `..`, doubled, leading and trailing slashes; `..` stops at the root.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            name => kept.push(name),
        }
    }
    kept.join(&b'/')
}

/// Where a path leads once its links are followed inside the tree. What does not exist is taken as written.
pub fn resolve(lookup: &dyn Fn(&[u8]) -> Result<Option<Entry>>, path: &[u8], follow: Follow) -> Result<Vec<u8>> {
    let mut ahead: VecDeque<Vec<u8>> = parts(path).collect();
    let mut at = Vec::new();
    let mut links = 0;
    while let Some(name) = ahead.pop_front() {
        if name == b".." {
            at = split_path(&at).0.to_vec();
            continue;
        }
        let next = join_path(&at, &name);
        let stop = follow == Follow::Parents && ahead.is_empty();
        match lookup(&next)?.map(|entry| entry.node) {
            Some(Node::Symlink { target }) if !stop => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Error::LinkLoop { path: show_path(&clean(path)) });
                }
                if target.first() == Some(&b'/') {
                    at.clear();
                }
                for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                    ahead.push_front(part);
                }
            }
            _ => at = next,
        }
    }
    Ok(at)
}

fn parts(path: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn follow(links: &[(&str, &str)], path: &str, follow: Follow) -> Result<String> {
        let links: BTreeMap<Vec<u8>, &str> =
            links.iter().map(|(path, target)| (path.as_bytes().to_vec(), *target)).collect();
        let lookup = |path: &[u8]| {
            let node = |target: &&str| Node::Symlink { target: target.as_bytes().to_vec() };
            Ok(links.get(path).map(|target| Entry::new(path, node(target), 0o777)))
        };
        resolve(&lookup, path.as_bytes(), follow).map(|path| String::from_utf8(path).unwrap())
    }

    #[test]
    fn links_stay_inside() {
        let links = [("lib", "usr/lib"), ("abs", "/usr/bin"), ("up", "../../etc"), ("a/b", "../c"), ("last", "gone")];
        for (path, expected) in [
            ("lib/x", "usr/lib/x"),
            ("/abs//tool", "usr/bin/tool"),
            ("up/passwd", "etc/passwd"),
            ("a/b/d", "c/d"),
            ("../../x/./y", "x/y"),
            ("last", "gone"),
            ("", ""),
        ] {
            assert_eq!(follow(&links, path, Follow::All).unwrap(), expected, "{path}");
        }
        assert_eq!(follow(&links, "last", Follow::Parents).unwrap(), "last");
    }

    #[test]
    fn a_loop_is_an_error() {
        let error = follow(&[("a", "b"), ("b", "a")], "a/x", Follow::All).unwrap_err();
        assert!(error.to_string().contains("/a/x"), "{error}");
    }

    #[test]
    fn cleaning_never_leaves_the_root() {
        for (path, expected) in [("/a/./b//c/", "a/b/c"), ("../../x", "x"), ("a/../..", ""), ("", "")] {
            assert_eq!(clean(path.as_bytes()), expected.as_bytes());
        }
    }
}
