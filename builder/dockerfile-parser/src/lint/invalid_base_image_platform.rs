//! `InvalidBaseImagePlatform`: a base image is for the platform that it was asked for.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "InvalidBaseImagePlatform",
    about: "a base image is for another platform than the one asked for, so its programs may not run",
    page: None,
    fix: "use an image that has this platform, or ask for the image's own with --platform",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::BaseImage { name, wanted, found } = seen else { return };
    let system = |platform: &str| platform.split('/').take(2).map(str::to_owned).collect::<Vec<_>>();
    if system(wanted) != system(found) {
        let message =
            format!("Base image {name} was pulled with platform {found:?}, expected {wanted:?} for current build");
        hits.here(message);
    }
}

#[cfg(test)]
#[test]
fn another_system_or_architecture() {
    use super::testing::to;
    let seen = |wanted, found| Seen::BaseImage { name: "x", wanted, found };
    assert_eq!(
        to(&RULE, &seen("linux/arm64", "linux/amd64")),
        ["Base image x was pulled with platform \"linux/amd64\", expected \"linux/arm64\" for current build"]
    );
    assert!(to(&RULE, &seen("linux/arm/v7", "linux/arm/v6")).is_empty());
    assert!(to(&RULE, &seen("linux/arm64", "linux/arm64")).is_empty());
}
