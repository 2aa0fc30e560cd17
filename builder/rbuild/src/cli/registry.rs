//! `rbuild registry doctor`: what works on the way to a registry, what does not, and what to change.

use super::globals::Globals;
use super::out::print;
use super::signals::cancel_on_signal;
use crate::error::{Error, Result};
use clap::{Args, Subcommand};
use rbuild_oci::{Cancel, Reference};
use rbuild_registry::{Finding, Patient, State, examine, registry_of};
use std::process::ExitCode;

/// Look after the way to registries
#[derive(Args, Clone, Debug)]
pub(super) struct RegistryArgs {
    #[command(subcommand)]
    verb: RegistryVerb,
}

/// What to do.
#[derive(Subcommand, Clone, Debug)]
enum RegistryVerb {
    /// Say step by step what works on the way to a registry, and what to change
    Doctor {
        /// Registry, or an image in it
        #[arg(value_name = "HOST[:PORT][/NAME[:TAG]]")]
        subject: String,
    },
}

/// Does it; exits with 1 where a step fails.
pub(super) fn run(args: &RegistryArgs, globals: &Globals) -> Result<ExitCode> {
    let RegistryVerb::Doctor { subject } = &args.verb;
    let (patient, cancel) = (patient(subject)?, Cancel::new());
    let _watch = cancel_on_signal(&cancel)?;
    let mut said = Ok(());
    let well = examine(&globals.registries(&cancel), &patient, &mut |finding| {
        if said.is_ok() {
            said = print(&text(&finding));
        }
    })?;
    said?;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A registry by its host, or an image by its name.
fn patient(subject: &str) -> Result<Patient> {
    if let Some(registry) = registry_of(Some(subject)) {
        return Ok(Patient { registry, image: None });
    }
    let image: Reference = subject.parse().map_err(|error| {
        Error::Usage(format!("{subject:?} is neither a registry, HOST[:PORT], nor an image: {error}"))
    })?;
    Ok(Patient { registry: image.registry().to_owned(), image: Some(image) })
}

/// A finding on a line, its advice on the next.
fn text(finding: &Finding) -> String {
    let Finding { step, state, text, advice } = finding;
    let mark = match state {
        State::Heading => return format!("\n{step} {text}\n"),
        State::Good => "ok",
        State::Note => "note",
        _ => "FAIL",
    };
    let advice = advice.as_ref().map_or_else(String::new, |advice| format!("                  -> {advice}\n"));
    format!("{mark:<5} {step:<11} {text}\n{advice}")
}
