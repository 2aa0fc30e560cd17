//! `InvalidDefaultArgInFrom`: FROM names an image also where no `--build-arg` is given.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "InvalidDefaultArgInFrom",
    about: "without --build-arg the name of a base image comes out empty or wrong",
    page: Some("invalid-default-arg-in-from"),
    fix: "give the ARG a default with which the image has a name",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    if let Seen::DefaultImage { written, is_name: false } = seen {
        hits.here(format!("Default value for ARG {written} results in empty or invalid base image name"));
    }
}

#[cfg(test)]
#[test]
fn a_default_that_names_no_image() {
    use super::testing::to;
    let seen = |is_name| Seen::DefaultImage { written: "x:$V", is_name };
    assert_eq!(to(&RULE, &seen(false)), ["Default value for ARG x:$V results in empty or invalid base image name"]);
    assert!(to(&RULE, &seen(true)).is_empty());
}
