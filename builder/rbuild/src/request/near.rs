//! Names of files that are near to one that is not there. Reads the directory that it would be in, and nothing else.

use std::fs;
use std::path::Path;

/// `; did you mean X?`, or nothing.
pub(super) fn question(path: &Path) -> String {
    let near = name(path).map(|name| path.with_file_name(name));
    near.map(|near| format!("; did you mean {}?", near.display())).unwrap_or_default()
}

/// `; did you mean -f X?` for a file that is not there but is mostly called Dockerfile.
pub(super) fn dockerfile(path: &Path) -> String {
    let other =
        || ["Containerfile", "containerfile"].map(|name| path.with_file_name(name)).into_iter().find(|it| it.exists());
    let near = name(path).map(|name| path.with_file_name(name)).or_else(other);
    near.map(|near| format!("; did you mean -f {}?", near.strip_prefix(".").unwrap_or(&near).display()))
        .unwrap_or_default()
}

/// The name in the same directory that is the same but for its case, or else the nearest.
fn name(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let names = fs::read_dir(directory).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    dockerfile_parser::look_alike(wanted, names.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_in_another_case_is_nearest() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["dockerfile", "Dockerfiles", "src"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(name(&directory.path().join("Dockerfile")).as_deref(), Some("dockerfile"));
        assert_eq!(name(&directory.path().join("scr")).as_deref(), Some("src"));
        assert_eq!(name(&directory.path().join("nothing/near")), None);
    }
}
