//! Credential helpers: `docker-credential-NAME get` reads a server on standard input and answers in JSON, `store` reads the
//! same JSON, `erase` a server. Knows the helpers' protocol only.

use crate::credentials::{Login, LoginKind, password};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::wait;
use rbuild_oci::Cancel;
use serde::Deserialize;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// A helper by its name.
#[derive(Clone, Copy)]
pub(crate) struct Helper<'a> {
    pub(crate) name: &'a str,
    /// Where it is looked for; the process's own `PATH` where none.
    pub(crate) path: Option<&'a OsString>,
}

/// The user name under which helpers keep identity tokens.
const TOKEN: &str = "<token>";

/// Longer answers are cut, and so refused.
const ANSWER_LIMIT: u64 = 1 << 20;

impl Helper<'_> {
    /// What it keeps for `server`; none if it has nothing.
    pub(crate) fn get(&self, server: &str, cancel: &Cancel) -> Result<Option<Login>> {
        let (status, output) = self.run("get", server, cancel)?;
        if !status.success() {
            let nothing = String::from_utf8_lossy(&output).contains("credentials not found");
            let failed = || self.wrong(format!("it ends with {status} for {server}"));
            return if nothing { Ok(None) } else { Err(failed()) };
        }
        let answer: Answer =
            serde_json::from_slice(&output).map_err(|_| self.wrong(format!("no valid answer for {server}")))?;
        let kind = match answer.username.as_str() {
            "" if answer.secret.is_empty() => return Ok(None),
            TOKEN => LoginKind::Identity(Secret::new(answer.secret)),
            user => password(user, &answer.secret),
        };
        Ok(Some(Login { kind, origin: self.program() }))
    }

    /// Has it keep a login for `server`, in place of any that it has.
    pub(crate) fn store(&self, server: &str, login: &LoginKind, cancel: &Cancel) -> Result<()> {
        let (user, secret) = match login {
            LoginKind::Password { user, password } => (user.as_str(), password),
            LoginKind::Identity(token) | LoginKind::Token(token) => (TOKEN, token),
        };
        let message = serde_json::json!({"ServerURL": server, "Username": user, "Secret": secret.expose()});
        let (status, _) = self.run("store", &message.to_string(), cancel)?;
        if status.success() { Ok(()) } else { Err(self.wrong(format!("it keeps nothing for {server}: {status}"))) }
    }

    /// Has it forget `server`.
    pub(crate) fn erase(&self, server: &str, cancel: &Cancel) -> Result<()> {
        let (status, _) = self.run("erase", server, cancel)?;
        if status.success() { Ok(()) } else { Err(self.wrong(format!("it does not forget {server}: {status}"))) }
    }

    fn program(&self) -> String {
        format!("docker-credential-{}", self.name)
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Credentials { origin: self.program(), reason }
    }

    /// Runs it to its end; a raised flag kills it.
    fn run(&self, action: &str, input: &str, cancel: &Cancel) -> Result<(ExitStatus, Vec<u8>)> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.name.is_empty() || !self.name.bytes().all(known) {
            return Err(self.wrong("it is no name of a helper".to_owned()));
        }
        let mut command = Command::new(self.program());
        command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(path) = self.path {
            command.env("PATH", path);
        }
        let child = command.spawn().map_err(|error| self.wrong(error.to_string()))?;
        let child = Arc::new(Mutex::new(child));
        let doomed = child.clone();
        // The lock is taken by others only while a helper that has closed its output is on its way out.
        let _kill = cancel.on_cancel(move || drop(doomed.try_lock().map(|mut child| child.kill())));
        let input = input.to_owned();
        wait::or_cancel(cancel, move || converse(&child, &input))?.map_err(|error| self.wrong(error.to_string()))
    }
}

fn converse(child: &Mutex<Child>, message: &str) -> io::Result<(ExitStatus, Vec<u8>)> {
    let (input, output) = {
        let mut child = lock(child);
        (child.stdin.take(), child.stdout.take())
    };
    if let Some(mut input) = input {
        match input.write_all(message.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    let mut answer = Vec::new();
    if let Some(output) = output {
        output.take(ANSWER_LIMIT).read_to_end(&mut answer)?;
    }
    Ok((lock(child).wait()?, answer))
}

fn lock(child: &Mutex<Child>) -> std::sync::MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, Instant};

    /// A program must not be open for writing in a process that is just being forked elsewhere.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn with_helper(script: &str, cancel: &Cancel) -> Result<Option<LoginKind>> {
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("docker-credential-fake");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", directory.path().display()).into();
        let helper = Helper { name: "fake", path: Some(&path) };
        helper.get("https://index.docker.io/v1/", cancel).map(|found| found.map(|login| login.kind))
    }

    #[test]
    fn answers_become_logins() {
        let echo = r#"read server; printf '{"ServerURL":"%s","Username":"u-%s","Secret":"s"}' "$server" "$1""#;
        assert_eq!(with_helper(&format!("{echo} | sed s/u-get/u/"), &Cancel::new()).unwrap(), Some(password("u", "s")));
        let token = r#"echo '{"Username":"<token>","Secret":"s"}'"#;
        assert_eq!(with_helper(token, &Cancel::new()).unwrap(), Some(LoginKind::Identity(Secret::new("s"))));
        let nothing = "echo credentials not found in native keychain; exit 1";
        assert_eq!(with_helper(nothing, &Cancel::new()).unwrap(), None);
    }

    #[test]
    fn failures_name_the_helper_and_not_its_output() {
        for script in ["echo hunter2; exit 3", "echo hunter2"] {
            let error = with_helper(script, &Cancel::new()).unwrap_err().to_string();
            assert!(error.contains("docker-credential-fake") && !error.contains("hunter2"), "{error}");
        }
        for name in ["../evil", "", "a b", "no-such-helper-here"] {
            let error = Helper { name, path: None }.get("r", &Cancel::new()).unwrap_err().to_string();
            assert!(error.contains(&format!("docker-credential-{name}")), "{error}");
        }
    }

    #[test]
    fn a_silent_helper_is_killed_on_cancel() {
        let (cancel, begin) = (Cancel::new(), Instant::now());
        let raise = cancel.clone();
        let timer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            raise.cancel();
        });
        assert!(matches!(with_helper("exec sleep 30", &cancel), Err(Error::Canceled(_))));
        assert!(begin.elapsed() < Duration::from_secs(1));
        timer.join().unwrap();
    }
}
