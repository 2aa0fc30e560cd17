//! `rbuild build --check`: what is odd in a Dockerfile, in all its stages unless a target is named. Builds nothing.

use super::{BuildArgs, Form, Globals};
use crate::build::plan;
use crate::cli::out::{complain, print};
use crate::error::{Error, Result};
use crate::import::Images;
use crate::render::findings::{Failure, Report};
use crate::report;
use crate::request::BuildRequest;
use dockerfile_parser::Source;
use rbuild_oci::Cancel;
use rbuild_registry::{Client, Config};
use std::process::ExitCode;

/// Prints what is found; fails where anything is.
pub(super) fn run(args: &BuildArgs, globals: &Globals, form: Form, ignore_status: bool) -> Result<ExitCode> {
    let mut request = BuildRequest::resolve(args, &|name| std::env::var(name).ok())?;
    request.graph.all_stages = request.graph.target.is_none();
    let mut linter = request.graph.linter()?;
    let (store, cancel) = (globals.store()?, Cancel::new());
    let client = Client::new(Config::from_env(&|name| std::env::var_os(name)), &cancel);
    let images = Images::new(&store, &request.named, &client, &cancel);
    let planned = plan(&request, &images, &cancel, &mut linter);
    let error = planned.err().or_else(|| Error::of_lint(&linter));
    let report = Report {
        file: &request.dockerfile.name,
        source: Source::new(&request.dockerfile.bytes),
        findings: linter.warnings().collect(),
        error: error.as_ref().map(|error| Failure { message: error.to_string(), span: report::span(error) }),
    };
    print(&match form {
        Form::Text => report.text(),
        Form::Json => report.json(),
        Form::Sarif => report.sarif(),
    })?;
    match &error {
        Some(error) => {
            complain(&report::with_source(error, &request.dockerfile));
            Ok(report::exit_code(error))
        }
        None if ignore_status || report.findings.is_empty() => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}
