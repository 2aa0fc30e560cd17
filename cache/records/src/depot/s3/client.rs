//! Single requests to S3: signed, sent once, and refused answers told as errors. Knows no blob and no document.

use super::refusal::refusal;
use super::settings::{Place, S3Settings};
use super::sign::{Request, authorization, query};
use crate::depot::line::Line;
use crate::error::Result as Settled;
use rbuild_oci::{Digest, Timestamp};
use rbuild_registry::{Answer, Call, Content, Result, Verb, Web};
use std::time::SystemTime;

/// Who asks, where, over what.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) line: Line,
    settings: S3Settings,
    place: Place,
    now: fn() -> SystemTime,
}

/// A request about an object.
pub(super) struct Ask<'a> {
    pub(super) verb: Verb,
    pub(super) key: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content: Content<'a>,
    /// The digest of the content.
    pub(super) digest: Digest,
}

impl<'a> Ask<'a> {
    /// A request without content.
    pub(super) fn new(verb: Verb, key: &'a str) -> Self {
        let digest = Digest::of(b"");
        Self { verb, key, query: &[], headers: Vec::new(), content: Content::Nothing, digest }
    }

    pub(super) fn with_content(self, content: Content<'a>, digest: Digest) -> Self {
        Self { content, digest, ..self }
    }

    pub(super) fn with_bytes(self, bytes: &[u8]) -> Self {
        self.with_content(Content::Bytes(bytes.to_vec()), Digest::of(bytes))
    }

    pub(super) fn with_query(self, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { query, ..self }
    }
}

impl Client {
    pub(super) fn new(settings: S3Settings, line: Line, now: fn() -> SystemTime) -> Settled<Self> {
        let place = settings.place()?;
        Ok(Self { line, settings, place, now })
    }

    pub(super) const fn settings(&self) -> &S3Settings {
        &self.settings
    }

    /// The answer, which is a success; none where there is no such object.
    pub(super) fn find<'w>(&self, web: &'w Web, ask: Ask<'_>) -> Result<Option<Answer<'w>>> {
        let (verb, key) = (ask.verb, ask.key);
        let (answer, sent) = self.send(web, ask)?;
        match (answer.status(), verb) {
            (200..=299, _) => Ok(Some(answer)),
            (404, Verb::Head) => Ok(None),
            // Such answers have no body to say why.
            (400..=499, Verb::Head) => self.find(web, Ask { headers: first_byte(), ..Ask::new(Verb::Get, key) }),
            _ => match refusal(answer, &sent)? {
                (code, _) if code == "NoSuchKey" => Ok(None),
                (_, error) => Err(error),
            },
        }
    }

    /// The answer, which is a success.
    pub(super) fn done<'w>(&self, web: &'w Web, ask: Ask<'_>) -> Result<Answer<'w>> {
        let (answer, sent) = self.send(web, ask)?;
        if (200..300).contains(&answer.status()) { Ok(answer) } else { Err(refusal(answer, &sent)?.1) }
    }

    /// The answer, and the time that the request was signed at.
    fn send<'w>(&self, web: &'w Web, ask: Ask<'_>) -> Result<(Answer<'w>, String)> {
        let query = query(ask.query);
        let (path, address) = self.place.address(ask.key, &query)?;
        let now = Timestamp::from_seconds(Timestamp::from((self.now)()).seconds);
        let time = now.to_string().replace(['-', ':'], "");
        let payload = ask.digest.hex();
        let (mut headers, mut signature) = (ask.headers, None);
        if let Some(login) = &self.settings.login {
            let mut signed = vec![
                ("host", self.place.host.clone()),
                ("x-amz-content-sha256", payload.clone()),
                ("x-amz-date", time.clone()),
            ];
            signed.extend(login.session.clone().map(|token| ("x-amz-security-token", token)));
            let request =
                Request { method: ask.verb.name(), path: &path, query: &query, headers: &signed, payload: &payload };
            signature = Some(authorization(&request, login, &self.settings.region, "s3", &time));
            headers.extend(signed.into_iter().skip(1));
        }
        let answer = web.call(Call {
            verb: ask.verb,
            address,
            headers,
            authorization: signature,
            content: ask.content,
            subject: ask.key,
        })?;
        Ok((answer, now.to_string()))
    }
}

fn first_byte() -> Vec<(&'static str, String)> {
    vec![("range", "bytes=0-0".to_owned())]
}
