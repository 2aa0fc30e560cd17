//! What a prune would do, told before it does it: each thing with its size, when it was last used, and why it may go; and
//! what stays and why. PURE: text only.

use crate::prune::{Class, Plan, Thing};
use crate::render::{align, human};
use rbuild_oci::Timestamp;

/// The text; with what stays where that is asked for.
pub(super) fn would(plan: &Plan, with_rest: bool, now: Timestamp) -> String {
    let mut text = String::new();
    if !plan.go.is_empty() {
        text.extend(["Would be deleted:\n", &table(&plan.go, now), "\n"]);
    }
    if with_rest && !plan.stay.is_empty() {
        let mut stay: Vec<Thing> = plan.stay.clone();
        stay.sort_by_key(|thing| thing.class);
        text.extend(["Would stay:\n", &table(&stay, now), "\n"]);
    }
    text + &format!("Total reclaimable space: {}\n", human::precise_size(plan.bytes()))
}

fn table(things: &[Thing], now: Timestamp) -> String {
    let mut text = "TYPE\tID\tSIZE\tLAST USED\tWHAT\tWHY\n".to_owned();
    for thing in things {
        let used = if thing.used == Timestamp::default() { "N/A".to_owned() } else { human::ago(thing.used, now) };
        let what = human::ellipsis(&one_line(&thing.what), WIDTH);
        text.extend([thing.kind, "\t", &short(thing), "\t", &human::size(thing.bytes), "\t", &used, "\t", &what, "\t"]);
        text.extend([&thing.why, "\n"]);
    }
    align(&text)
}

/// How much of what a thing is called is shown.
const WIDTH: usize = 45;

/// An id as people read it.
pub(super) fn short(thing: &Thing) -> String {
    let is_id = |id: &str| id.len() >= 64 && id.bytes().take(64).all(|byte| byte.is_ascii_hexdigit());
    match thing.class {
        Class::Volume => human::ellipsis(&thing.id, WIDTH),
        _ if is_id(&thing.id) => thing.id.chars().take(12).collect(),
        _ => thing.id.clone(),
    }
}

/// Text for one cell of a table.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
