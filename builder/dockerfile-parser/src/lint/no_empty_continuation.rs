//! `NoEmptyContinuation`: no blank line stands within an instruction. It is told at the instruction's last line.
use super::{Hits, Place, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "NoEmptyContinuation",
    about: "an instruction that goes on over several lines has a blank one among them, which may be refused one day",
    page: Some("no-empty-continuation"),
    fix: "remove the blank line, or make it a comment",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Tree(tree) = seen else { return };
    for node in &tree.nodes {
        if let Some(blank) = node.blank {
            let place = Place { first_line: blank.last_line, last_line: blank.last_line, span: blank.span };
            hits.at(place, "Empty continuation line".to_owned());
        }
    }
}

#[cfg(test)]
#[test]
fn a_blank_line_within_an_instruction() {
    use super::testing::in_file;
    let found = in_file(&RULE, "FROM x\nRUN a \\\n\n\n b\nRUN c \\\n# no blank\n d\nRUN e \\\n\n <<EOF\nf\nEOF\n");
    assert_eq!(found, ["5: Empty continuation line", "11: Empty continuation line"]);
}
