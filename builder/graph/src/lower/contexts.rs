//! Named contexts by every spelling of their name: `busybox`, `busybox:latest` and `docker.io/library/busybox` are one, and
//! `busybox::linux/arm64` is the one for that platform. Knows nothing of what is in them.

use crate::request::{NamedContext, Request};
use rbuild_oci::{Platform, Reference};
use std::collections::BTreeMap;

/// The request's named contexts under their plain names.
pub(super) struct Contexts<'a>(BTreeMap<String, (&'a str, &'a NamedContext)>);

impl<'a> Contexts<'a> {
    /// The named contexts of `request`.
    pub(super) fn of(request: &'a Request) -> Self {
        Self(request.named_contexts.iter().map(|(name, context)| (plain(name), (name.as_str(), context))).collect())
    }

    /// The context that stands for `name` on a platform, with its name in the request: the one for just that platform
    /// first. `scratch` and `context` are never replaced.
    pub(super) fn find(&self, name: &str, platform: &Platform) -> Option<(&'a str, &'a NamedContext)> {
        let reserved = ["scratch", "context"].iter().any(|word| name.eq_ignore_ascii_case(word));
        if reserved {
            return None;
        }
        let plain = plain(name);
        self.0.get(&format!("{plain}{MARK}{platform}")).or_else(|| self.0.get(&plain)).copied()
    }
}

/// What stands between a context's name and its platform.
const MARK: &str = "::";

fn plain(name: &str) -> String {
    if let Some((name, Ok(platform))) = name.split_once(MARK).map(|(name, text)| (name, text.parse::<Platform>())) {
        return format!("{}{MARK}{platform}", plain(name));
    }
    match name.parse::<Reference>() {
        Ok(reference) => {
            let familiar = reference.familiar();
            familiar.strip_suffix(":latest").map(str::to_owned).unwrap_or(familiar)
        }
        Err(_) => name.to_ascii_lowercase(),
    }
}
