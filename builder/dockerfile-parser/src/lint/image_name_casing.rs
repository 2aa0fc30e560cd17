//! `ImageNameCasing`: an image is named in lower case. BuildKit refuses others; here they are taken in lower case.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "ImageNameCasing",
    about: "an image is named with upper-case letters, which no registry takes and other builders refuse",
    page: None,
    fix: "write the image's name in lower case",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    if let Seen::UpperCaseImage { written, used } = seen {
        hits.here(format!("The image name {written:?} has upper-case letters: {used:?} is used"));
    }
}

#[cfg(test)]
#[test]
fn upper_case_letters_in_an_image_name() {
    use super::testing::to;
    let seen = Seen::UpperCaseImage { written: "Ubuntu", used: "ubuntu" };
    assert_eq!(to(&RULE, &seen), ["The image name \"Ubuntu\" has upper-case letters: \"ubuntu\" is used"]);
}
