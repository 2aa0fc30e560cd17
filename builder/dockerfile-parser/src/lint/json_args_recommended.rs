//! `JSONArgsRecommended`: CMD and ENTRYPOINT are written as JSON, unless SHELL says that a shell is meant.
use super::{Hits, Rule, Seen, Severity};
use crate::instruction::Kind;

pub(super) const RULE: Rule = Rule {
    name: "JSONArgsRecommended",
    about: "the container's program is started by a shell, which does not hand signals on to it",
    page: Some("json-args-recommended"),
    fix: "write the command as a JSON array, [\"program\", \"argument\"]; where a shell is meant, say which with SHELL",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Step { instruction, has_shell: false, .. } = seen else { return };
    let (Kind::Cmd(command) | Kind::Entrypoint(command)) = &instruction.kind else { return };
    if matches!(command, crate::Command::Shell(_)) {
        let keyword = instruction.keyword.to_str_lossy();
        hits.here(format!(
            "JSON arguments recommended for {keyword} to prevent unintended behavior related to OS signals"
        ));
    }
}

#[cfg(test)]
#[test]
fn commands_in_shell_form() -> Result<(), crate::Error> {
    use super::testing::to;
    let shown = |text: &str, has_shell| {
        let instruction = &crate::parse_instruction(text.as_bytes())?;
        Ok::<_, crate::Error>(to(&RULE, &Seen::Step { instruction, earlier: None, has_shell }).len())
    };
    assert_eq!(shown("CMD a", false)?, 1);
    assert_eq!(shown("ENTRYPOINT a", false)?, 1);
    assert_eq!(shown("CMD a", true)?, 0);
    assert_eq!(shown("CMD [\"a\"]", false)?, 0);
    assert_eq!(shown("RUN a", false)?, 0);
    Ok(())
}
