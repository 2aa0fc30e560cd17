//! `UnconsumedBuildArg`: every `--build-arg` is taken by an ARG. The command line is what is odd, not the file.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "UnconsumedBuildArg",
    about: "a value is given with --build-arg that no ARG takes",
    page: None,
    fix: "correct the name after --build-arg, or declare it with ARG",
    severity: Severity::Notice,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    if let Seen::Unconsumed { names, near } = seen {
        let hint = crate::question(*near);
        hits.here(format!("One or more build-args [{}] were not consumed{hint}", names.join(" ")));
    }
}

#[cfg(test)]
#[test]
fn build_arguments_that_nothing_takes() {
    use super::testing::to;
    let seen = Seen::Unconsumed { names: &["VERSON", "X"], near: Some("VERSION") };
    let message = "One or more build-args [VERSON X] were not consumed (did you mean VERSION?)";
    assert_eq!(to(&RULE, &seen), [message]);
}
