//! `FromPlatformFlagConstDisallowed`: FROM is not tied to one platform, unless the stage's name says that it is meant.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "FromPlatformFlagConstDisallowed",
    about: "FROM is tied to one platform, whatever platform is asked for",
    page: Some("from-platform-flag-const-disallowed"),
    fix: "remove --platform or use a variable such as $BUILDPLATFORM; where it is meant, name the stage after the platform",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Platform(flag) = seen else { return };
    let Some((os, architecture)) = flag.parts.filter(|_| flag.is_constant) else { return };
    if !flag.stage.contains(os) && !flag.stage.contains(architecture) {
        hits.here(format!("FROM --platform flag should not use constant value {:?}", flag.value));
    }
}

#[cfg(test)]
#[test]
fn a_constant_platform() {
    use super::PlatformFlag;
    use super::testing::to;
    let flag = PlatformFlag {
        written: "linux/amd64",
        value: "linux/amd64",
        is_target: false,
        is_constant: true,
        stage: "build",
        parts: Some(("linux", "amd64")),
    };
    let message = "FROM --platform flag should not use constant value \"linux/amd64\"";
    assert_eq!(to(&RULE, &Seen::Platform(flag)), [message]);
    for fine in [
        PlatformFlag { stage: "build-amd64", ..flag },
        PlatformFlag { stage: "linux", ..flag },
        PlatformFlag { is_constant: false, ..flag },
        PlatformFlag { parts: None, ..flag },
    ] {
        assert!(to(&RULE, &Seen::Platform(fine)).is_empty());
    }
}
