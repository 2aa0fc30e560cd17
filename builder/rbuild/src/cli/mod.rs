//! The command line: one file a verb. Decides which verb runs where (inside the user namespace or outside), and what
//! the process exits with.

pub mod attach;
mod background;
pub mod build;
mod builder;
mod call;
pub mod commit;
mod container;
pub mod copy;
pub mod cp;
pub mod create;
pub mod debug;
mod df;
pub mod diff;
mod each;
pub mod exec;
pub mod explain;
pub mod export;
mod fsck;
mod globals;
mod graph;
mod ground;
pub mod history;
mod image;
mod image_filter;
pub mod images;
mod images_usage;
pub mod import;
pub mod info;
pub mod inspect;
mod inspect_container;
mod label;
pub mod load;
mod lock;
mod login;
mod logout;
pub mod logs;
mod look;
pub mod manifest;
mod obtain;
mod out;
pub mod pause;
pub mod port;
mod prompt;
mod prune;
pub mod ps;
mod ps_filter;
pub mod pull;
pub mod push;
mod reclaimed;
mod registry;
pub mod rename;
pub mod rm;
pub mod rmi;
pub mod run;
pub mod save;
mod signals;
pub mod start;
pub mod stop;
pub mod supervise;
mod system;
pub mod tag;
pub mod top;
mod verbs;
mod verify;
pub mod volume;
mod would;

pub use globals::Globals;

use crate::error::Error;
use crate::report;
use clap::{Arg, ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;
use verbs::Verb;

/// Build container images from Dockerfiles: no daemon, no root
#[derive(Parser, Debug)]
#[command(name = "rbuild", version, about, max_term_width = 100, infer_subcommands = false)]
#[command(after_help = crate::args::EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    verb: Verb,
}

/// Runs the command line and says how the process ends.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let typed: Vec<OsString> = args.into_iter().collect();
    let words = with_verb(typed.clone());
    let cli = match understood(&words) {
        Ok(cli) => cli,
        Err(error) => return not_understood(&words, error),
    };
    cli.verb.run(&cli.globals).unwrap_or_else(|error| fail(&with_near_verb(&typed, error)))
}

/// What a command line means. Most give flags no values, so that those are only described where one does not.
fn understood(words: &[OsString]) -> std::result::Result<Cli, clap::Error> {
    match parsed(words, |verb| verb) {
        Err(error) if error.use_stderr() && gives_values(words) => parsed(words, with_values),
        plain => plain,
    }
}

/// Whether an option has its value in the same word.
fn gives_values(words: &[OsString]) -> bool {
    words.iter().any(|word| word.to_str().is_some_and(|word| word.starts_with('-') && word.contains('=')))
}

/// Only the verb of the command line is described: all take longer than many of them need.
fn parsed(words: &[OsString], flags: fn(Command) -> Command) -> std::result::Result<Cli, clap::Error> {
    let word = words.get(first_word(words)).and_then(|word| word.to_str());
    let Some(verb) = word.and_then(Verb::command) else { return Cli::try_parse_from(words) };
    let cli = flags(Globals::augment_args(Command::new("rbuild")).subcommand(verb));
    Cli::from_arg_matches_mut(&mut cli.try_get_matches_from(words)?)
}

/// A command whose flags take docker's values, as in `--rm=true` and `-d=false`.
fn with_values(command: Command) -> Command {
    let flag = |arg: Arg| match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .value_parser(|text: &str| dockerfile_parser::go_bool(text.as_bytes()).ok_or("it is true or false")),
        _ => arg,
    };
    command.mut_args(flag).mut_subcommands(with_values)
}

/// Says what is wrong with a command line, or prints the help that it asks for, as one that knows all verbs.
fn not_understood(words: &[OsString], error: clap::Error) -> ExitCode {
    let complete = |flags: fn(Command) -> Command| {
        let mut cli = flags(Cli::command());
        cli.build();
        cli.try_get_matches_from(words).err()
    };
    let plain = complete(|cli| cli).filter(|error| !error.use_stderr() || !gives_values(words));
    let error = plain.or_else(|| complete(with_values)).unwrap_or(error);
    drop(error.print());
    let is_run = words.get(first_word(words)).is_some_and(|word| word == "run" || word == "exec");
    let wrong = if is_run { crate::container::FAILED } else { 2 };
    ExitCode::from(if error.use_stderr() { wrong } else { 0 })
}

/// What is taken for a context may be a verb with a slip.
fn with_near_verb(typed: &[OsString], error: Error) -> Error {
    let (Error::Usage(text), Some(word)) = (&error, typed.get(first_word(typed)).and_then(|word| word.to_str())) else {
        return error;
    };
    let cli = Cli::command();
    match dockerfile_parser::did_you_mean(word, cli.get_subcommands().map(Command::get_name)) {
        Some(verb) => Error::Usage(format!("{text}; did you mean rbuild {verb}?")),
        None => error,
    }
}

fn fail(error: &Error) -> ExitCode {
    out::complain_of(&report::plain(error));
    report::exit_code(error)
}

/// `rbuild -f Dockerfile -t name .` is a build without saying so.
fn with_verb(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_verb = |arg: &OsString| {
        let word = arg.to_str().unwrap_or_default();
        ["help", "--help", "-h", "--version", "-V"].contains(&word) || Verb::has_subcommand(word)
    };
    let first = first_word(&args);
    if args.get(first).is_some_and(|arg| !is_verb(arg)) {
        args.insert(first, "build".into());
    }
    args
}

/// The options that may stand before the verb, and in how many words where the value is not in the same one.
const OF_ALL_VERBS: [(&str, usize); 4] =
    [("--root", 2), ("--storage-driver", 2), ("--storage-opt", 2), ("--offline", 1)];

/// Where the verb stands, or would stand: behind the options of all verbs.
fn first_word(args: &[OsString]) -> usize {
    let mut first = 1;
    while let Some(arg) = args.get(first).and_then(|arg| arg.to_str()) {
        let found = OF_ALL_VERBS.iter().find_map(|(option, words)| Some((arg.strip_prefix(option)?, words)));
        match found {
            Some(("", words)) => first += words,
            Some((value, _)) if value.starts_with('=') => first += 1,
            _ => break,
        }
    }
    first
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
            ("rbuild --offline -t x .", "rbuild --offline build -t x ."),
            ("rbuild --offline --root /r pull x", "rbuild --offline --root /r pull x"),
            ("rbuild --offline=true .", "rbuild --offline=true build ."),
            ("rbuild --root=/r graph .", "rbuild --root=/r graph ."),
            ("rbuild --help", "rbuild --help"),
            ("rbuild", "rbuild"),
        ] {
            assert_eq!(words(line), expected);
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        with_values(Cli::command()).debug_assert();
    }

    #[test]
    fn flags_take_values_as_dockers_do() {
        let understood = |line: &str| {
            let args = line.split(' ').map(OsString::from).collect();
            super::understood(&with_verb(args)).map(|cli| format!("{cli:?}")).map_err(|error| error.to_string())
        };
        for (line, plain) in [
            ("rbuild run --rm=true -it x", "rbuild run --rm -it x"),
            ("rbuild run --rm=1 -d=false x", "rbuild run --rm x"),
            ("rbuild run --init=f -it --read-only=T x a=b", "rbuild run -it --read-only x a=b"),
            ("rbuild build --no-cache=true -q=0 .", "rbuild build --no-cache ."),
            ("rbuild ps -a=true", "rbuild ps -a"),
            ("rbuild container prune -f=true", "rbuild container prune -f"),
            ("rbuild --offline=true pull x", "rbuild --offline pull x"),
            ("rbuild pull --offline=0 x", "rbuild pull x"),
        ] {
            assert_eq!(understood(line).unwrap(), understood(plain).unwrap(), "{line}");
        }
        for (wrong, why) in [
            ("rbuild run --rm=maybe x", "it is true or false"),
            ("rbuild run --rm=true --nosuch x", "--nosuch"),
            ("rbuild ps --all=", "--all"),
        ] {
            let error = understood(wrong).unwrap_err();
            assert!(error.contains(why) && !error.contains("unexpected value"), "{wrong}: {error}");
        }
        let help = understood("rbuild run --rm=true --help").unwrap_err();
        assert!(help.contains("--rm"), "{help}");
    }
}
