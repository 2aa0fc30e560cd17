//! `MultipleInstructionsDisallowed`: a stage has one CMD, one ENTRYPOINT and one HEALTHCHECK. The earlier one is told of,
//! as it is the one without effect.
use super::{Hits, Rule, Seen, Severity};
use crate::instruction::Kind;

pub(super) const RULE: Rule = Rule {
    name: "MultipleInstructionsDisallowed",
    about: "an instruction has no effect, because a later one of its stage takes its place",
    page: Some("multiple-instructions-disallowed"),
    fix: "keep only the last one",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Step { instruction, earlier: Some(earlier), .. } = seen else { return };
    if matches!(instruction.kind, Kind::Cmd(_) | Kind::Entrypoint(_) | Kind::Healthcheck(_)) {
        let keyword = instruction.keyword.to_str_lossy();
        let why = "because only the last one will be used";
        hits.at(*earlier, format!("Multiple {keyword} instructions should not be used in the same stage {why}"));
    }
}

#[cfg(test)]
#[test]
fn the_earlier_of_two() -> Result<(), crate::Error> {
    use super::Place;
    use super::testing::to;
    let shown = |text: &str, earlier| {
        let instruction = &crate::parse_instruction(text.as_bytes())?;
        Ok::<_, crate::Error>(to(&RULE, &Seen::Step { instruction, earlier, has_shell: false }))
    };
    let earlier = Some(Place { first_line: 1, last_line: 1, span: crate::Span::default() });
    let why = "instructions should not be used in the same stage because only the last one will be used";
    assert_eq!(shown("CMD a", earlier)?, [format!("Multiple CMD {why}")]);
    assert_eq!(shown("HEALTHCHECK NONE", earlier)?, [format!("Multiple HEALTHCHECK {why}")]);
    assert!(shown("CMD a", None)?.is_empty());
    assert!(shown("RUN a", earlier)?.is_empty());
    Ok(())
}
