//! `--secret` and `--ssh`: where secrets come from. Their contents are read when a step needs them, not here.

use super::near;
use super::{Env, fields};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// A value of the environment.
    Value(Vec<u8>),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Value(_) => f.write_str("Value(…)"),
        }
    }
}

impl SecretSource {
    /// The secret's bytes.
    pub fn read(&self, id: &str) -> Result<Vec<u8>> {
        match self {
            Self::File(path) => {
                std::fs::read(path).map_err(Error::io("read", format!("secret {id:?} from {}", path.display())))
            }
            Self::Value(value) => Ok(value.clone()),
        }
    }
}

/// What each `--secret` gives, by id.
pub fn secrets(texts: &[String], env: &Env<'_>) -> Result<BTreeMap<String, SecretSource>> {
    texts.iter().map(|text| parse(text, env)).collect()
}

/// The socket that each `--ssh` gives, by id.
pub fn agents(texts: &[String], env: &Env<'_>) -> Result<BTreeMap<String, PathBuf>> {
    texts.iter().map(|text| parse_ssh(text, env)).collect()
}

/// Parses a `--secret`: its id and its source.
fn parse(text: &str, env: &Env<'_>) -> Result<(String, SecretSource)> {
    let wrong = |why: &str| Error::Usage(format!("--secret: {why}"));
    let (mut id, mut source, mut variable, mut kind) = (None, None, None, None);
    for (key, value) in fields("--secret", text)? {
        match key.as_str() {
            "id" => id = Some(value),
            "src" | "source" => source = Some(value),
            "env" => variable = Some(value),
            "type" => kind = Some(value),
            other => return Err(wrong(&format!("the key {other:?} is not known: use id, src, env or type"))),
        }
    }
    let id = id.filter(|id| !id.is_empty()).ok_or_else(|| wrong("it has no id"))?;
    if let Some(kind) = kind.as_deref().filter(|kind| !matches!(*kind, "file" | "env")) {
        return Err(wrong(&format!("the type {kind:?} of secret {id:?} is not known: use file or env")));
    }
    if kind.as_deref() == Some("env") && variable.is_none() {
        variable = source.take();
    }
    let found = match (source, variable) {
        (Some(path), None) => SecretSource::File(path.into()),
        (None, Some(name)) => {
            let value =
                env(&name).ok_or_else(|| wrong(&format!("the variable {name:?} of secret {id:?} is not set")))?;
            SecretSource::Value(value.into_bytes())
        }
        (None, None) => {
            env(&id).map_or_else(|| SecretSource::File((&id).into()), |value| SecretSource::Value(value.into()))
        }
        (Some(_), Some(_)) => return Err(wrong("src and env exclude each other")),
    };
    if let SecretSource::File(path) = &found {
        check(&id, path)?;
    }
    Ok((id, found))
}

/// Sees that the file of a secret is there.
fn check(id: &str, path: &Path) -> Result<()> {
    let why = match path.metadata() {
        Ok(there) if there.is_dir() => "is a directory: give the name of a file",
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => &format!("does not exist{}", near::question(path)),
        Err(error) => return Err(Error::io("find", format!("secret {id:?}: {}", path.display()))(error)),
    };
    Err(Error::Usage(format!("--secret: secret {id:?}: {} {why}", path.display())))
}

/// Parses an `--ssh`: its id and the socket of its agent.
fn parse_ssh(text: &str, env: &Env<'_>) -> Result<(String, PathBuf)> {
    let (id, socket) = match text.split_once('=') {
        Some((id, path)) => (id, Some(path.to_owned())),
        None => (text, env("SSH_AUTH_SOCK")),
    };
    let wrong = |why: String| Error::Usage(format!("--ssh {text:?}: {why}"));
    let socket = socket.ok_or_else(|| wrong("SSH_AUTH_SOCK is not set: start an ssh agent".to_owned()))?;
    match Path::new(&socket).metadata() {
        Ok(there) if there.file_type().is_socket() => {}
        Ok(_) => return Err(wrong(format!("{socket} is no socket: for a key, start an agent with it"))),
        Err(_) => return Err(wrong(format!("there is no socket {socket}"))),
    }
    Ok((if id.is_empty() { "default" } else { id }.to_owned(), socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_and_never_shown() {
        let env = |name: &str| (name == "TOKEN").then(|| "hush".to_owned());
        for text in ["id=a,env=TOKEN", "id=a,type=env,src=TOKEN", "id=TOKEN"] {
            let (_, source) = parse(text, &env).unwrap();
            assert_eq!(source.read("a").unwrap(), b"hush");
            assert!(!format!("{source:?}").contains("hush"));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let env = |_: &str| None;
        for (text, names) in [
            ("src=x", "no id"),
            ("id=a,type=vault", "vault"),
            ("id=a,env=NOPE", "NOPE"),
            ("id=a,src=/no/such", "/no/such"),
        ] {
            let error = parse(text, &env).unwrap_err().to_string();
            assert!(error.contains(names), "{error}");
        }
    }

    #[test]
    fn an_agent_is_a_socket() {
        let (directory, env) = (tempfile::tempdir().unwrap(), |_: &str| None);
        let (socket, key) = (directory.path().join("agent"), directory.path().join("key"));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::fs::write(&key, "-----BEGIN").unwrap();
        let parse = |path: &Path| parse_ssh(&format!("me={}", path.display()), &env);
        assert_eq!(parse(&socket).unwrap(), ("me".to_owned(), socket));
        let error = parse(&key).unwrap_err().to_string();
        assert!(error.contains("is no socket: for a key, start an agent with it"), "{error}");
    }
}
