//! The tags of a repository, page by page. Knows no image.

use crate::client::{Access, Ask, Client, Target};
use crate::error::{Error, Result};
use crate::http::Payload;
use crate::mirrors::{Endpoint, over_mirrors};
use crate::url::Url;
use rbuild_oci::Reference;
use serde::Deserialize;
use ureq::http::Method;

/// The first page.
pub(crate) const TAGS: &str = "tags/list?n=1000";

/// The largest page that is accepted, in bytes.
const PAGE_LIMIT: u64 = 4 << 20;

/// How many pages are asked for at most: a registry may not keep anyone turning pages for ever.
const PAGES: usize = 1000;

impl Client {
    /// All tags of the repository of `reference`, in the registry's order. Mirrors are asked first.
    pub fn tags(&self, reference: &Reference) -> Result<Vec<String>> {
        over_mirrors(self.config(), reference, |at, schedule| {
            let (mut all, mut target) = (Vec::new(), Target::Resource(TAGS));
            for _ in 0..PAGES {
                let (tags, next) = schedule.run(self.cancel(), || self.tags_page(at, reference, &target))?;
                all.extend(tags);
                match next {
                    Some(next) => target = Target::Address(next),
                    None => return Ok(all),
                }
            }
            Err(Error::Protocol { host: at.name.clone(), subject: subject(reference), reason: "they never end".into() })
        })
    }

    /// A page of tags, and where the next one is.
    pub(crate) fn tags_page(
        &self,
        at: &Endpoint,
        reference: &Reference,
        target: &Target<'_>,
    ) -> Result<(Vec<String>, Option<Url>)> {
        #[derive(Deserialize)]
        struct List {
            tags: Option<Vec<String>>,
        }
        let (host, subject) = (at.name.clone(), subject(reference));
        let ask = Ask {
            method: Method::GET,
            reference,
            target: target.clone(),
            headers: Vec::new(),
            payload: Payload::Nothing,
            access: Access::Pull,
            subject: &subject,
        };
        let mut answer = self.call(at, ask, &[200])?;
        let next = answer.header("link").and_then(next).and_then(|link| answer.url.join(link));
        match answer.read(PAGE_LIMIT) {
            Ok(Some(bytes)) => match serde_json::from_slice::<List>(&bytes) {
                Ok(list) => Ok((list.tags.unwrap_or_default(), next)),
                Err(error) => Err(Error::Protocol { host, subject, reason: error.to_string() }),
            },
            Ok(None) => Err(Error::TooLarge { host, subject, limit: PAGE_LIMIT }),
            Err(source) => Err(Error::Interrupted { host, subject, source }),
        }
    }
}

fn subject(reference: &Reference) -> String {
    format!("the tags of {}", reference.familiar_name())
}

/// The address in `<ADDRESS>; rel="next"` (RFC 8288).
fn next(link: &str) -> Option<&str> {
    let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = |part: &str| part.trim().trim_end_matches(',').eq_ignore_ascii_case("rel=\"next\"");
    (parameters.split(';').any(is_next) || parameters.contains("rel=next")).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn the_next_page_is_found_in_the_header() {
        assert_eq!(next(r#"</v2/a/tags/list?last=b&n=2>; rel="next""#), Some("/v2/a/tags/list?last=b&n=2"));
        assert_eq!(next("<x>; rel=next"), Some("x"));
        for other in ["", "<x>", r#"<x>; rel="prev""#, "x; rel=next"] {
            assert_eq!(next(other), None, "{other}");
        }
    }
}
