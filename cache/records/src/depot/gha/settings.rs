//! Where GitHub's cache service is and who asks, from the attributes of `type=gha` and the environment of a workflow.
//! Opens no connection.

use crate::error::{Error, Result};
use rbuild_registry::Address;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

/// A cache of a repository's workflows. The token is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct GhaSettings {
    /// The address of the service.
    pub url: String,
    /// Who asks; it says for which repository and branch.
    pub token: String,
    /// Keeps documents of one purpose apart from those of others; blobs are shared.
    pub scope: String,
    /// How long one document or blob may take on its way.
    pub timeout: Duration,
}

/// The longest key that the service takes, less what stands around the scope.
const SCOPE: usize = 512 - 128;

impl GhaSettings {
    /// The attributes that are understood.
    pub const ATTRIBUTES: &'static [&'static str] = &["scope", "url_v2", "url", "token", "timeout"];

    /// What the attributes say, then the environment: `ACTIONS_RESULTS_URL` and `ACTIONS_RUNTIME_TOKEN`. `variable` looks
    /// one up.
    pub fn read(attributes: &BTreeMap<String, String>, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self> {
        let given = |name: &str| attributes.get(name).filter(|value| !value.is_empty()).cloned();
        let set = |name: &str| variable(name)?.into_string().ok().filter(|value| !value.is_empty());
        let needed = |value: Option<String>, name: &str| value.ok_or_else(|| missing(name));
        let url = given("url_v2").or_else(|| given("url")).or_else(|| set("ACTIONS_RESULTS_URL"));
        let url = needed(url, "ACTIONS_RESULTS_URL")?;
        let token = needed(given("token").or_else(|| set("ACTIONS_RUNTIME_TOKEN")), "ACTIONS_RUNTIME_TOKEN")?;
        let scope = given("scope").unwrap_or_else(|| "rbuild".to_owned());
        if scope.len() > SCOPE || scope.contains(',') || scope.chars().any(char::is_control) {
            return Err(wrong(format!("scope={scope:?}: it has at most {SCOPE} characters and no comma")));
        }
        if Address::parse(&url).is_none_or(|address| address.authorization().is_some()) || url.contains(['?', '#']) {
            return Err(wrong("url_v2 is the address that ACTIONS_RESULTS_URL has in a workflow: https://HOST/"));
        }
        let text = given("timeout").unwrap_or_else(|| "10m".to_owned());
        let timeout = duration(&text).ok_or_else(|| wrong(format!("timeout={text}: it is written 90s, 10m or 1h")))?;
        Ok(Self { url, token, scope, timeout })
    }
}

impl fmt::Debug for GhaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GhaSettings({} {})", self.scope, self.url)
    }
}

/// Whole hours, minutes and seconds, each with its letter: `1h30m`.
fn duration(text: &str) -> Option<Duration> {
    let (mut total, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let (digits, tail) = rest.split_at(rest.find(|char: char| !char.is_ascii_digit())?);
        let unit = match tail.as_bytes().first()? {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = &tail[1..];
    }
    (!text.is_empty()).then(|| Duration::from_secs(total))
}

fn missing(name: &str) -> Error {
    wrong(format!(
        "{name} is not set. GitHub gives ACTIONS_RESULTS_URL and ACTIONS_RUNTIME_TOKEN to actions only: expose them to \
         the job's commands by a step with crazy-max/ghaction-github-runtime before this one"
    ))
}

fn wrong(reason: impl Into<String>) -> Error {
    Error::Setting { kind: "gha", reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attributes: &[(&str, &str)], variables: &[(&str, &str)]) -> std::result::Result<GhaSettings, String> {
        let attributes = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let variable = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| value.into());
        GhaSettings::read(&attributes, &variable).map_err(|error| error.to_string())
    }

    #[test]
    fn a_workflow_says_all_that_is_needed() {
        let env = [("ACTIONS_RESULTS_URL", "https://results.example/"), ("ACTIONS_RUNTIME_TOKEN", "hunter2")];
        let found = read(&[], &env).unwrap();
        assert_eq!((&*found.scope, &*found.url, found.timeout.as_secs()), ("rbuild", "https://results.example/", 600));
        assert!(!format!("{found:?}").contains("hunter2"));
        let found =
            read(&[("scope", "x"), ("url_v2", "http://a"), ("token", "t"), ("timeout", "1h2m3s")], &env).unwrap();
        assert_eq!((&*found.scope, &*found.url, &*found.token, found.timeout.as_secs()), ("x", "http://a", "t", 3723));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let url = ("url", "http://a");
        for (attributes, expected) in [
            (&[][..], "ACTIONS_RESULTS_URL is not set"),
            (&[url], "ACTIONS_RUNTIME_TOKEN is not set"),
            (&[url, ("token", "t"), ("scope", "a,b")], "no comma"),
            (&[url, ("token", "t"), ("timeout", "10")], "timeout=10"),
            (&[("url", "a"), ("token", "t")], "url_v2 is the address"),
        ] {
            let error = read(attributes, &[]).unwrap_err();
            assert!(error.starts_with("cannot use the cache type=gha: ") && error.contains(expected), "{error}");
        }
        assert!(read(&[], &[]).unwrap_err().contains("crazy-max/ghaction-github-runtime"));
    }
}
