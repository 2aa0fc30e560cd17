//! Named contexts by every spelling of their name: `busybox`, `busybox:latest` and `docker.io/library/busybox` are one.
//! Knows nothing of what is in them.

use crate::request::{NamedContext, Request};
use rbuild_oci::Reference;
use std::collections::BTreeMap;

/// The request's named contexts under their plain names.
pub(super) struct Contexts<'a>(BTreeMap<String, (&'a str, &'a NamedContext)>);

impl<'a> Contexts<'a> {
    /// The named contexts of `request`.
    pub(super) fn of(request: &'a Request) -> Self {
        Self(request.named_contexts.iter().map(|(name, context)| (plain(name), (name.as_str(), context))).collect())
    }

    /// The context that stands for `name`, with its name in the request. `scratch` and `context` are never replaced.
    pub(super) fn find(&self, name: &str) -> Option<(&'a str, &'a NamedContext)> {
        let reserved = ["scratch", "context"].iter().any(|word| name.eq_ignore_ascii_case(word));
        if reserved { None } else { self.0.get(&plain(name)).copied() }
    }
}

fn plain(name: &str) -> String {
    match name.parse::<Reference>() {
        Ok(reference) => {
            let familiar = reference.familiar();
            familiar.strip_suffix(":latest").map(str::to_owned).unwrap_or(familiar)
        }
        Err(_) => name.to_ascii_lowercase(),
    }
}
