//! `rbuild build` and the questions that `--call` asks instead of building: one file a question.

mod check;
mod outline;
mod targets;

use super::build;
use super::globals::Globals;
use crate::args::BuildArgs;
use crate::error::{Error, Result};
use clap::{Args, ValueEnum};
use std::process::ExitCode;

/// Build an image from a Dockerfile
#[derive(Args, Clone, Debug)]
#[command(after_help = crate::args::EXIT_CODES)]
pub(super) struct CallArgs {
    /// What to do: build, check, outline or targets; a form may follow, as in `check,format=json`
    #[arg(long, value_name = "METHOD[,format=FORM]", default_value = "build")]
    call: String,
    /// Look for mistakes instead of building: `--call=check`
    #[arg(long)]
    check: bool,
    /// How to show what --call comes to
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Form>,
    #[command(flatten)]
    build: BuildArgs,
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Text,
    /// As docker's.
    Json,
    /// SARIF 2.1.0, of a check.
    Sarif,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Build,
    Check,
    Outline,
    Targets,
}

const METHODS: [(&str, Method); 5] = [
    ("build", Method::Build),
    ("check", Method::Check),
    ("lint", Method::Check),
    ("outline", Method::Outline),
    ("targets", Method::Targets),
];

/// A call, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    method: Method,
    form: Option<Form>,
    /// Whether findings leave the exit code alone.
    ignore_status: bool,
}

/// Builds, or answers.
pub(super) fn run(args: &CallArgs, globals: &Globals) -> Result<ExitCode> {
    let call = args.call()?;
    let form = call.form.unwrap_or_default();
    match call.method {
        Method::Build if call.form.is_some() => Err(Error::Usage("--format is for --call and --check".to_owned())),
        Method::Build => build::run(&args.build, globals),
        Method::Check => check::run(&args.build, globals, call),
        Method::Outline | Method::Targets if form == Form::Sarif => {
            Err(Error::Usage("only a check has the form sarif: use text or json".to_owned()))
        }
        Method::Outline => outline::run(&args.build, globals, form),
        Method::Targets => targets::run(&args.build, globals, form),
    }
}

impl CallArgs {
    fn call(&self) -> Result<Call> {
        let mut call = Call { method: Method::Build, form: self.format, ignore_status: false };
        for (index, field) in self.call.split(',').enumerate() {
            match field.split_once('=') {
                None if index == 0 => call.method = method(field)?,
                Some(("format", form)) if call.form.is_none() => call.form = Some(parse_form(form)?),
                Some(("ignorestatus", text)) => call.ignore_status = matches!(text, "true" | "1"),
                _ => return Err(Error::Usage(format!("--call={}: cannot use {field:?}", self.call))),
            }
        }
        match call.method {
            Method::Build if self.check => Ok(Call { method: Method::Check, ..call }),
            other if self.check && other != Method::Check => {
                Err(Error::Usage(format!("--check and --call={} are two questions", self.call)))
            }
            _ => Ok(call),
        }
    }
}

fn method(name: &str) -> Result<Method> {
    let found = METHODS.iter().find(|(known, _)| *known == name).map(|(_, method)| *method);
    found.ok_or_else(|| {
        let near = dockerfile_parser::did_you_mean(name, METHODS.map(|(known, _)| known));
        let hint = dockerfile_parser::question(near);
        Error::Usage(format!("--call={name} is not known{hint}: use build, check, outline or targets"))
    })
}

fn parse_form(name: &str) -> Result<Form> {
    Form::from_str(name, false)
        .map_err(|_| Error::Usage(format!("--call: the format {name:?} is not known: use text, json or sarif")))
}
