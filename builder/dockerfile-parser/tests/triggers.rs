//! ONBUILD triggers: what is stored in an image's config reads back as what was meant.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking
use dockerfile_parser::{ErrorKind, Kind, parse, parse_instruction};

#[test]
fn a_stored_trigger_reads_back() {
    let file = parse(b"FROM scratch\nONBUILD COPY --chown=1 \\\n <<A <<-B /x/\nfirst\nA\n\tsecond\n\tB\n").unwrap();
    let Kind::Onbuild(onbuild) = &file.instructions[1].kind else { panic!("ONBUILD expected") };
    assert_eq!(onbuild.trigger.to_str_lossy(), "COPY --chown=1  <<A <<-B /x/\nfirst\nA\n\tsecond\nB");
    let again = parse_instruction(&onbuild.trigger.bytes).unwrap();
    let Kind::Copy(copy) = &again.kind else { panic!("COPY expected") };
    let contents: Vec<_> = copy.paths.files.iter().map(|file| file.content.to_str_lossy().into_owned()).collect();
    assert_eq!(contents, ["first\n", "second\n"]);
    assert_eq!((again.first_line, again.last_line), (1, 5));
}

#[test]
fn a_trigger_is_one_instruction() {
    assert_eq!(parse_instruction(b"RUN a\nRUN b").unwrap_err().kind, ErrorKind::NotOneInstruction(2));
    assert_eq!(parse_instruction(b"  ").unwrap_err().kind, ErrorKind::NoInstructions);
    assert_eq!(parse_instruction(b"BUILD x").unwrap_err().kind, ErrorKind::UnknownInstruction("BUILD".to_owned()));
}
