//! `DuplicateStageName`: a stage's name is given once.
use super::{Hits, Place, Rule, Seen, Severity};
use crate::instruction::Kind;
use std::collections::BTreeSet;

pub(super) const RULE: Rule = Rule {
    name: "DuplicateStageName",
    about: "two stages have one name, so which of them is meant depends on where it is asked",
    page: Some("duplicate-stage-name"),
    fix: "give the later stage a name of its own",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::File(instructions) = seen else { return };
    let mut known = BTreeSet::new();
    for instruction in *instructions {
        let Kind::From(from) = &instruction.kind else { continue };
        let Some(name) = &from.name else { continue };
        if !known.insert(&name.bytes) {
            let message = format!("Duplicate stage name {:?}, stage names should be unique", name.to_str_lossy());
            hits.at(Place::of(instruction).word(name.span), message);
        }
    }
}

#[cfg(test)]
#[test]
fn a_name_given_twice() {
    use super::testing::in_file;
    let found = in_file(&RULE, "FROM x AS b\nFROM x\nFROM x\nFROM x AS B\n");
    assert_eq!(found, ["4: Duplicate stage name \"b\", stage names should be unique"]);
}
