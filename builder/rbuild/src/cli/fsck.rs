//! `rbuild fsck`: checks the whole store and says what is wrong; with `--repair` puts away what can be made again.

use super::globals::Globals;
use super::ground::stand;
use super::out::print;
use crate::error::Result;
use crate::fsck::{Finding, Looked, Mended, check, check_documents, mend};
use crate::render::human;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rbuild_oci::Cancel;
use rbuild_store::Store;
use std::process::ExitCode;

/// Check the whole store, every byte of it
#[derive(Args, Clone, Debug)]
#[command(after_help = "Exit codes: 0 nothing is wrong, 1 something is, 2 a command line that makes no sense")]
pub(super) struct FsckArgs {
    /// Put damaged content of the cache away, so that it is made or fetched again; tags, containers and volumes stay
    #[arg(long)]
    repair: bool,
}

/// Checks, and says what is wrong.
pub(super) fn run(args: &FsckArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    stand(globals, store, |ground| {
        let (store, cancel) = (&ground.store, &ground.cancel);
        let report = check(store, &*progress(), cancel)?;
        let mut text: String = report.findings.iter().map(shown).collect();
        let mut left = report.findings.len();
        if args.repair && left > 0 {
            let (said, rest) = repair(store, &report.findings, cancel)?;
            text.push_str(&said);
            left = rest;
        }
        text.extend(report.notes.iter().map(|note| format!("note: {note}\n")));
        text.push_str(&summary(&report.looked, report.findings.len()));
        print(&text)?;
        Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Puts away what can be, and says so; also how much is wrong after that, which may be more: an image without a layer
/// that was damaged is not whole.
fn repair(store: &Store, findings: &[Finding], cancel: &Cancel) -> Result<(String, usize)> {
    let (mut text, mut kept) = (String::new(), Vec::new());
    for finding in findings {
        match mend(store, finding, cancel)? {
            Mended::Yes => text.push_str(&format!("repaired: {}\n", finding.subject)),
            Mended::Busy => {
                kept.push(finding);
                text.push_str(&format!("in use, try again later: {}\n", finding.subject));
            }
            Mended::No => kept.push(finding),
        }
    }
    store.refs().refresh().or_else(|error| if findings.iter().any(is_of_user) { Ok(()) } else { Err(error) })?;
    let rest = check_documents(store)?;
    let known = |finding: &&Finding| !findings.contains(finding);
    text.extend(rest.iter().filter(known).map(shown));
    let more = kept.iter().filter(|finding| !rest.contains(finding)).count();
    Ok((text, rest.len() + more))
}

/// Whether only a person can tell what to do, so that more may not work.
fn is_of_user(finding: &Finding) -> bool {
    finding.remedy == crate::fsck::Remedy::None
}

fn shown(finding: &Finding) -> String {
    let Finding { subject, wrong, meaning, advice, .. } = finding;
    format!("{subject}: {wrong}\n  what it means: {meaning}\n  what helps: {advice}\n")
}

fn summary(looked: &Looked, findings: usize) -> String {
    let Looked { blobs, bytes, encoded, tags, indexes, records, snapshots, containers, volumes } = looked;
    let parts = [
        (*blobs, "blobs"),
        (*encoded, "compressed layers"),
        (*tags, "tags"),
        (*indexes, "indexes"),
        (*records, "records"),
        (*snapshots, "snapshots"),
        (*containers, "containers"),
        (*volumes, "volumes"),
    ];
    let parts: Vec<String> = parts.iter().map(|(count, what)| format!("{count} {what}")).collect();
    let found = if findings == 0 { "nothing is wrong".to_owned() } else { format!("{findings} findings") };
    format!("{} ({}): {found}\n", parts.join(", "), human::size(*bytes))
}

/// A bar on a terminal.
fn progress() -> Box<dyn Fn(u64, u64) + Sync> {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes} {elapsed}") {
        bar.set_style(style);
    }
    Box::new(move |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        if done == total {
            bar.finish_and_clear();
        }
    })
}
