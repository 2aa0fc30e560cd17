//! How hosts are to be reached, as files of the machine and its user say. Read once, when somebody asks for the first
//! time: a command that reaches nobody reads nothing. Sends nothing.

mod certs;
mod file;
mod host;
mod table;

pub use host::{Host, Identity};

use crate::config::Uploads;
use crate::error::Result;
use file::File;
use rbuild_oci::Reference;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The settings of a machine and its user. The default has none. Clones read their files once together.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    files: Vec<PathBuf>,
    required: bool,
    directories: Vec<PathBuf>,
    read: Arc<OnceLock<File>>,
}

/// The certificates of a host: what its own is verified with besides the machine's authorities, and what it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificates {
    /// PEM files of authorities.
    pub authorities: Vec<PathBuf>,
    /// The client's own.
    pub identity: Option<Identity>,
}

/// The machine's settings, of less weight than the user's.
const MACHINE: &str = "/etc/rbuild/config.json";

impl Settings {
    /// Those that environment variables lead to; `variable` looks one up. The file is `RBUILD_CONFIG` alone, which has to
    /// be there; without it `rbuild/config.json` in `XDG_CONFIG_HOME` or `~/.config`, then `/etc/rbuild/config.json`.
    /// Folders of certificates (`certs.d`): containers' and docker's, the user's before the machine's.
    pub fn from_env(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = |below: &str| path("HOME").map(|home| home.join(below));
        let user = path("XDG_CONFIG_HOME").or_else(|| home(".config"));
        let of_user = |below: &str| user.as_ref().map(|user| user.join(below));
        let docker = path("DOCKER_CONFIG").or_else(|| home(".docker")).map(|docker| docker.join("certs.d"));
        let directories = [
            of_user("containers/certs.d"),
            of_user("docker/certs.d"),
            docker,
            Some("/etc/containers/certs.d".into()),
            Some("/etc/docker/certs.d".into()),
        ];
        let named = path("RBUILD_CONFIG");
        let required = named.is_some();
        let files = named.map_or_else(
            || of_user("rbuild/config.json").into_iter().chain([MACHINE.into()]).collect(),
            |named| vec![named],
        );
        Self { directories: directories.into_iter().flatten().collect(), ..Self::of_files(files, required) }
    }

    /// Those of these files, the weightiest first; a missing one is an error where they are `required`.
    pub fn of_files(files: Vec<PathBuf>, required: bool) -> Self {
        Self { files, required, ..Self::default() }
    }

    /// The same with certificates from these folders, each with a folder `HOST[:PORT]` for each host.
    #[must_use]
    pub fn with_directories(self, directories: Vec<PathBuf>) -> Self {
        Self { directories, ..self }
    }

    /// Where settings are looked for, the weightiest first.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Where folders of certificates are looked for.
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// What is set for a host (`docker.io`, `lab.example:5000`), by the first file that says anything of it; the default
    /// where none does. Fails where any file is not what it should be.
    pub fn host(&self, name: &str) -> Result<&Host> {
        static UNSET: Host = Host::UNSET;
        Ok(self.read()?.hosts.get(host::normal(name)).unwrap_or(&UNSET))
    }

    /// The file that says something of a host.
    pub fn origin(&self, name: &str) -> Result<Option<&Path>> {
        Ok(self.host(name)?.origin.as_deref())
    }

    /// What is set for a reference's registry.
    pub(crate) fn registry(&self, reference: &Reference) -> Result<&Host> {
        self.host(reference.registry())
    }

    /// The certificates for a host: those that a file names, then those of the folders.
    pub fn certificates(&self, name: &str) -> Result<Certificates> {
        let host = self.host(name)?;
        let mut all = Certificates { authorities: host.authorities.clone(), identity: host.identity.clone() };
        for directory in &self.directories {
            let found = certs::read(directory, host::normal(name))?;
            all.authorities.extend(found.authorities);
            all.identity = all.identity.or(found.identity);
        }
        Ok(all)
    }

    /// `cache.keep-storage`: how many bytes of build cache are kept, if that is set.
    pub fn keep_storage(&self) -> Result<Option<u64>> {
        Ok(self.read()?.keep_storage)
    }

    /// `uploads`: how blobs are sent; what is not set is as `usual`.
    pub fn uploads(&self, usual: Uploads) -> Result<Uploads> {
        Ok(self.read()?.uploads.with(usual))
    }

    fn read(&self) -> Result<&File> {
        if let Some(read) = self.read.get() {
            return Ok(read);
        }
        let mut all = File::default();
        for path in &self.files {
            all = all.or(File::read(path, self.required)?);
        }
        Ok(self.read.get_or_init(|| all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_environment_names_the_files() {
        let env = |name: &str| match name {
            "HOME" => Some("/h".into()),
            "RBUILD_CONFIG" => Some(OsString::new()),
            _ => None,
        };
        let settings = Settings::from_env(&env);
        assert_eq!(settings.files(), [PathBuf::from("/h/.config/rbuild/config.json"), MACHINE.into()]);
        assert_eq!(
            settings.directories()[..3],
            ["/h/.config/containers", "/h/.config/docker", "/h/.docker"].map(|at| Path::new(at).join("certs.d"))
        );
        let named = |name: &str| (name == "RBUILD_CONFIG").then(|| "/no/such.json".into());
        let error = Settings::from_env(&named).host("a").unwrap_err().to_string();
        assert!(error.contains("/no/such.json") && error.contains("No such file"), "{error}");
    }

    #[test]
    fn how_blobs_are_sent_is_set_part_by_part() {
        let place = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = place.path().join("config.json");
            fs::write(&path, text).unwrap();
            Settings::of_files(vec![path], true).uploads(Uploads::default())
        };
        let found = read(r#"{"uploads": {"at-once": 2, "piece": "8MB"}}"#).unwrap();
        assert_eq!(found, Uploads { at_once: 2, piece: 8 << 20, ..Uploads::default() });
        assert_eq!(read("{}").unwrap(), Uploads::default());
        for (text, expected) in [
            (r#"{"uploads": {"at-once": 0}}"#, "1 or more"),
            (r#"{"uploads": {"at-onec": 1}}"#, "did you mean at-once?"),
            (r#"{"uploads": {"piece": "some"}}"#, "it is a size"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("uploads"), "{error}");
        }
    }

    #[test]
    fn the_users_word_on_a_host_replaces_the_machines() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = place.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let user = file("user", r#"{"registries": {"a": {"insecure": true}}, "cache": {"keep-storage": "1k"}}"#);
        let machine = file(
            "machine",
            r#"{"registries": {"a": {"plain-http": true}, "b:1": {"plain-http": true}}, "cache": {"keep-storage": 7}}"#,
        );
        let settings = Settings::of_files(vec![user.clone(), place.path().join("missing"), machine.clone()], false);
        let (a, b) = (settings.host("a").unwrap(), settings.host("b:1").unwrap());
        assert!(a.insecure == Some(true) && !a.plain_http && b.plain_http);
        assert_eq!(settings.host("b").unwrap(), &Host::UNSET);
        assert_eq!(settings.keep_storage().unwrap(), Some(1024));
        assert_eq!((settings.origin("a").unwrap(), settings.origin("b:1").unwrap()), (Some(&*user), Some(&*machine)));
        fs::remove_file(user).unwrap();
        assert_eq!(settings.host("a").unwrap().insecure, Some(true), "it is read once");
    }
}
