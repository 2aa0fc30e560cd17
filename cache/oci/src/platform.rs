//! Platforms as `os/arch[/variant]`. Knows the names that Docker normalises, not which machine this is.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An operating system, a processor architecture in Go's names, and a variant such as `v7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// The processor architecture in Go's names: `amd64`, `arm64`, …
    pub architecture: String,
    /// The operating system: `linux`, …
    pub os: String,
    /// The version of the operating system, used by Windows images.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Required features of the operating system.
    #[serde(rename = "os.features", default, skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The variant of the architecture: `v7` of `arm`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// A platform without a variant, names taken as they are.
    pub fn new(os: impl Into<String>, architecture: impl Into<String>) -> Self {
        Self {
            architecture: architecture.into(),
            os: os.into(),
            os_version: None,
            os_features: Vec::new(),
            variant: None,
        }
    }

    /// The platform this program was compiled for, in Go's names.
    pub fn native() -> Self {
        normalise(std::env::consts::OS, std::env::consts::ARCH, None)
    }

    /// The same with the names that Docker normalises: `linux/x86_64` is `linux/amd64`.
    #[must_use]
    pub fn normal(&self) -> Self {
        let named = normalise(&self.os, &self.architecture, self.variant.as_deref());
        Self { os_version: self.os_version.clone(), os_features: self.os_features.clone(), ..named }
    }

    /// Whether an image for `self` serves someone who asks for `wanted`. A missing variant on either side of arm64
    /// means `v8`, of arm `v7`; any other variant must be equal.
    pub fn serves(&self, wanted: &Self) -> bool {
        self.os == wanted.os && self.level() == wanted.level()
    }

    /// Of several offers the one that serves best someone who asks for `wanted`: just that, else the highest lower level
    /// of the architecture, else what its processors also run (386 of amd64, arm of arm64); the first of equals. This is
    /// the order of containerd, and so of docker and BuildKit.
    pub fn best<'p, T>(offers: impl IntoIterator<Item = (&'p Self, T)>, wanted: &Self) -> Option<T> {
        let levels = wanted.levels();
        let rank = |own: &Self| levels.iter().position(|level| own.os == wanted.os && own.level() == *level);
        let ranked = offers.into_iter().filter_map(|(own, offer)| Some((rank(own)?, offer)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, offer)| offer)
    }

    /// The architecture and its variant, the one that is meant where none is named.
    fn level(&self) -> (&str, &str) {
        let usual = match self.architecture.as_str() {
            "arm64" => "v8",
            "arm" => "v7",
            "amd64" => "v1",
            _ => "",
        };
        (&self.architecture, self.variant.as_deref().unwrap_or(usual))
    }

    /// What a processor of this platform runs, best first.
    fn levels(&self) -> Vec<(&str, &str)> {
        let below = |levels: &'static [&'static str], variant: &str| {
            let at = levels.iter().position(|level| *level == variant);
            at.map_or(&levels[..0], |at| &levels[at + 1..])
        };
        let own = self.level();
        let mut levels = vec![own];
        match own.0 {
            "amd64" => {
                levels.extend(below(&["v4", "v3", "v2", "v1"], own.1).iter().map(|level| ("amd64", *level)));
                levels.push(("386", ""));
            }
            "arm" => levels.extend(below(&ARM, own.1).iter().map(|level| ("arm", *level))),
            "arm64" => {
                levels.extend(Some(("arm64", "v8")).filter(|level| *level != own));
                levels.extend(ARM.iter().map(|level| ("arm", *level)));
            }
            _ => {}
        }
        levels
    }
}

/// The levels of arm, highest first.
const ARM: [&str; 4] = ["v8", "v7", "v6", "v5"];

fn normalise(os: &str, architecture: &str, variant: Option<&str>) -> Platform {
    let os = match os {
        "macos" => "darwin",
        other => other,
    };
    let (architecture, variant) = match (architecture, variant) {
        ("x86_64" | "x86-64" | "amd64", Some("v1") | None) => ("amd64", None),
        ("x86_64" | "x86-64", other) => ("amd64", other),
        ("i386" | "i486" | "i586" | "i686" | "x86" | "386", _) => ("386", None),
        ("aarch64" | "arm64", Some("8" | "v8") | None) => ("arm64", None),
        ("aarch64", other) => ("arm64", other),
        ("armhf", _) | ("arm", Some("7") | None) => ("arm", Some("v7")),
        ("armel", _) | ("arm", Some("6")) => ("arm", Some("v6")),
        ("arm", Some("5")) => ("arm", Some("v5")),
        ("powerpc64le", other) => ("ppc64le", other),
        ("mips64el", other) => ("mips64le", other),
        other => other,
    };
    Platform { variant: variant.map(str::to_owned), ..Platform::new(os, architecture) }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |rule| Error::Invalid { what: "platform", text: text.to_owned(), rule };
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        let plain = |part: &&str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        if !parts.iter().all(plain) {
            return Err(wrong("its parts are letters, digits, '_', '-' and '.'"));
        }
        match parts[..] {
            [os] if is_known_os(os) => Ok(normalise(os, std::env::consts::ARCH, None)),
            [arch] if is_known_arch(arch) => Ok(normalise(std::env::consts::OS, arch, None)),
            [os, arch] => Ok(normalise(os, arch, None)),
            [os, arch, variant] => Ok(normalise(os, arch, Some(variant))),
            [_] => Err(wrong("neither an operating system nor an architecture of that name is known")),
            _ => Err(wrong("it is written os/arch or os/arch/variant")),
        }
    }
}

fn is_known_os(name: &str) -> bool {
    ["linux", "windows", "darwin", "macos", "freebsd", "netbsd", "openbsd", "dragonfly", "solaris", "illumos", "plan9"]
        .contains(&name)
}

fn is_known_arch(name: &str) -> bool {
    const KNOWN: [&str; 22] = [
        "amd64", "x86_64", "x86-64", "386", "i386", "i686", "x86", "arm64", "aarch64", "arm", "armhf", "armel",
        "ppc64", "ppc64le", "riscv64", "s390x", "mips", "mipsle", "mips64", "mips64le", "loong64", "wasm",
    ];
    KNOWN.contains(&name)
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_as_docker_does() {
        for (text, expected) in [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("arm64", "linux/arm64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_others_wrote_is_normalised_too() {
        let odd = Platform { os_version: Some("1".to_owned()), ..Platform::new("linux", "x86_64") };
        assert_eq!(odd.normal(), Platform { os_version: Some("1".to_owned()), ..Platform::new("linux", "amd64") });
        assert_eq!(Platform::new("", "").normal(), Platform::new("", ""));
    }

    #[test]
    fn the_best_that_runs_is_taken() {
        for (wanted, offers, expected) in [
            ("linux/amd64/v3", &["linux/386", "linux/amd64", "linux/amd64/v2", "linux/amd64/v4"][..], Some(2)),
            ("linux/amd64/v3", &["linux/amd64", "linux/amd64/v3"], Some(1)),
            ("linux/amd64", &["linux/amd64/v2", "linux/386"], Some(1)),
            ("linux/arm64", &["linux/arm/v5", "linux/arm/v6", "linux/arm64"], Some(2)),
            ("linux/arm64", &["linux/arm/v5", "linux/arm/v7"], Some(1)),
            ("linux/arm/v6", &["linux/arm/v7", "linux/arm/v5"], Some(1)),
            ("linux/arm", &["windows/arm", "linux/arm64"], None),
            ("linux/s390x", &["linux/s390x", "linux/s390x"], Some(0)),
        ] {
            let offers: Vec<Platform> = offers.iter().map(|text| text.parse().unwrap()).collect();
            let numbered = offers.iter().enumerate().map(|(at, offer)| (offer, at));
            assert_eq!(Platform::best(numbered, &wanted.parse().unwrap()), expected, "{wanted}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "linux/", "a/b/c/d", "lin ux/amd64", "nonesuch"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }
}
