//! Paths inside a container, by their text alone: links are the rootfs's matter.

use super::usage;
use crate::error::Result;

/// An absolute path without empty parts, `.` and `..`; what climbs above the root stays there.
pub(crate) fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The place of a mount: absolute, and not the root itself.
pub(super) fn target(flag: &str, text: &str) -> Result<String> {
    if !text.starts_with('/') {
        return Err(usage(format!("{flag}: the path in the container has to be absolute, and {text:?} is not")));
    }
    match clean(text).as_str() {
        "/" => Err(usage(format!("{flag}: nothing can be mounted on the root itself"))),
        path => Ok(path.to_owned()),
    }
}

/// A working directory.
pub(crate) fn working_dir(text: &str) -> Result<String> {
    if text.starts_with('/') {
        return Ok(clean(text));
    }
    Err(usage(format!("the working directory {text:?} is not absolute: write --workdir /{text}")))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (text, expected) in [("/", "/"), ("/a//b/./c/", "/a/b/c"), ("/a/../../b", "/b"), ("a", "/a"), ("", "/")] {
            assert_eq!(clean(text), expected, "of {text:?}");
        }
    }

    #[test]
    fn targets_and_working_directories() {
        check(
            |text| target("-v", text),
            &[
                ("/data", "\"/data\""),
                ("/data/", "\"/data\""),
                ("data", "-v: the path in the container has to be absolute, and \"data\" is not"),
                ("/", "-v: nothing can be mounted on the root itself"),
                ("/a/..", "-v: nothing can be mounted on the root itself"),
            ],
        );
        check(
            working_dir,
            &[
                ("/", "\"/\""),
                ("/srv/./app/", "\"/srv/app\""),
                ("app", "the working directory \"app\" is not absolute: write --workdir /app"),
            ],
        );
    }
}
