//! `ReservedStageName`: no stage is called `scratch` or `context`.
use super::{Hits, Place, Rule, Seen, Severity};
use crate::instruction::Kind;

pub(super) const RULE: Rule = Rule {
    name: "ReservedStageName",
    about: "a stage has a name that already means something else",
    page: Some("reserved-stage-name"),
    fix: "give the stage another name",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::File(instructions) = seen else { return };
    for instruction in *instructions {
        let Kind::From(from) = &instruction.kind else { continue };
        let Some(name) = &from.name else { continue };
        if matches!(&name.bytes[..], b"scratch" | b"context") {
            let name_text = name.to_str_lossy();
            let message = format!("Stage name should not use the same name as reserved stage {name_text:?}");
            hits.at(Place::of(instruction).word(name.span), message);
        }
    }
}

#[cfg(test)]
#[test]
fn names_that_mean_something_else() {
    use super::testing::in_file;
    let found = in_file(&RULE, "FROM scratch\nFROM x AS Scratch\nFROM scratch AS context\nFROM x AS build\n");
    assert_eq!(
        found,
        [
            "2: Stage name should not use the same name as reserved stage \"scratch\"",
            "3: Stage name should not use the same name as reserved stage \"context\"",
        ]
    );
}
