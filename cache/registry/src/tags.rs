//! The tags of a repository, page by page. Knows no image.

use crate::client::{Access, Ask, Client, Target};
use crate::error::{Error, Result};
use crate::http::{Payload, follow};
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

/// How many tags are taken at most, on all pages together.
const MOST: usize = 1_000_000;

impl Client {
    /// All tags of the repository of `reference`, in the registry's order. Mirrors are asked first. Fails where a registry
    /// has more than a million, or more pages than a thousand.
    pub fn tags(&self, reference: &Reference) -> Result<Vec<String>> {
        over_mirrors(self.config(), reference, |at, schedule| {
            let endless = |reason| Error::Protocol { host: at.name.clone(), subject: subject(reference), reason };
            let (mut all, mut target) = (Vec::new(), Target::Resource(TAGS));
            for _ in 0..PAGES {
                let (tags, next) = schedule.run(self.cancel(), || self.tags_page(at, reference, &target))?;
                all.extend(tags);
                if all.len() > MOST {
                    return Err(endless(format!("they are more than {MOST}")));
                }
                match next {
                    Some(next) => target = Target::Address(next),
                    None => return Ok(all),
                }
            }
            Err(endless("they never end".to_owned()))
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
        let next = answer.header("link").map_or(Ok(None), |link| page_after(&answer.url, link));
        let next = next.map_err(|reason| Error::Protocol { host: host.clone(), subject: subject.clone(), reason })?;
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

/// Where a `Link` header leads to, by the rules of redirects.
fn page_after(page: &Url, link: &str) -> std::result::Result<Option<Url>, String> {
    next(link).map(|address| follow(page, address)).transpose()
}

/// The address in `<ADDRESS>; rel="next"` (RFC 8288).
fn next(link: &str) -> Option<&str> {
    let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = |part: &str| part.trim().trim_end_matches(',').eq_ignore_ascii_case("rel=\"next\"");
    (parameters.split(';').any(is_next) || parameters.contains("rel=next")).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::{next, page_after};
    use crate::url::Url;

    #[test]
    fn the_next_page_is_found_in_the_header() {
        assert_eq!(next(r#"</v2/a/tags/list?last=b&n=2>; rel="next""#), Some("/v2/a/tags/list?last=b&n=2"));
        assert_eq!(next("<x>; rel=next"), Some("x"));
        for other in ["", "<x>", r#"<x>; rel="prev""#, "x; rel=next"] {
            assert_eq!(next(other), None, "{other}");
        }
    }

    #[test]
    fn the_next_page_is_not_in_plain_where_the_first_was_not() {
        let page = Url::parse("https://a/v2/x/tags/list").unwrap();
        let next = |link| page_after(&page, link);
        assert_eq!(next("</y>; rel=next"), Ok(Url::parse("https://a/y")));
        assert_eq!(next("</y>; rel=prev"), Ok(None));
        assert!(next("<http://a/y>; rel=next").unwrap_err().contains("plain HTTP"));
        assert!(next("<ftp://a/y>; rel=next").is_err());
    }
}
