//! What refers to a manifest: signatures, lists of parts, statements (distribution specification, "Listing Referrers"),
//! with the tag of its own where the registry keeps no such lists ("Referrers Tag Schema"). Knows no kind of them.

use crate::client::{Access, Ask, Client, Target};
use crate::error::{Error, Result};
use crate::http::{Payload, Response};
use crate::mirrors::origin;
use crate::resolve::MANIFEST_LIMIT;
use crate::url::percent_encode;
use rbuild_oci::{Annotations, Descriptor, Digest, Index, MediaType, Reference, to_canonical_json};
use serde::Deserialize;
use ureq::http::Method;

/// The most pages of a list that are read.
const PAGES: usize = 100;

impl Client {
    /// The manifests in the repository of `reference` that have the manifest `subject` as their subject, in the order of
    /// the registry; of one type only, if one is given. None is an empty list.
    pub fn referrers(&self, reference: &Reference, subject: &Digest, kind: Option<&str>) -> Result<Vec<Descriptor>> {
        let found = match self.listed(reference, subject, kind)? {
            Some(found) => found,
            None => self.tagged(reference, subject)?.map(|index| index.manifests).unwrap_or_default(),
        };
        let wanted =
            |descriptor: &Descriptor| kind.is_none_or(|kind| descriptor.artifact_type.as_deref() == Some(kind));
        Ok(found.into_iter().filter(wanted).collect())
    }

    /// What the registry itself lists; nothing where it keeps no lists.
    fn listed(&self, reference: &Reference, subject: &Digest, kind: Option<&str>) -> Result<Option<Vec<Descriptor>>> {
        let filter = kind.map(|kind| format!("?artifactType={}", percent_encode(kind))).unwrap_or_default();
        let mut next = Some(format!("referrers/{subject}{filter}"));
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let Some(resource) = next.take() else { break };
            let mut answer = self.ask_list(reference, &resource)?;
            if answer.status == 404 || !is_index(&answer) {
                return Ok(None);
            }
            next = answer.header("link").and_then(|link| next_page(link, &resource));
            let bytes = self.read_list(reference, &resource, &mut answer)?;
            let index = Index::from_json(&bytes).map_err(|error| unusable(reference, &resource, &error.to_string()))?;
            found.extend(index.manifests);
        }
        Ok(Some(found))
    }

    /// The list under the subject's own tag.
    fn tagged(&self, reference: &Reference, subject: &Digest) -> Result<Option<Index>> {
        let resource = format!("manifests/{}", tag_of(subject));
        let mut answer = self.ask_list(reference, &resource)?;
        if answer.status == 404 {
            return Ok(None);
        }
        let bytes = self.read_list(reference, &resource, &mut answer)?;
        Index::from_json(&bytes).map(Some).map_err(|error| unusable(reference, &resource, &error.to_string()))
    }

    /// Sees to it that a manifest that was pushed is in the list under its subject's own tag; nothing is done for one
    /// without a subject.
    pub(crate) fn note_referrer(&self, reference: &Reference, manifest: &Descriptor, bytes: &[u8]) -> Result<()> {
        let Ok(Sketch { subject: Some(subject), artifact_type, config, annotations }) = serde_json::from_slice(bytes)
        else {
            return Ok(());
        };
        let artifact_type = artifact_type.or(config.map(|config| config.media_type.to_string()));
        let entry = Descriptor { artifact_type, annotations, ..manifest.clone() };
        let mut index = self.tagged(reference, &subject.digest)?.unwrap_or_else(|| Index::oci(Vec::new()));
        if index.manifests.iter().any(|known| known.digest == entry.digest) {
            return Ok(());
        }
        index.manifests.push(entry);
        let wrong = |error: rbuild_oci::Error| unusable(reference, "the list of referrers", &error.to_string());
        let list = to_canonical_json(&index).map_err(wrong)?;
        let descriptor = Descriptor::of(MediaType::OCI_INDEX, &list);
        self.put_manifest(reference, &tag_of(&subject.digest), &descriptor, &list).map(drop)
    }

    fn ask_list(&self, reference: &Reference, resource: &str) -> Result<Response> {
        let (at, subject) = (origin(reference), format!("{} ({resource})", reference.familiar_name()));
        self.config().retry.run(self.cancel(), || {
            let ask = Ask {
                method: Method::GET,
                reference,
                target: Target::Resource(resource),
                headers: vec![("accept", MediaType::OCI_INDEX.to_owned())],
                payload: Payload::Nothing,
                access: Access::Pull,
                subject: &subject,
            };
            self.call(&at, ask, &[200, 404])
        })
    }

    fn read_list(&self, reference: &Reference, resource: &str, answer: &mut Response) -> Result<Vec<u8>> {
        let (host, subject) = (reference.registry().to_owned(), format!("{} ({resource})", reference.familiar_name()));
        match answer.read(MANIFEST_LIMIT) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Error::TooLarge { host, subject, limit: MANIFEST_LIMIT }),
            Err(source) => {
                Err(self.cancel().check().map_or_else(Error::from, |()| Error::Interrupted { host, subject, source }))
            }
        }
    }
}

/// What a manifest or an index says of itself as a referrer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sketch {
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    annotations: Annotations,
}

/// The tag under which what refers to a digest is listed: `sha256-<hex>`.
fn tag_of(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

/// Registries that know nothing of referrers may answer such a path with a page of their own.
fn is_index(answer: &Response) -> bool {
    answer.header("content-type").is_some_and(|text| text.starts_with(MediaType::OCI_INDEX))
}

/// The resource of the next page by a `Link` header: `</v2/name/referrers/…?n=2>; rel="next"`. A page leads on to others
/// of its own list only.
fn next_page(link: &str, resource: &str) -> Option<String> {
    let (address, parameters) = link.strip_prefix('<')?.split_once('>')?;
    let list = resource.split('?').next()?;
    let at = address.find(list).filter(|_| parameters.contains("rel=\"next\"") || parameters.contains("rel=next"))?;
    let next = &address[at..];
    (next != resource && next.bytes().all(|byte| byte.is_ascii_graphic())).then(|| next.to_owned())
}

fn unusable(reference: &Reference, resource: &str, reason: &str) -> Error {
    let subject = format!("{} ({resource})", reference.familiar_name());
    Error::Protocol { host: reference.registry().to_owned(), subject, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_on_within_their_list() {
        let next = |link| next_page(link, "referrers/sha256:1?artifactType=a");
        let found = next("</v2/team/app/referrers/sha256:1?last=2>; rel=\"next\"");
        assert_eq!(found.as_deref(), Some("referrers/sha256:1?last=2"));
        assert_eq!(next("</v2/team/app/referrers/sha256:1?last=2>; rel=\"prev\""), None);
        assert_eq!(next("</v2/team/app/tags/list>; rel=\"next\""), None);
        assert_eq!(next("nonsense"), None);
    }
}
