//! The command line: one file a verb. Decides which verb runs where (inside the user namespace or outside), and what the
//! process exits with.

pub mod build;
mod globals;
mod graph;
mod signals;

pub use globals::Globals;

use crate::error::Error;
use crate::report;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Build container images from Dockerfiles: no daemon, no root
#[derive(Parser, Debug)]
#[command(name = "rbuild", version, about, max_term_width = 100, infer_subcommands = false)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    Build(build::BuildArgs),
    Graph(graph::GraphArgs),
}

/// The verbs, and what else may stand first on a command line that is not a build.
const FIRST_WORDS: [&str; 6] = ["build", "graph", "help", "--help", "--version", "-V"];

/// Runs the command line and says how the process ends.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(with_verb(args.into_iter().collect())) {
        Ok(cli) => cli,
        Err(error) => {
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let result = match cli.verb {
        Verb::Build(args) => build::run(&args, &cli.globals),
        Verb::Graph(args) => graph::run(&args, &cli.globals),
    };
    result.unwrap_or_else(|error| fail(&error))
}

fn fail(error: &Error) -> ExitCode {
    eprint!("{}", report::plain(error));
    report::exit_code(error)
}

/// `rbuild -f Dockerfile -t name .` is a build without saying so.
fn with_verb(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_verb = |arg: &OsString| arg.to_str().is_some_and(|arg| FIRST_WORDS.contains(&arg) || arg == "-h");
    let mut first = 1;
    while let Some(arg) = args.get(first).and_then(|arg| arg.to_str()) {
        match arg {
            "--root" | "--storage-driver" => first += 2,
            _ if arg.starts_with("--root=") || arg.starts_with("--storage-driver=") => first += 1,
            _ => break,
        }
    }
    if args.get(first).is_some_and(|arg| !is_verb(arg)) {
        args.insert(first, "build".into());
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> String {
        let args = line.split(' ').map(OsString::from).collect();
        with_verb(args).iter().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_bare_command_line_is_a_build() {
        for (line, expected) in [
            ("rbuild -f Dockerfile -t x .", "rbuild build -f Dockerfile -t x ."),
            ("rbuild --root /r -t x .", "rbuild --root /r build -t x ."),
            ("rbuild .", "rbuild build ."),
            ("rbuild build .", "rbuild build ."),
            ("rbuild --root=/r graph .", "rbuild --root=/r graph ."),
            ("rbuild --help", "rbuild --help"),
            ("rbuild", "rbuild"),
        ] {
            assert_eq!(words(line), expected);
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
