//! `LegacyKeyValueFormat`: ENV and LABEL have `=` between name and value.
use super::{Hits, Rule, Seen, Severity};
use crate::instruction::Kind;

pub(super) const RULE: Rule = Rule {
    name: "LegacyKeyValueFormat",
    about: "a name and its value are separated by a blank, which takes the whole rest of the line as one value",
    page: Some("legacy-key-value-format"),
    fix: "write name=value, with quotes around a value that has blanks",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Step { instruction, .. } = seen else { return };
    let (Kind::Env(pairs) | Kind::Label(pairs)) = &instruction.kind else { return };
    if pairs.iter().any(|pair| pair.legacy) {
        let keyword = instruction.keyword.to_str_lossy();
        hits.here(format!("\"{keyword} key=value\" should be used instead of legacy \"{keyword} key value\" format"));
    }
}

#[cfg(test)]
#[test]
fn a_blank_between_name_and_value() -> Result<(), crate::Error> {
    use super::testing::to;
    let shown = |text: &str| {
        let instruction = &crate::parse_instruction(text.as_bytes())?;
        Ok::<_, crate::Error>(to(&RULE, &Seen::Step { instruction, earlier: None, has_shell: false }))
    };
    let message = "\"LABEL key=value\" should be used instead of legacy \"LABEL key value\" format";
    assert_eq!(shown("LABEL a b")?, [message]);
    assert_eq!(shown("env a b=c")?.len(), 1);
    assert!(shown("ENV a=b c=d")?.is_empty());
    Ok(())
}
