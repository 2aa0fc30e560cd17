//! `rbuild build --call=targets`: the stages of a Dockerfile and what the comments above them say.

use super::{Form, Globals};
use crate::args::BuildArgs;
use crate::cli::look::Look;
use crate::cli::out::{complain_of, print};
use crate::error::{Error, Result};
use crate::render::align_by;
use crate::render::findings::{object, ranges};
use crate::report;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dockerfile_parser::instruction::From;
use dockerfile_parser::{Instruction, Kind, parse};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Prints the stages.
pub(super) fn run(args: &BuildArgs, globals: &Globals, form: Form) -> Result<ExitCode> {
    let dockerfile = Look::new(args, globals)?.request.dockerfile;
    let file = match parse(&dockerfile.bytes) {
        Ok(file) => file,
        Err(error) => {
            let error = Error::Parse(error);
            complain_of(&report::with_source(&error, &dockerfile.name, &dockerfile.bytes));
            return Ok(report::exit_code(&error));
        }
    };
    let mut targets: Vec<Target<'_>> = file.instructions.iter().filter_map(Target::of).collect();
    if let Some(last) = targets.last_mut() {
        last.is_default = true;
    }
    print(&match form {
        Form::Json => json(&targets, &dockerfile.bytes),
        Form::Text | Form::Sarif => text(&targets),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A stage, as somebody who builds it sees it.
struct Target<'a> {
    head: &'a Instruction,
    from: &'a From,
    name: String,
    description: String,
    is_default: bool,
}

impl<'a> Target<'a> {
    fn of(head: &'a Instruction) -> Option<Self> {
        let Kind::From(from) = &head.kind else { return None };
        let name = from.name.as_ref().map(|name| name.to_str_lossy().into_owned()).unwrap_or_default();
        let description = if name.is_empty() { None } else { head.description(name.as_bytes()) };
        let description = description.map(|text| text.to_str_lossy().into_owned()).unwrap_or_default();
        Some(Self { head, from, name, description, is_default: false })
    }

    fn shown(&self) -> String {
        match (&self.name[..], self.is_default) {
            ("", true) => "(default)".to_owned(),
            (name, true) => format!("{name} (default)"),
            (name, false) => name.to_owned(),
        }
    }

    fn json(&self) -> Value {
        let text = |text: &str| (!text.is_empty()).then(|| Value::from(text));
        object([
            ("name", text(&self.name)),
            ("default", self.is_default.then(|| true.into())),
            ("description", text(&self.description)),
            ("base", text(&self.from.image.to_str_lossy())),
            ("platform", self.from.platform.as_ref().and_then(|platform| text(&platform.to_str_lossy()))),
            ("location", Some(ranges(self.head.first_line, self.head.last_line))),
        ])
    }
}

fn text(targets: &[Target<'_>]) -> String {
    let line = |target: &Target<'_>| format!("{}\t{}\n", target.shown(), target.description);
    let lines: String = targets.iter().map(line).collect();
    align_by(&format!("TARGET\tDESCRIPTION\n{lines}"), 0, 1)
}

fn json(targets: &[Target<'_>], source: &[u8]) -> String {
    let targets: Vec<Value> = targets.iter().map(Target::json).collect();
    format!("{:#}\n", json!({"targets": targets, "sources": [STANDARD.encode(source)]}))
}
