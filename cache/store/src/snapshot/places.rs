//! A layer that lies below all others and holds nothing but places to mount on: what every container mounts finds one
//! there, where its image has none, and none has to be made in the layer that is written to. Knows not what is mounted.

use super::home::Home;
use super::workspace::FILES;
use crate::error::Result;
use crate::root_dir::RootDir;
use rbuild_oci::Timestamp;
use std::path::PathBuf;

/// Places to mount on. A container mounts something on each of them: it would be seen otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// What they are called together, the same for as long as they are the same; no digest.
    pub name: &'a str,
    /// Directories, parents first.
    pub directories: &'a [&'a str],
    /// Empty files.
    pub files: &'a [&'a str],
}

impl Home {
    /// The layer of these places, made where it is not there or a crash may have torn it: everything in it is root's, 0755
    /// or 0644, of 1970.
    pub fn places(&self, places: &Places<'_>) -> Result<PathBuf> {
        let path = self.path().join(places.name);
        if !self.is_of_this_boot(&path) {
            let workspace = self.workspace()?;
            fill(&RootDir::open(&workspace.files())?, places)?;
            self.publish_as(workspace, places.name.to_owned())?;
        }
        Ok(path.join(FILES))
    }
}

/// Times come last: who makes something in a directory changes its time.
fn fill(root: &RootDir, places: &Places<'_>) -> Result<()> {
    for directory in places.directories {
        root.mkdir(directory.as_bytes(), 0o755)?;
        root.chmod(directory.as_bytes(), 0o755)?;
    }
    for file in places.files {
        root.create_file(file.as_bytes(), 0o644)?;
        root.chmod(file.as_bytes(), 0o644)?;
    }
    let all = places.directories.iter().chain(places.files).chain(&["."]);
    all.into_iter().try_for_each(|place| root.set_times(place.as_bytes(), Timestamp::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: Places<'_> = Places { name: "places", directories: &["a", "a/b"], files: &["a/f", "g"] };

    fn seen(layer: &std::path::Path) -> Vec<String> {
        let walked = RootDir::open(layer).unwrap().walk(b"").unwrap().map(Result::unwrap);
        let show =
            |path: &[u8], mode: u32, seconds: i64| format!("{} {mode:o} {seconds}", String::from_utf8_lossy(path));
        walked.map(|found| show(&found.path, found.meta.mode, found.meta.mtime.seconds)).collect()
    }

    #[test]
    fn made_once_and_anew_after_a_crash() {
        let bucket = tempfile::tempdir().unwrap();
        let home = || Home::open(bucket.path(), "overlay", "root").unwrap();
        let layer = home().places(&PLACES).unwrap();
        let expected = ["a 755 0", "a/b 755 0", "a/f 644 0", "g 644 0"];
        assert_eq!(seen(&layer), expected);
        let made = std::fs::metadata(&layer).unwrap();
        assert_eq!(home().places(&PLACES).unwrap(), layer);
        let inode = |meta: &std::fs::Metadata| std::os::unix::fs::MetadataExt::ino(meta);
        assert_eq!(inode(&std::fs::metadata(&layer).unwrap()), inode(&made));
        // As the last boot, which went down, left it.
        let boot = layer.with_file_name(super::super::home::BOOT);
        std::fs::remove_file(&boot).unwrap();
        std::os::unix::fs::symlink("another", &boot).unwrap();
        std::fs::remove_file(layer.join("g")).unwrap();
        assert_eq!(seen(&home().places(&PLACES).unwrap()), expected);
        assert!(home().list().unwrap().is_empty(), "it is no snapshot");
        home().sweep().unwrap();
        assert_eq!(seen(&layer), expected);
    }
}
