//! Where plugins are: sockets and files of addresses in Docker's folders (Docker Engine, "Plugin discovery"). Reads
//! folders and files, and talks to nobody.

use crate::args::Env;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folders that plugins are looked for in, first found first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginFolders {
    /// Those with `NAME.sock` or `NAME/NAME.sock`.
    sockets: Vec<PathBuf>,
    /// Those with `NAME.spec`, `NAME.json`, `NAME/NAME.spec` or `NAME/NAME.json`.
    specs: Vec<PathBuf>,
}

/// How a plugin is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A socket.
    Unix(PathBuf),
    /// A server: `http://host:port` or `https://host:port`.
    Web {
        /// Its address, without a slash at its end.
        base: String,
        /// The certificates to use.
        tls: Tls,
    },
}

/// Certificates, as a `.json` names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Tls {
    /// Whether the server's certificate counts for nothing.
    pub(super) insecure_skip_verify: bool,
    /// Who may sign the server's certificate.
    #[serde(rename = "CAFile")]
    pub(super) ca_file: PathBuf,
    /// Our own certificate.
    pub(super) cert_file: PathBuf,
    /// Its key.
    pub(super) key_file: PathBuf,
}

/// A `.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spec {
    addr: String,
    #[serde(rename = "TLSConfig", default)]
    tls: Option<Tls>,
}

impl PluginFolders {
    /// Docker's folders, and for an ordinary user `$XDG_RUNTIME_DIR/docker/plugins`; or `$RBUILD_PLUGIN_DIR` alone,
    /// where that is set.
    pub fn from_env(env: &Env<'_>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(only) = set("RBUILD_PLUGIN_DIR") {
            return Self { sockets: vec![only.clone()], specs: vec![only] };
        }
        let own: Vec<PathBuf> = set("XDG_RUNTIME_DIR").map(|dir| dir.join("docker/plugins")).into_iter().collect();
        let also = |dirs: &[&str]| own.iter().cloned().chain(dirs.iter().map(PathBuf::from)).collect();
        Self {
            sockets: also(&["/run/docker/plugins"]),
            specs: also(&["/etc/docker/plugins", "/usr/lib/docker/plugins"]),
        }
    }

    /// The plugins that there are, sorted; whether they answer, and as what, is not known.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let sockets = self.sockets.iter().map(|dir| (dir, &["sock"][..]));
        let all = sockets.chain(self.specs.iter().map(|dir| (dir, &["spec", "json"][..])));
        all.flat_map(|(dir, extensions)| names_in(dir, extensions)).collect()
    }

    /// How the plugin of that name is reached; none if there is none. The error says which file is wrong.
    pub(super) fn find(&self, name: &str) -> Result<Option<Address>, String> {
        if name.is_empty() || name.starts_with('.') || name.contains('/') {
            return Ok(None);
        }
        let found = |dirs: &[PathBuf], extension: &str| {
            let file = format!("{name}.{extension}");
            let places = dirs.iter().flat_map(|dir| [dir.join(&file), dir.join(name).join(&file)]);
            places.into_iter().find(|path| path.exists())
        };
        if let Some(socket) = found(&self.sockets, "sock") {
            return Ok(Some(Address::Unix(socket)));
        }
        for extension in ["spec", "json"] {
            if let Some(path) = found(&self.specs, extension) {
                return read(&path).map(Some).map_err(|reason| format!("{}: {reason}", path.display()));
            }
        }
        Ok(None)
    }

    /// The folders, for people.
    pub(crate) fn show(&self) -> String {
        let all: BTreeSet<String> =
            self.sockets.iter().chain(&self.specs).map(|dir| dir.display().to_string()).collect();
        all.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// The names that a folder has files of, in it or in a folder of the same name. One that cannot be read has none.
fn names_in(dir: &Path, extensions: &[&str]) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names = Vec::new();
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let file = |extension: &&str| dir.join(&name).join(format!("{name}.{extension}")).exists();
        match name.rsplit_once('.') {
            Some((stem, extension)) if extensions.contains(&extension) && !stem.is_empty() => {
                names.push(stem.to_owned());
            }
            _ if extensions.iter().any(file) => names.push(name),
            _ => {}
        }
    }
    names
}

fn read(path: &Path) -> Result<Address, String> {
    const MOST: u64 = 64 << 10;
    let text = || {
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(fs::File::open(path)?, MOST), &mut text)?;
        io::Result::Ok(text)
    };
    let text = text().map_err(|error| error.to_string())?;
    if path.extension().is_some_and(|extension| extension == "spec") {
        return address(text.trim(), None);
    }
    let Spec { addr, tls } = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    address(&addr, tls)
}

fn address(text: &str, tls: Option<Tls>) -> Result<Address, String> {
    let (scheme, rest) = text.split_once("://").ok_or_else(|| format!("{text:?} is no address: {FORMS}"))?;
    let rest = rest.trim_end_matches('/');
    let web = |scheme: &str, tls: Option<Tls>| {
        Ok(Address::Web { base: format!("{scheme}://{rest}"), tls: tls.unwrap_or_default() })
    };
    match scheme {
        _ if rest.is_empty() => Err(format!("{text:?} is no address: {FORMS}")),
        "unix" if rest.starts_with('/') => Ok(Address::Unix(rest.into())),
        "tcp" | "http" if tls.is_none() => web("http", None),
        "tcp" | "https" => web("https", tls),
        _ => Err(format!("{text:?} is no address: {FORMS}")),
    }
}

const FORMS: &str = "write unix:///path, tcp://host:port, http://… or https://…";

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str, tls: bool) -> String {
        match address(text, tls.then(Tls::default)) {
            Ok(Address::Unix(path)) => format!("socket {}", path.display()),
            Ok(Address::Web { base, .. }) => base,
            Err(reason) => reason,
        }
    }

    #[test]
    fn every_address() {
        for (text, tls, expected) in [
            ("unix:///run/x.sock", false, "socket /run/x.sock"),
            ("tcp://localhost:8888", false, "http://localhost:8888"),
            ("tcp://localhost:8888", true, "https://localhost:8888"),
            ("http://host:1/plugin/", false, "http://host:1/plugin"),
            ("https://host/plugin", false, "https://host/plugin"),
            (
                "localhost:1",
                false,
                "\"localhost:1\" is no address: write unix:///path, tcp://host:port, http://… or https://…",
            ),
        ] {
            assert_eq!(show(text, tls), expected);
        }
        for text in ["unix://relative", "tcp://", "ftp://x", "http://x"] {
            assert!(show(text, text.starts_with("http")).contains("is no address"), "{text}");
        }
    }

    #[test]
    fn plugins_are_found_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("one.sock", "");
        write("two/two.sock", "");
        write("three.spec", "tcp://localhost:3\n");
        let json = r#"{"Name":"four","Addr":"https://four","TLSConfig":{"InsecureSkipVerify":true,"CAFile":"/ca","CertFile":"/c","KeyFile":"/k"}}"#;
        write("four.json", json);
        write("bad.json", "{");
        write("five/other.sock", "");
        write("readme.txt", "");
        let folder = dir.path().display().to_string();
        let folders = PluginFolders::from_env(&|name| (name == "RBUILD_PLUGIN_DIR").then(|| folder.clone()));
        assert_eq!(folders.names().into_iter().collect::<Vec<_>>(), ["bad", "four", "one", "three", "two"]);
        assert_eq!(folders.find("one").unwrap(), Some(Address::Unix(dir.path().join("one.sock"))));
        assert_eq!(folders.find("two").unwrap(), Some(Address::Unix(dir.path().join("two/two.sock"))));
        let Some(Address::Web { base, tls }) = folders.find("four").unwrap() else { panic!("a server") };
        assert_eq!((base.as_str(), tls.insecure_skip_verify, tls.ca_file), ("https://four", true, "/ca".into()));
        assert!(folders.find("bad").unwrap_err().contains("bad.json: EOF"));
        for name in ["five", "none", "", "../one", ".one"] {
            assert_eq!(folders.find(name).unwrap(), None, "{name:?}");
        }
        let none = PluginFolders::from_env(&|name| (name == "XDG_RUNTIME_DIR").then(|| "/run/user/7".to_owned()));
        assert_eq!(
            none.show(),
            "/etc/docker/plugins, /run/docker/plugins, /run/user/7/docker/plugins, /usr/lib/docker/plugins"
        );
    }
}
