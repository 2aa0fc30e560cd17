//! Downloads: content asked for again by every build, transferred again only where the server says that it changed, kept
//! in the store by its digest. Knows no tree and no step.

mod body;
mod progress;

pub use body::Body;

use crate::error::{Error, Result};
use crate::reach::Reach;
use body::Validators;
use progress::Progress;
use rbuild_oci::{Digest, Hasher};
use rbuild_records::{Output, Recipe, Record};
use rbuild_registry::{Address, Answer, Get, Web};
use rbuild_store::TmpFile;
use rbuild_store::content::ContentStore;
use std::io::{self, Write};

/// What is remembered of an address; the query, which may be a secret, only by its digest.
fn recipe(address: &Address) -> Recipe {
    Recipe::new()
        .with("fetch", address.to_string())
        .with("address", Digest::of(address.to_wire().as_bytes()).to_string())
}

/// One download.
#[derive(Debug)]
pub struct Download<'a> {
    reach: &'a Reach<'a>,
    address: &'a Address,
    recipe: Recipe,
    most: u64,
}

/// Content that came whole and has no place yet.
struct Arrived {
    file: TmpFile,
    body: Body,
}

impl<'a> Download<'a> {
    /// Of that address.
    pub fn new(reach: &'a Reach<'a>, address: &'a Address) -> Self {
        Self { reach, address, recipe: recipe(address), most: u64::MAX }
    }

    /// The same, given up once there are more bytes than that.
    #[must_use]
    pub fn at_most(self, most: u64) -> Self {
        Self { most, ..self }
    }

    /// What the address gave the last time, if that is still in the store.
    pub fn known(&self) -> Result<Option<Body>> {
        let Some(record) = self.reach.cache.get(&self.recipe.key())? else { return Ok(None) };
        let Output::Pinned { digest, details } = record.output else { return Ok(None) };
        match Body::from_details(digest, details) {
            Some(body) if self.has(&body)? => Ok(Some(body)),
            _ => Ok(None),
        }
    }

    /// The content that is wanted, or any: nobody is asked where that one is here. Says whether somebody was.
    pub fn wanted(&self, wanted: Option<Digest>) -> Result<(Body, bool)> {
        let known = self.known()?;
        let known = match (wanted, known) {
            (Some(wanted), Some(body)) if body.digest == wanted => return Ok((body, false)),
            (_, known) => known,
        };
        if known.is_none() {
            (self.reach.ready)()?;
        }
        self.reach.begin();
        let body = self.get(known)?;
        match wanted {
            Some(wanted) if wanted != body.digest => {
                let (address, found) = (self.address.to_string(), Box::new(body.digest));
                Err(Error::OtherContent { address, found, wanted: Box::new(wanted) })
            }
            _ => Ok((body, true)),
        }
    }

    fn has(&self, body: &Body) -> Result<bool> {
        Ok(self.reach.store.content().size(&body.digest)? == Some(body.size))
    }

    /// Asks for the content and remembers the answer; `known` is what is here already, which is good enough where nobody
    /// may be asked.
    pub fn get(&self, known: Option<Body>) -> Result<Body> {
        if self.reach.network.offline {
            return known.ok_or_else(|| self.reach.offline(&self.address.to_string()));
        }
        let web = Web::new(self.reach.network.clone(), self.reach.cancel);
        let authorization = self.authorization()?;
        let headers = known.as_ref().map_or_else(Vec::new, |body| body.validators.headers());
        let get = Get { address: self.address, headers: &headers, authorization: authorization.as_deref() };
        let fresh = web.get(get, |answer| {
            let same = known.as_ref().is_some_and(|body| answer.is_unchanged() || body.validators.hold(answer));
            if same { Ok(None) } else { self.receive(answer).map(Some) }
        });
        match (fresh.map_err(failure)?, known) {
            (None, Some(body)) => Ok(body),
            (None, None) => Err(Error::Step(format!("{} answers that nothing changed, unasked", self.address))),
            (Some(arrived), known) => self.keep(arrived, known),
        }
    }

    /// `HTTP_AUTH_TOKEN_host` goes before `HTTP_AUTH_HEADER_host`.
    fn authorization(&self) -> Result<Option<String>> {
        let host = self.address.host();
        for (prefix, scheme) in [("HTTP_AUTH_TOKEN_", "Bearer "), ("HTTP_AUTH_HEADER_", "")] {
            let id = format!("{prefix}{host}");
            if let Some(secret) = (self.reach.secret)(&id)? {
                let unusable = |_| Error::Step(format!("the secret {id} is not text"));
                let text = String::from_utf8(secret).map_err(unusable)?;
                return Ok(Some(format!("{scheme}{}", text.trim())));
            }
        }
        Ok(None)
    }

    fn receive(&self, answer: &mut Answer<'_>) -> rbuild_registry::Result<Arrived> {
        let mut file = self.reach.store.tmp_file().map_err(|error| rbuild_registry::Error::Local {
            operation: "keep",
            subject: self.address.to_string(),
            source: io::Error::other(error),
        })?;
        let (mut hasher, mut progress) = (Hasher::new(), Progress::new(self.reach, self.address, answer.size()));
        let mtime = answer.date("last-modified").map_or(0, |time| time.seconds);
        let validators = Validators::of(answer);
        answer.read(|bytes| {
            hasher.update(bytes);
            progress.moved(bytes.len());
            if progress.done() > self.most {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("it has more than {} bytes", self.most),
                ));
            }
            file.write_all(bytes)
        })?;
        Ok(Arrived { file, body: Body { digest: hasher.finish(), size: progress.done(), mtime, validators } })
    }

    /// The same answer as before leaves no trace: a build that finds nothing new writes nothing.
    fn keep(&self, Arrived { file, body }: Arrived, known: Option<Body>) -> Result<Body> {
        if known.is_some_and(|known| known == body) {
            return Ok(body);
        }
        self.reach.keeps();
        if !self.has(&body)? {
            // Later builds, which verify nothing but its size, must find it whole even after a crash of the machine.
            file.file().sync_data().map_err(Error::io("sync", self.address))?;
            self.reach.store.content().adopt(file, &body.digest)?;
        }
        let output = Output::Pinned { digest: body.digest, details: body.details() };
        let created = self.reach.clock.now();
        self.reach.cache.put(&Record { recipe: self.recipe.clone(), parent: None, output, created })?;
        Ok(body)
    }
}

/// A failure said as one of this step: what helps with registries does not help here.
fn failure(error: rbuild_registry::Error) -> Error {
    match error {
        rbuild_registry::Error::Canceled(canceled) => canceled.into(),
        other => Error::Step(other.to_string()),
    }
}
