//! Credential helpers: `docker-credential-NAME get` reads a server on standard input and answers in JSON. Knows the
//! helpers' protocol only.

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

/// Longer answers are cut, and so refused.
const ANSWER_LIMIT: u64 = 1 << 20;

/// What helper `name` keeps for `server`; none if it has nothing. `path` is where it is looked for.
pub(crate) fn get(name: &str, server: &str, path: Option<&OsString>, cancel: &Cancel) -> Result<Option<Login>> {
    let origin = format!("docker-credential-{name}");
    let wrong = |reason: String| Error::Credentials { origin: origin.clone(), reason };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(wrong("it is no name of a helper".to_owned()));
    }
    let (status, output) = run(&origin, server, path, cancel)?.map_err(|error| wrong(error.to_string()))?;
    if !status.success() {
        let text = String::from_utf8_lossy(&output);
        let nothing = text.contains("credentials not found");
        return if nothing { Ok(None) } else { Err(wrong(format!("it ends with {status} for {server}"))) };
    }
    let answer: Answer = serde_json::from_slice(&output).map_err(|_| wrong(format!("no valid answer for {server}")))?;
    let kind = match answer.username.as_str() {
        "" if answer.secret.is_empty() => return Ok(None),
        "<token>" => LoginKind::Identity(Secret::new(answer.secret)),
        user => password(user, &answer.secret),
    };
    Ok(Some(Login { kind, origin }))
}

/// Runs a helper to its end; a raised flag kills it.
fn run(
    program: &str,
    server: &str,
    path: Option<&OsString>,
    cancel: &Cancel,
) -> Result<io::Result<(ExitStatus, Vec<u8>)>> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let child = match command.spawn() {
        Ok(child) => Arc::new(Mutex::new(child)),
        Err(error) => return Ok(Err(error)),
    };
    let doomed = child.clone();
    // The lock is taken by others only while a helper that has closed its output is on its way out.
    let _kill = cancel.on_cancel(move || drop(doomed.try_lock().map(|mut child| child.kill())));
    let server = server.to_owned();
    Ok(wait::or_cancel(cancel, move || converse(&child, &server))?)
}

fn converse(child: &Mutex<Child>, server: &str) -> io::Result<(ExitStatus, Vec<u8>)> {
    let (input, output) = {
        let mut child = lock(child);
        (child.stdin.take(), child.stdout.take())
    };
    if let Some(mut input) = input {
        match input.write_all(server.as_bytes()) {
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
        get("fake", "https://index.docker.io/v1/", Some(&path), cancel).map(|found| found.map(|login| login.kind))
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
            let error = get(name, "r", None, &Cancel::new()).unwrap_err().to_string();
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
