//! `MaintainerDeprecated`: an author is named by a label.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "MaintainerDeprecated",
    about: "MAINTAINER is out of use: labels say who made an image",
    page: Some("maintainer-deprecated"),
    fix: "write LABEL org.opencontainers.image.authors=\"…\" instead",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    if let Seen::Written(node) = seen
        && node.keyword.bytes.eq_ignore_ascii_case(b"MAINTAINER")
    {
        hits.here("Maintainer instruction is deprecated in favor of using label".to_owned());
    }
}

#[cfg(test)]
#[test]
fn every_maintainer() {
    use super::testing::in_file;
    let found = in_file(&RULE, "FROM x\nMAINTAINER me\nLABEL maintainer=me\n");
    assert_eq!(found, ["2: Maintainer instruction is deprecated in favor of using label"]);
}
