//! `ConsistentInstructionCasing`: all keywords are in upper case, or all in lower case. ARGs before the first FROM are
//! not looked at.
use super::{Hits, Place, Rule, Seen, Severity};
use crate::instruction::{Instruction, Kind};

pub(super) const RULE: Rule = Rule {
    name: "ConsistentInstructionCasing",
    about: "some keywords are in upper case and some are not",
    page: Some("consistent-instruction-casing"),
    fix: "write every keyword in upper case, or every one in lower case",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::File(instructions) = seen else { return };
    let start = instructions.iter().position(|instruction| matches!(instruction.kind, Kind::From(_)));
    let stages = &instructions[start.unwrap_or(instructions.len())..];
    let is_in = |wanted: fn(&u8) -> bool| move |one: &&Instruction| one.keyword.bytes.iter().all(wanted);
    let lower = stages.iter().filter(is_in(u8::is_ascii_lowercase)).count();
    let upper = stages.iter().filter(is_in(u8::is_ascii_uppercase)).count();
    let (wanted, case): (fn(&u8) -> bool, _) =
        if lower > upper { (u8::is_ascii_lowercase, "lowercase") } else { (u8::is_ascii_uppercase, "uppercase") };
    for instruction in stages.iter().filter(|one| !is_in(wanted)(one)) {
        let (place, keyword) = (Place::of(instruction).word(instruction.keyword.span), &instruction.keyword);
        let keyword = keyword.to_str_lossy();
        hits.at(place, format!("Command '{keyword}' should match the case of the command majority ({case})"));
    }
}

#[cfg(test)]
#[test]
fn the_majority_decides() {
    use super::testing::in_file;
    let upper = in_file(&RULE, "arg a\nFROM x\nCOPY a b\nRun c\nrun d\n");
    assert_eq!(
        upper,
        [
            "4: Command 'Run' should match the case of the command majority (uppercase)",
            "5: Command 'run' should match the case of the command majority (uppercase)",
        ]
    );
    let lower = in_file(&RULE, "from x\nrun a\nRUN b\n");
    assert_eq!(lower, ["3: Command 'RUN' should match the case of the command majority (lowercase)"]);
    let tie = in_file(&RULE, "from x\nRUN a\n");
    assert_eq!(tie, ["1: Command 'from' should match the case of the command majority (uppercase)"]);
}
