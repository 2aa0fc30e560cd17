//! How a remote may be reached: its address without credentials, and the credentials, which travel in the environment of
//! git and nowhere else. Runs nothing.

use crate::error::{Error, Result};
use crate::reach::SecretOf;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rbuild_registry::Address;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// A remote and what is needed to reach it.
pub struct Access {
    remote: String,
    header: Option<Header>,
    agent: Option<PathBuf>,
    known_hosts: PathBuf,
}

/// A header that requests to addresses below `scope` get.
struct Header {
    scope: String,
    value: String,
}

impl Access {
    /// Access to `remote`. For http and https: the user and password in it, else the first that is given of the secrets
    /// `GIT_AUTH_HEADER.host`, `GIT_AUTH_TOKEN.host`, `GIT_AUTH_HEADER` and `GIT_AUTH_TOKEN`. For ssh: the socket of an
    /// agent. Keys of ssh servers are remembered in `known_hosts` when first seen.
    pub fn new(remote: &str, secret: &SecretOf<'_>, agent: Option<PathBuf>, known_hosts: PathBuf) -> Result<Self> {
        let Some(address) = Address::parse(remote) else {
            return Ok(Self { remote: remote.to_owned(), header: None, agent, known_hosts });
        };
        let remote = address.to_wire();
        let header = match address.authorization() {
            // Submodules with relative addresses inherit what stands in the address.
            Some(own) => Some(Header { scope: origin(&remote), value: own.to_owned() }),
            None => from_secrets(&remote, secret)?.map(|value| Header { scope: scope(&remote), value }),
        };
        Ok(Self { remote, header, agent, known_hosts })
    }

    /// The address, for git and for people.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// The setting of git that holds the credentials.
    pub fn setting(&self) -> Option<(String, String)> {
        let header = self.header.as_ref()?;
        Some((format!("http.{}.extraHeader", header.scope), format!("Authorization: {}", header.value)))
    }

    /// The variables by which git finds ssh, and ssh its agent.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        let ssh = ("GIT_SSH_COMMAND", ssh_command(&self.known_hosts));
        let agent = self.agent.clone().map(|socket| ("SSH_AUTH_SOCK", socket.into_os_string()));
        [ssh].into_iter().chain(agent).collect()
    }

    /// What may help when the other side refuses.
    pub fn hint(&self, complaint: &str) -> &'static str {
        let keys = complaint.contains("Permission denied (publickey");
        let login = ["could not read Username", "Authentication failed"].iter().any(|text| complaint.contains(text));
        match (keys, login) {
            (true, _) if self.agent.is_none() => "; give it an ssh agent with --ssh default",
            (_, true) => "; give it a login with --secret id=GIT_AUTH_TOKEN",
            _ => "",
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("remote", &self.remote).finish_non_exhaustive()
    }
}

fn from_secrets(remote: &str, secret: &SecretOf<'_>) -> Result<Option<String>> {
    let host = origin(remote).split('/').nth(2).unwrap_or_default().to_owned();
    let (header, token) = ("GIT_AUTH_HEADER", "GIT_AUTH_TOKEN");
    for (id, is_token) in [
        (format!("{header}.{host}"), false),
        (format!("{token}.{host}"), true),
        (header.into(), false),
        (token.into(), true),
    ] {
        if let Some(bytes) = secret(&id)? {
            let text = String::from_utf8(bytes).map_err(|_| Error::Step(format!("the secret {id} is not text")))?;
            let basic = || format!("basic {}", STANDARD.encode(format!("x-access-token:{}", text.trim())));
            return Ok(Some(if is_token { basic() } else { text.trim().to_owned() }));
        }
    }
    Ok(None)
}

/// A login for one repository is for that repository, but on GitHub for its submodules too, as everyone expects there.
fn scope(remote: &str) -> String {
    let whole = ["https://github.com/", "https://www.github.com/"].into_iter().find(|host| remote.starts_with(host));
    whole.unwrap_or(remote).to_owned()
}

/// Scheme and host of an http address.
fn origin(remote: &str) -> String {
    remote.splitn(4, '/').take(3).flat_map(|part| [part, "/"]).collect()
}

/// Only the agent's keys are used, nobody is asked anything, and a server's key may be new but never another one.
fn ssh_command(known_hosts: &Path) -> OsString {
    let own = known_hosts.to_string_lossy();
    let files = format!("UserKnownHostsFile=\"{own}\" ~/.ssh/known_hosts").replace('\'', r"'\''");
    format!(
        "ssh -F /dev/null -o BatchMode=yes -o ConnectTimeout=30 -o IdentityFile=none \
         -o StrictHostKeyChecking=accept-new -o '{files}'"
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(remote: &str, given: &[(&str, &str)]) -> Access {
        let secret =
            |id: &str| Ok(given.iter().find(|(name, _)| *name == id).map(|(_, text)| text.as_bytes().to_vec()));
        Access::new(remote, &secret, None, "/store/git.v1/known_hosts".into()).unwrap()
    }

    fn setting(remote: &str, given: &[(&str, &str)]) -> String {
        access(remote, given).setting().map_or_else(String::new, |(key, value)| format!("{key}={value}"))
    }

    #[test]
    fn the_secret_of_the_host_goes_first() {
        let all = [("GIT_AUTH_TOKEN", "t"), ("GIT_AUTH_HEADER", "h"), ("GIT_AUTH_TOKEN.g:1", "own\n")];
        let own = STANDARD.encode("x-access-token:own");
        assert_eq!(
            setting("http://g:1/r.git", &all),
            format!("http.http://g:1/r.git.extraHeader=Authorization: basic {own}")
        );
        assert_eq!(setting("http://other/r.git", &all), "http.http://other/r.git.extraHeader=Authorization: h");
        assert!(setting("https://github.com/a/b.git", &all).starts_with("http.https://github.com/.extraHeader="));
        assert_eq!(setting("http://g/r.git", &[]), "");
        assert_eq!(setting("git@g:r", &all), "");
    }

    #[test]
    fn a_password_in_the_address_leaves_it() {
        let access = access("https://me:hush@g.example/r.git", &[("GIT_AUTH_TOKEN", "t")]);
        assert_eq!(access.remote(), "https://g.example/r.git");
        let (key, value) = access.setting().unwrap();
        assert_eq!(key, "http.https://g.example/.extraHeader");
        assert_eq!(value, format!("Authorization: Basic {}", STANDARD.encode("me:hush")));
        assert!(!format!("{access:?}").contains("hush"));
    }
}
