//! `rbuild build --check`: what is odd in a Dockerfile, in all its stages unless a target is named. Builds nothing.

use super::{Call, Form, Globals};
use crate::args::BuildArgs;
use crate::cli::look::Look;
use crate::cli::out::{complain_of, print};
use crate::error::{Error, Result};
use crate::render::findings::{Failure, Report};
use crate::report;
use dockerfile_parser::Source;
use std::process::ExitCode;

/// Prints what is found; fails where anything is.
pub(super) fn run(args: &BuildArgs, globals: &Globals, call: Call) -> Result<ExitCode> {
    let mut look = Look::new(args, globals)?;
    look.request.graph.all_stages = look.request.graph.target.is_none();
    let mut linter = look.request.graph.linter()?;
    let planned = look.plan(&mut linter);
    let dockerfile = &look.request.dockerfile;
    let error = planned.err().or_else(|| Error::of_lint(&linter));
    let report = Report {
        file: &dockerfile.name,
        source: Source::new(&dockerfile.bytes),
        findings: linter.warnings().collect(),
        error: error.as_ref().map(|error| Failure { message: error.to_string(), span: report::span(error) }),
    };
    print(&match call.form.unwrap_or_default() {
        Form::Text => report.text(),
        Form::Json => report.json(),
        Form::Sarif => report.sarif(),
    })?;
    match &error {
        Some(error) => {
            complain_of(&report::with_source(error, &dockerfile.name, &dockerfile.bytes));
            Ok(report::exit_code(error))
        }
        None if call.ignore_status || report.findings.is_empty() => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}
