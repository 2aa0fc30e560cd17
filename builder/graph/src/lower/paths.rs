//! Paths of an image, as text: cleaning and joining, without any file. Knows POSIX paths only.

/// The absolute path that `path` names from `base`, without `.`, `..` and doubled slashes; never above the root.
pub(super) fn absolute(base: &str, path: &str) -> String {
    let start = if path.starts_with('/') { "" } else { base };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The path from the root, clean, without a leading slash; empty for the root itself.
pub(super) fn relative(path: &str) -> String {
    absolute("/", path).split_off(1)
}

/// The destination of a copy from `base`: absolute and clean, with its final `/` or `/.` kept, because they say that it
/// is a directory.
pub(super) fn destination(base: &str, path: &str) -> String {
    let path = if path.is_empty() || path == "." { "./" } else { path };
    let clean = absolute(base, path);
    let slash = if clean == "/" { "" } else { "/" };
    if path.ends_with('/') {
        format!("{clean}{slash}")
    } else if path.ends_with("/.") {
        format!("{clean}{slash}.")
    } else {
        clean
    }
}

/// The last part of a path; empty for the root.
pub(super) fn base_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{absolute, base_name, destination};

    #[test]
    fn paths_stay_below_the_root() {
        for (base, path, expected) in [
            ("/", "a", "/a"),
            ("/w", "a/../b//c/", "/w/b/c"),
            ("/w", "../../x", "/x"),
            ("/w", "/../x/.", "/x"),
            ("", "..", "/"),
        ] {
            assert_eq!(absolute(base, path), expected, "{base} {path}");
        }
    }

    #[test]
    fn a_destination_keeps_its_final_slash() {
        for (base, path, expected) in [
            ("/w", ".", "/w/"),
            ("/w", "", "/w/"),
            ("/w", "x", "/w/x"),
            ("/w", "x/", "/w/x/"),
            ("/w", "/x/.", "/x/."),
            ("/", ".", "/"),
            ("/", "/.", "/."),
            ("/w", "..", "/"),
        ] {
            assert_eq!(destination(base, path), expected, "{base} {path}");
        }
    }

    #[test]
    fn a_base_name_has_no_slash() {
        assert_eq!((base_name("/a/b/"), base_name("c"), base_name("/")), ("b", "c", ""));
    }
}
