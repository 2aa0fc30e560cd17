//! From names to manifests: a reference becomes a descriptor, a descriptor becomes verified bytes. Knows no layer.

use crate::client::{Access, Ask, Client, Target};
use crate::error::{Error, Result};
use crate::http::{Payload, Response};
use crate::mirrors::{Endpoint, origin, over_mirrors};
use crate::similar;
use crate::tags::TAGS;
use rbuild_oci::{Descriptor, Digest, Index, MediaType, Platform, Reference};
use serde::Deserialize;
use ureq::http::Method;

/// The largest manifest or index that is accepted, in bytes: the limit of the distribution specification.
pub const MANIFEST_LIMIT: u64 = 4 << 20;

impl Client {
    /// What `reference` names now: the descriptor of a manifest or an index, without a platform. Mirrors are asked
    /// first. Where a reference has a digest, its tag is not looked at.
    pub fn resolve(&self, reference: &Reference) -> Result<Descriptor> {
        let found = over_mirrors(self.config(), reference, |at, schedule| {
            schedule.run(self.cancel(), || self.resolve_at(at, reference))
        });
        found.map_err(|error| self.with_similar_tags(reference, error))
    }

    /// The bytes of the manifest or index behind `descriptor`, of the right size and digest.
    pub fn manifest(&self, reference: &Reference, descriptor: &Descriptor) -> Result<Vec<u8>> {
        over_mirrors(self.config(), reference, |at, schedule| {
            schedule.run(self.cancel(), || self.manifest_at(at, reference, descriptor))
        })
    }

    /// The bytes of the manifest or index that `reference` names now, in one request; none where it names nothing. Mirrors
    /// are asked first.
    pub fn find_manifest(&self, reference: &Reference) -> Result<Option<Vec<u8>>> {
        let found = over_mirrors(self.config(), reference, |at, schedule| {
            schedule.run(self.cancel(), || self.manifest_named(at, reference))
        });
        match found {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether `reference` names an OCI manifest in its own registry, whatever mirrors have; nothing of it is transferred.
    pub fn has_manifest(&self, reference: &Reference) -> Result<bool> {
        let (at, resource, subject) =
            (origin(reference), format!("manifests/{}", wanted(reference)), reference.familiar());
        self.config().retry.run(self.cancel(), || {
            let ask = Ask {
                method: Method::HEAD,
                reference,
                target: Target::Resource(&resource),
                headers: vec![("accept", MediaType::OCI_MANIFEST.to_owned())],
                payload: Payload::Nothing,
                access: Access::Pull,
                subject: &subject,
            };
            let head = self.call(&at, ask, &[200, 404])?;
            Ok(head.status == 200 && head.header("content-type").and_then(known).is_some())
        })
    }

    fn manifest_named(&self, at: &Endpoint, reference: &Reference) -> Result<Vec<u8>> {
        let subject = reference.familiar();
        let mut answer = self.ask_manifest(at, Method::GET, reference, &wanted(reference), &subject, &[200])?;
        let stated = answer.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        let bytes = read(&mut answer, at, &subject)?;
        let found = Digest::of(&bytes);
        match reference.digest().copied().or(stated).filter(|wanted| *wanted != found) {
            Some(wanted) => Err(Error::WrongDigest { host: at.name.clone(), subject, wanted, found }),
            None => Ok(bytes),
        }
    }

    fn resolve_at(&self, at: &Endpoint, reference: &Reference) -> Result<Descriptor> {
        let subject = reference.familiar();
        let name = wanted(reference);
        let head = self.ask_manifest(at, Method::HEAD, reference, &name, &subject, &[200, 405, 501])?;
        if let Some(descriptor) = described(&head, reference) {
            return Ok(descriptor);
        }
        let mut answer = self.ask_manifest(at, Method::GET, reference, &name, &subject, &[200])?;
        let stated = answer.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        let bytes = read(&mut answer, at, &subject)?;
        let media_type = media_type(&answer, &bytes).ok_or_else(|| no_image(at, &subject, &answer))?;
        let descriptor = Descriptor::of(media_type, &bytes);
        match reference.digest().copied().or(stated).filter(|wanted| *wanted != descriptor.digest) {
            Some(wanted) => {
                Err(Error::WrongDigest { host: at.name.clone(), subject, wanted, found: descriptor.digest })
            }
            None => Ok(descriptor),
        }
    }

    fn manifest_at(&self, at: &Endpoint, reference: &Reference, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let subject = format!("{}@{}", reference.familiar_name(), descriptor.digest);
        let host = at.name.clone();
        if descriptor.size > MANIFEST_LIMIT {
            return Err(Error::TooLarge { host, subject, limit: MANIFEST_LIMIT });
        }
        let name = descriptor.digest.to_string();
        let mut answer = self.ask_manifest(at, Method::GET, reference, &name, &subject, &[200])?;
        let bytes = read(&mut answer, at, &subject)?;
        let (wanted, found) = (descriptor.digest, Digest::of(&bytes));
        if wanted != found {
            return Err(Error::WrongDigest { host, subject, wanted, found });
        }
        if descriptor.size != bytes.len() as u64 {
            return Err(Error::WrongSize { host, subject, wanted: descriptor.size, found: bytes.len() as u64 });
        }
        Ok(bytes)
    }

    fn ask_manifest(
        &self,
        at: &Endpoint,
        method: Method,
        reference: &Reference,
        name: &str,
        subject: &str,
        accepted: &[u16],
    ) -> Result<Response> {
        let accept =
            [MediaType::OCI_INDEX, MediaType::OCI_MANIFEST, MediaType::DOCKER_INDEX, MediaType::DOCKER_MANIFEST];
        let ask = Ask {
            method,
            reference,
            target: Target::Resource(&format!("manifests/{name}")),
            headers: vec![("accept", accept.join(", "))],
            payload: Payload::Nothing,
            access: Access::Pull,
            subject,
        };
        self.call(at, ask, accepted)
    }

    /// Names tags that exist where the one asked for does not. Best effort: what fails here hides nothing.
    fn with_similar_tags(&self, reference: &Reference, error: Error) -> Error {
        let (Error::NotFound { host, subject, .. }, Some(tag)) = (&error, reference.tag()) else { return error };
        let (host, subject) = (host.clone(), subject.clone());
        let tags = self.some_tags(reference).unwrap_or_default();
        Error::NotFound { host, subject, similar: similar::nearest(tag, &tags) }
    }

    /// The first page of the repository's tags.
    fn some_tags(&self, reference: &Reference) -> Option<Vec<String>> {
        self.tags_page(&origin(reference), reference, &Target::Resource(TAGS)).ok().map(|(tags, _)| tags)
    }
}

/// The manifest in `index` that serves `wanted` best. What attests others (provenance, software lists) is no image and
/// passed over; a lone image without a platform is taken as it is.
pub fn select<'i>(reference: &Reference, index: &'i Index, wanted: &Platform) -> Result<&'i Descriptor> {
    let images: Vec<&Descriptor> = index.manifests.iter().filter(|manifest| !manifest.is_attestation()).collect();
    let offers = images.iter().filter_map(|manifest| Some((manifest.platform.as_ref()?, *manifest)));
    if let Some(found) = Platform::best(offers, wanted) {
        return Ok(found);
    }
    match images[..] {
        [only] if only.platform.is_none() => Ok(only),
        _ => {
            let offered = images.iter().filter_map(|manifest| manifest.platform.clone()).collect();
            Err(Error::NoPlatform { subject: reference.familiar(), wanted: Box::new(wanted.clone()), offered })
        }
    }
}

/// What stands behind `manifests/`: the digest where there is one.
fn wanted(reference: &Reference) -> String {
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.unwrap_or("latest").to_owned(),
    }
}

/// The descriptor that the headers of an answer to HEAD make, where they make one.
fn described(head: &Response, reference: &Reference) -> Option<Descriptor> {
    let digest: Digest = head.header("docker-content-digest")?.parse().ok()?;
    let size = head.header("content-length")?.parse().ok()?;
    let media_type = known(head.header("content-type")?)?;
    let fits = head.status == 200 && reference.digest().is_none_or(|wanted| *wanted == digest);
    fits.then(|| Descriptor::new(media_type, digest, size))
}

/// The media type of a manifest by the header, else by what the document says of itself, else by its fields.
fn media_type(answer: &Response, bytes: &[u8]) -> Option<MediaType> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sketch {
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
        layers: Option<serde::de::IgnoredAny>,
    }
    let stated = answer.header("content-type").and_then(known);
    stated.or_else(|| {
        let sketch: Sketch = serde_json::from_slice(bytes).ok()?;
        match (sketch.media_type, sketch.manifests, sketch.layers) {
            (Some(text), ..) => known(&text),
            (None, Some(_), None) => Some(MediaType::OCI_INDEX.into()),
            (None, None, Some(_)) => Some(MediaType::OCI_MANIFEST.into()),
            _ => None,
        }
    })
}

fn known(text: &str) -> Option<MediaType> {
    let media_type = MediaType::new(text.split(';').next()?.trim());
    media_type.is_manifest_or_index().then_some(media_type)
}

fn read(answer: &mut Response, at: &Endpoint, subject: &str) -> Result<Vec<u8>> {
    let (host, subject) = (at.name.clone(), subject.to_owned());
    match answer.read(MANIFEST_LIMIT) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Error::TooLarge { host, subject, limit: MANIFEST_LIMIT }),
        Err(source) => Err(Error::Interrupted { host, subject, source }),
    }
}

fn no_image(at: &Endpoint, subject: &str, answer: &Response) -> Error {
    let found = answer.header("content-type").unwrap_or("no media type");
    let reason = format!("it is neither an OCI nor a Docker v2 image ({found})");
    Error::Protocol { host: at.name.clone(), subject: subject.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(platforms: &[Option<&str>]) -> Index {
        let entry = |(number, platform): (usize, Option<&str>)| {
            let mut descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &[number as u8]);
            descriptor.platform = platform.map(|text| text.parse().unwrap());
            descriptor
        };
        Index::oci(platforms.iter().copied().enumerate().map(entry).collect())
    }

    fn select_at(index: &Index, wanted: &str) -> Result<usize> {
        let found = select(&"ubuntu".parse().unwrap(), index, &wanted.parse().unwrap())?;
        Ok(index.manifests.iter().position(|manifest| manifest == found).unwrap())
    }

    #[test]
    fn the_platform_chooses_and_attestations_are_no_images() {
        let mut several =
            index(&[Some("unknown/unknown"), Some("linux/amd64"), Some("linux/arm64/v8"), Some("linux/amd64")]);
        several.manifests[1].annotations.insert("vnd.docker.reference.type".into(), "attestation-manifest".into());
        assert_eq!(select_at(&several, "linux/amd64").unwrap(), 3);
        assert_eq!(select_at(&several, "linux/arm64").unwrap(), 2);
        let error = select_at(&several, "linux/s390x").unwrap_err();
        let expected = "ubuntu:latest has no image for linux/s390x; it has linux/arm64, linux/amd64";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_lone_image_needs_no_platform() {
        assert_eq!(select_at(&index(&[None]), "linux/amd64").unwrap(), 0);
        assert!(select_at(&index(&[None, None]), "linux/amd64").is_err());
        assert!(select_at(&index(&[]), "linux/amd64").unwrap_err().to_string().ends_with("it has none"));
    }
}
