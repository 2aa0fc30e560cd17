//! ADD of a URL: a download, asked for again by every build unless its checksum says what it must be, and transferred
//! again only where the server says that it changed. Knows no destination.

mod body;
mod progress;

use crate::error::{Error, Result};
use crate::events::Event;
use crate::solve::{Shown, Value, Work};
use crate::tree::DownloadTree;
use body::{Body, Validators};
use progress::Progress;
use rbuild_graph::FetchOp;
use rbuild_oci::{Digest, Hasher};
use rbuild_records::{Output, Recipe, Record};
use rbuild_registry::{Address, Answer, Config, Get, Web};
use rbuild_store::TmpFile;
use rbuild_store::layer::FileData;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The file, from the store where it is known to be the same as at its address.
pub fn solve(work: &Work<'_>, op: &FetchOp) -> Result<(Value, Shown)> {
    let Some(address) = Address::parse(&op.url) else {
        return Err(Error::Step("a URL to add is not of the form http(s)://HOST/PATH".to_owned()));
    };
    let download = Download { work, address: &address, recipe: recipe(&address) };
    let known = download.known()?;
    if let (Some(wanted), Some(body)) = (&op.checksum, &known)
        && body.digest == *wanted
    {
        return Ok((download.tree(op, body), Shown::Cached));
    }
    if known.is_none() {
        (work.inputs.begin)()?;
    }
    work.ctx.events.send(&Event::Started { step: work.step, name: &work.vertex.place.to_string() });
    let body = download.get(known)?;
    match op.checksum {
        Some(wanted) if wanted != body.digest => {
            let found = body.digest;
            Err(Error::Step(format!(
                "{address}: its content has the digest {found}, not {wanted} as its checksum says"
            )))
        }
        _ => Ok((download.tree(op, &body), Shown::Done)),
    }
}

/// What is remembered of an address; the query, which may be a secret, only by its digest.
fn recipe(address: &Address) -> Recipe {
    Recipe::new()
        .with("fetch", address.to_string())
        .with("address", Digest::of(address.to_wire().as_bytes()).to_string())
}

/// One download.
struct Download<'a> {
    work: &'a Work<'a>,
    address: &'a Address,
    recipe: Recipe,
}

/// Content that came whole and has no place yet.
struct Arrived {
    file: TmpFile,
    body: Body,
}

impl Download<'_> {
    /// What the address gave the last time, if that is still in the store.
    fn known(&self) -> Result<Option<Body>> {
        let Some(record) = self.work.ctx.cache.get(&self.recipe.key())? else { return Ok(None) };
        let Output::Pinned { digest, details } = record.output else { return Ok(None) };
        Ok(Body::from_details(digest, details).filter(|body| self.has(body)))
    }

    fn has(&self, body: &Body) -> bool {
        let path = self.work.ctx.store.blob_path(&body.digest);
        std::fs::metadata(path).is_ok_and(|meta| meta.len() == body.size)
    }

    /// Asks for the content and remembers the answer.
    fn get(&self, known: Option<Body>) -> Result<Body> {
        let web = Web::new(Config::from_env(&|name| std::env::var_os(name)), self.work.ctx.cancel);
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
            if let Some(secret) = (self.work.inputs.secret)(&id)? {
                let unusable = |_| Error::Step(format!("the secret {id} is not text"));
                let text = String::from_utf8(secret).map_err(unusable)?;
                return Ok(Some(format!("{scheme}{}", text.trim())));
            }
        }
        Ok(None)
    }

    fn receive(&self, answer: &mut Answer<'_>) -> rbuild_registry::Result<Arrived> {
        let file = self.work.ctx.store.tmp_file().map_err(|error| rbuild_registry::Error::Local {
            operation: "keep",
            subject: self.address.to_string(),
            source: io::Error::other(error),
        })?;
        let (mut hasher, mut progress) = (Hasher::new(), Progress::new(self.work, self.address, answer.size()));
        let mtime = answer.date("last-modified").map_or(0, |time| time.seconds);
        let validators = Validators::of(answer);
        answer.read(|bytes| {
            hasher.update(bytes);
            progress.moved(bytes.len());
            file.file().write_all(bytes)
        })?;
        Ok(Arrived { file, body: Body { digest: hasher.finish(), size: progress.done(), mtime, validators } })
    }

    /// The same answer as before leaves no trace: a build that finds nothing new writes nothing.
    fn keep(&self, Arrived { file, body }: Arrived, known: Option<Body>) -> Result<Body> {
        if known.is_some_and(|known| known == body) {
            return Ok(body);
        }
        self.work.ctx.wrote.store(true, Ordering::Relaxed);
        if !self.has(&body) {
            // Later builds, which verify nothing but its size, must find it whole even after a crash of the machine.
            file.file().sync_data().map_err(Error::io("sync", self.address))?;
            file.persist(&self.work.ctx.store.blob_path(&body.digest))?;
        }
        let output = Output::Pinned { digest: body.digest, details: body.details() };
        let created = self.work.ctx.clock.now();
        self.work.ctx.cache.put(&Record { recipe: self.recipe.clone(), parent: None, output, created })?;
        Ok(body)
    }

    fn tree(&self, op: &FetchOp, body: &Body) -> Value {
        let data = FileData { digest: body.digest, ..FileData::unread(body.size) };
        let path = self.work.ctx.store.blob_path(&body.digest);
        Value::Tree(Arc::new(DownloadTree::new(&op.name, data, body.mtime, path)))
    }
}

/// A failure said as one of this step: what helps with registries does not help here.
fn failure(error: rbuild_registry::Error) -> Error {
    match error {
        rbuild_registry::Error::Canceled(canceled) => canceled.into(),
        other => Error::Step(other.to_string()),
    }
}
