//! Folders of certificates as docker and containers lay them out (containers-certs.d(5)): below `certs.d`, a folder for
//! each `HOST[:PORT]` with `*.crt` (authorities) and `NAME.cert` with `NAME.key` (the client's own). Opens no certificate.

use super::file::is_missing;
use super::{Certificates, Identity};
use crate::error::{Error, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a folder `certs.d` has for a host; nothing where it is missing, or where this user may not look. Of several
/// certificates of the client the first by name counts.
pub(super) fn read(directory: &Path, host: &str) -> Result<Certificates> {
    if host.starts_with('.') {
        return Ok(Certificates::default());
    }
    let files = list(&directory.join(host))?;
    let of_kind =
        |kind: &'static str| files.iter().filter(move |file| file.extension().is_some_and(|found| found == kind));
    for (kind, other, hint) in [("cert", "key", "; an authority's is called *.crt"), ("key", "cert", "")] {
        if let Some(lone) = of_kind(kind).find(|file| !files.contains(&file.with_extension(other))) {
            let reason = format!("there is no {} beside it{hint}", lone.with_extension(other).display());
            return Err(Error::Setting { setting: format!("certificate file {}", lone.display()), reason });
        }
    }
    let identity = of_kind("cert").next().map(|cert| Identity { cert: cert.clone(), key: cert.with_extension("key") });
    Ok(Certificates { authorities: of_kind("crt").cloned().collect(), identity })
}

/// The files of a folder, by name.
fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| Error::Setting {
        setting: format!("folder {}", directory.display()),
        reason: error.to_string(),
    };
    let entries = match std::fs::read_dir(directory) {
        Err(error) if is_missing(&error) || error.kind() == ErrorKind::PermissionDenied => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>().map_err(failed)?;
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_by_the_names_of_its_files() {
        let place = tempfile::tempdir().unwrap();
        let host = place.path().join("lab:5000");
        std::fs::create_dir(&host).unwrap();
        for name in ["z.crt", "a.crt", "me.cert", "me.key", "readme.txt"] {
            std::fs::write(host.join(name), "").unwrap();
        }
        let found = read(place.path(), "lab:5000").unwrap();
        assert_eq!(found.authorities, [host.join("a.crt"), host.join("z.crt")]);
        assert_eq!(found.identity, Some(Identity { cert: host.join("me.cert"), key: host.join("me.key") }));
        for nothing in ["lab", "..", "."] {
            assert_eq!(read(place.path(), nothing).unwrap(), Certificates::default());
        }
        std::fs::remove_file(host.join("me.key")).unwrap();
        let error = read(place.path(), "lab:5000").unwrap_err().to_string();
        assert!(error.contains("me.cert") && error.contains("no") && error.contains("me.key beside it"), "{error}");
    }
}
