//! `--platform`, and whether what comes out is an index of platforms.

use crate::error::{Error, Result};
use rbuild_graph::Request;
use rbuild_oci::Platform;

/// Each platform once, in the order given.
pub(super) fn parse(texts: &[String]) -> Result<Vec<Platform>> {
    let mut platforms: Vec<Platform> = Vec::new();
    for text in texts {
        let platform = match text.trim() {
            "local" => Platform::native(),
            name => name.parse().map_err(|error| Error::Usage(format!("--platform: {error}")))?,
        };
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    Ok(platforms)
}

/// Whether an index comes out: of several platforms always, of one by the build argument that BuildKit has for it.
pub(super) fn is_index(request: &Request) -> bool {
    let asked = request.build_args.get("BUILDKIT_MULTI_PLATFORM").map(String::as_str);
    request.platforms.len() > 1 || matches!(asked, Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_told_apart_by_what_they_mean() {
        let texts = ["linux/arm64", "local", "linux/aarch64/v8", " linux/arm "].map(str::to_owned);
        let found: Vec<String> = parse(&texts).unwrap().iter().map(Platform::to_string).collect();
        assert_eq!(found, ["linux/arm64".to_owned(), Platform::native().to_string(), "linux/arm/v7".to_owned()]);
        assert!(parse(&["linux/".to_owned()]).unwrap_err().to_string().contains("--platform"));
    }
}
