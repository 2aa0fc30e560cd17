//! A verdict for people and for programs. PURE.

use super::{Difference, Verdict, What};
use serde_json::json;

/// As lines: the first step that differs with its first files, then the others by their first file.
pub fn text(verdict: &Verdict, dockerfile: &str) -> String {
    let digest = verdict.digests[0];
    if verdict.is_same() {
        return format!("the same bytes twice: {digest} ({} steps compared)\n", verdict.steps);
    }
    let mut text = String::new();
    let mut rest = &verdict.differences[..];
    let mut most = MOST;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|other| other.step == first.step && other.line == first.line).count();
        let (these, others) = rest.split_at(count);
        text.push_str(&heading(first, dockerfile));
        these.iter().take(most).for_each(|difference| text.push_str(&line(difference)));
        if count > most {
            text.push_str(&format!("  … and {} more\n", count - most));
        }
        (rest, most) = (others, 1);
    }
    text.push_str(&conclusion(verdict));
    text
}

/// How many differences of the first step are shown.
const MOST: usize = 10;

fn heading(difference: &Difference, dockerfile: &str) -> String {
    match (&difference.step, difference.line) {
        (Some(step), Some(line)) => format!("{dockerfile}:{line}: {step}\n"),
        _ if difference.what == What::Steps => "what is built\n".to_owned(),
        _ => "the configuration\n".to_owned(),
    }
}

fn line(difference: &Difference) -> String {
    let Difference { subject, what, offset, first, second, .. } = difference;
    let from = offset.map(|offset| format!(" from byte {offset} on")).unwrap_or_default();
    format!("  {subject}: {} differs{from}: {first}, then {second}\n", what.word())
}

fn conclusion(verdict: &Verdict) -> String {
    let [first, second] = verdict.digests;
    let mut text = format!("not the same bytes: {first}, then {second}\n");
    if verdict.is_times_only() {
        text.push_str("times only\n");
        if !verdict.clamped {
            text.push_str("hint: give the build a time, as in --source-date-epoch \"$(git log -1 --format=%ct)\"\n");
        }
    }
    text
}

/// As one object of JSON.
pub fn json(verdict: &Verdict) -> String {
    let [first, second] = verdict.digests.map(|digest| digest.to_string());
    let value = json!({
        "same": verdict.is_same(),
        "timesOnly": verdict.is_times_only(),
        "steps": verdict.steps,
        "digests": [first, second],
        "differences": verdict.differences,
    });
    format!("{value:#}\n")
}
