//! What may help after a RUN that failed, from its exit code, its last lines and what it was not given. Runs nothing.

use crate::solve::Work;
use crate::solve::layer;
use crate::tree::{Follow, resolve};
use rbuild_graph::{Mount, RunOp};
use rbuild_store::layer::View;

/// How a process ended.
pub(super) struct Failure<'a> {
    /// The exit code, as a shell gives it.
    pub(super) code: u8,
    /// Its last lines.
    pub(super) tail: &'a [String],
}

/// The one thing that helps most.
pub(super) fn advice(work: &Work<'_>, run: &RunOp, view: &View, failure: &Failure<'_>) -> Option<String> {
    not_given(work, run).or_else(|| match failure.code {
        126 => Some("it is there but cannot be run: see its mode, and what it is made for".to_owned()),
        127 => not_found(run, view, failure.tail),
        137 => Some("137 is 128 + 9, SIGKILL: mostly the machine ran out of memory".to_owned()),
        139 => Some("139 is 128 + 11, SIGSEGV: a program crashed".to_owned()),
        _ => None,
    })
}

/// A secret or agent that is mounted where it is given, and was not.
fn not_given(work: &Work<'_>, run: &RunOp) -> Option<String> {
    run.mounts.iter().find_map(|mount| match mount {
        Mount::Secret(secret) if matches!((work.inputs.secret)(&secret.id), Ok(None)) => {
            Some(format!("the secret {0} was not given: --secret id={0},src=FILE", secret.id))
        }
        Mount::Ssh(ssh) if (work.inputs.ssh)(&ssh.id).is_none() => {
            Some(format!("the ssh agent {0} was not given: --ssh {0}", ssh.id))
        }
        _ => None,
    })
}

fn not_found(run: &RunOp, view: &View, tail: &[String]) -> Option<String> {
    let program = String::from_utf8_lossy(run.argv.first()?).into_owned();
    if let Some(name) = tail.iter().rev().find_map(|line| missing_command(line)) {
        let near = nearest(run, view, &name);
        return Some(near.map_or_else(|| install(&name), |near| format!("did you mean {near}?")));
    }
    // Of a program that is there the error says what it misses.
    if !tail.is_empty() || has(view, &program) {
        return None;
    }
    if run.argv.len() == 3 && ["-c", "/C"].iter().any(|flag| run.argv[1] == flag.as_bytes()) {
        let way_out = "start from an image with a shell, or name a program: RUN [\"program\", \"argument\"]";
        return Some(format!("the image has no {program}, the shell of RUN: {way_out}"));
    }
    let near = nearest(run, view, &program);
    Some(near.map_or_else(|| install(&program), |near| format!("did you mean {near}?")))
}

fn install(program: &str) -> String {
    format!("the image has no {program}: install it in an earlier step")
}

/// The command in a shell's complaint: `/bin/sh: 1: pyton: not found`, `bash: line 1: pyton: command not found`.
fn missing_command(line: &str) -> Option<String> {
    let before = line.strip_suffix(": command not found").or_else(|| line.strip_suffix(": not found"))?;
    let name = before.rsplit(": ").next()?.trim();
    (!name.is_empty() && !name.contains(char::is_whitespace)).then(|| name.to_owned())
}

fn has(view: &View, path: &str) -> bool {
    let lookup = layer::lookup(view);
    let found = resolve(&lookup, path.as_bytes(), Follow::All);
    path.starts_with('/') && found.is_ok_and(|path| view.lookup(&path).is_some())
}

/// The program of the search path whose name is nearest.
fn nearest(run: &RunOp, view: &View, name: &str) -> Option<String> {
    let lookup = layer::lookup(view);
    let path = run.env.iter().rfind(|(name, _)| name == "PATH").map_or("", |(_, value)| value);
    let mut programs: Vec<String> = Vec::new();
    for directory in path.split(':') {
        let Ok(directory) = resolve(&lookup, directory.as_bytes(), Follow::All) else { continue };
        let names = view.list(&directory);
        programs.extend(names.iter().map(|found| String::from_utf8_lossy(found.entry.name()).into_owned()));
    }
    dockerfile_parser::nearest(name, programs.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::missing_command;

    #[test]
    fn shells_say_what_they_miss() {
        for (line, expected) in [
            ("/bin/sh: pyton: not found", Some("pyton")),
            ("/bin/sh: 1: pyton: not found", Some("pyton")),
            ("/bin/bash: line 2: pyton: command not found", Some("pyton")),
            ("make: cc: No such file or directory", None),
            ("the file: not here", None),
        ] {
            assert_eq!(missing_command(line).as_deref(), expected, "{line}");
        }
    }
}
