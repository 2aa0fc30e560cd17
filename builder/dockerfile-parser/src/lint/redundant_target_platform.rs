//! `RedundantTargetPlatform`: FROM is for the target platform without being told so.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "RedundantTargetPlatform",
    about: "FROM asks for the platform that it has anyway",
    page: Some("redundant-target-platform"),
    fix: "remove --platform",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Platform(flag) = seen else { return };
    if flag.is_target {
        let written = flag.written;
        hits.here(format!(
            "Setting platform to predefined {written} in FROM is redundant as this is the default behavior"
        ));
    }
}

#[cfg(test)]
#[test]
fn the_target_platform() {
    use super::PlatformFlag;
    use super::testing::to;
    let flag = PlatformFlag {
        written: "${TARGETPLATFORM}",
        value: "linux/amd64",
        is_target: true,
        is_constant: false,
        stage: "",
        parts: Some(("linux", "amd64")),
    };
    let message =
        "Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior";
    assert_eq!(to(&RULE, &Seen::Platform(flag)), [message]);
    assert!(to(&RULE, &Seen::Platform(PlatformFlag { is_target: false, ..flag })).is_empty());
}
