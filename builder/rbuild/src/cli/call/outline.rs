//! `rbuild build --call=outline`: what a target can be given, as build arguments, secrets and ssh agents, in the order
//! of the file. Builds nothing.

use super::{Form, Globals};
use crate::args::BuildArgs;
use crate::cli::look::Look;
use crate::cli::out::{complain_of, print};
use crate::error::Result;
use crate::render::align_by;
use crate::render::findings::{object, ranges};
use crate::report;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dockerfile_parser::lint::{Linter, Place};
use rbuild_graph::{Argument, Credential, Parameters};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Prints the outline of the target.
pub(super) fn run(args: &BuildArgs, globals: &Globals, form: Form) -> Result<ExitCode> {
    let look = Look::new(args, globals)?;
    let dockerfile = &look.request.dockerfile;
    match look.plan(&mut Linter::default()) {
        Ok(graph) => {
            let parameters = graph.targets.into_iter().next().map(|target| target.parameters).unwrap_or_default();
            print(&match form {
                Form::Json => json(&parameters, &dockerfile.bytes),
                Form::Text | Form::Sarif => text(&parameters),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            complain_of(&report::with_source(&error, &dockerfile.name, &dockerfile.bytes));
            Ok(report::exit_code(&error))
        }
    }
}

/// Up to four tables, as docker prints them.
fn text(parameters: &Parameters) -> String {
    let description = parameters.description.as_ref().map(|text| format!("DESCRIPTION:\t{text}\n")).unwrap_or_default();
    let head = parameters.target.as_ref().map(|name| align_by(&format!("TARGET:\t{name}\n{description}"), 0, 1));
    let argument = |(name, argument): (&str, &Argument)| {
        format!("{name}\t{}\t{}\n", argument.value, argument.description.as_deref().unwrap_or_default())
    };
    let args: String = in_order(&parameters.args, |one| one.place).map(argument).collect();
    let args = (!args.is_empty()).then(|| align_by(&format!("BUILD ARG\tVALUE\tDESCRIPTION\n{args}"), 0, 3));
    let tables = [head, args, credentials("SECRET", &parameters.secrets), credentials("SSH", &parameters.ssh)];
    tables.into_iter().flatten().map(|table| table + "\n").collect()
}

fn credentials(kind: &str, all: &BTreeMap<String, Credential>) -> Option<String> {
    let row = |(id, one): (&str, &Credential)| format!("{id}\t{}\n", if one.required { "true" } else { "" });
    let rows: String = in_order(all, |one| one.place).map(row).collect();
    (!rows.is_empty()).then(|| align_by(&format!("{kind}\tREQUIRED\n{rows}"), 0, 3))
}

/// In the order of the Dockerfile.
fn in_order<T>(all: &BTreeMap<String, T>, place: fn(&T) -> Place) -> impl Iterator<Item = (&str, &T)> {
    let mut all: Vec<(&str, &T)> = all.iter().map(|(name, one)| (name.as_str(), one)).collect();
    all.sort_by_key(|(_, one)| place(one));
    all.into_iter()
}

fn json(parameters: &Parameters, source: &[u8]) -> String {
    let text = |text: Option<&String>| text.filter(|text| !text.is_empty()).map(|text| Value::from(text.as_str()));
    let argument = |(name, one): (&str, &Argument)| {
        object([
            ("name", Some(name.into())),
            ("description", text(one.description.as_ref())),
            ("value", text(Some(&one.value))),
            ("location", Some(ranges(one.place.first_line, one.place.last_line))),
        ])
    };
    let credential = |(id, one): (&str, &Credential)| {
        object([
            ("name", Some(id.into())),
            ("required", one.required.then(|| true.into())),
            ("location", Some(ranges(one.place.first_line, one.place.last_line))),
        ])
    };
    let list = |all: Vec<Value>| (!all.is_empty()).then_some(Value::Array(all));
    let value = object([
        ("name", text(parameters.target.as_ref())),
        ("description", text(parameters.description.as_ref())),
        ("args", list(in_order(&parameters.args, |one| one.place).map(argument).collect())),
        ("secrets", list(in_order(&parameters.secrets, |one| one.place).map(credential).collect())),
        ("ssh", list(in_order(&parameters.ssh, |one| one.place).map(credential).collect())),
        ("sources", Some(vec![STANDARD.encode(source)].into())),
    ]);
    format!("{value:#}\n")
}
