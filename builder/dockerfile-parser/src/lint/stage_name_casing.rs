//! `StageNameCasing`: a stage's name is in lower case.
use super::{Hits, Place, Rule, Seen, Severity};
use crate::tree::Args;
use crate::unicode;

pub(super) const RULE: Rule = Rule {
    name: "StageNameCasing",
    about: "a stage is named with upper-case letters, though names are compared in lower case",
    page: Some("stage-name-casing"),
    fix: "write the name in lower case, with '-' or '_' between words",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Written(node) = seen else { return };
    let Args::Words(words) = &node.args else { return };
    let [_, _, name] = &words[..] else { return };
    let written = name.to_str_lossy();
    if node.keyword.bytes.eq_ignore_ascii_case(b"FROM") && written != unicode::lower(&name.bytes) {
        let place = Place::of_node(node).word(name.span);
        hits.at(place, format!("Stage name '{written}' should be lowercase"));
    }
}

#[cfg(test)]
#[test]
fn upper_case_letters_in_a_stage_name() {
    use super::testing::in_file;
    let found = in_file(&RULE, "FROM x AS one\nFROM x AS TwoB\nFROM X\n");
    assert_eq!(found, ["2: Stage name 'TwoB' should be lowercase"]);
}
