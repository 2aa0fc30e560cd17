//! ADD of a URL: a download, asked for again by every build unless its checksum says what it must be, and transferred
//! again only where the server says that it changed. Knows no destination.

use crate::error::{Error, Result};
use crate::events::Event;
use crate::solve::{Shown, Value, Work};
use crate::tree::DownloadTree;
use rbuild_graph::FetchOp;
use rbuild_oci::{Digest, Hasher};
use rbuild_records::{Output, Recipe, Record};
use rbuild_registry::{Address, Answer, Config, Get, Web};
use rbuild_store::TmpFile;
use rbuild_store::layer::FileData;
use std::collections::BTreeMap;
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
    work.ctx.events.send(&Event::Started { step: work.step, name: &work.vertex.place.to_string() });
    let body = download.get(known)?;
    match op.checksum {
        Some(wanted) if wanted != body.digest => {
            let text =
                format!("{address}: its content has the digest {}, not {wanted} as its checksum says", body.digest);
            Err(Error::Step(text))
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

/// Content that lies in the store.
struct Body {
    digest: Digest,
    size: u64,
    /// In seconds since 1970.
    mtime: i64,
    validators: Validators,
}

/// How to ask whether content has changed (RFC 9110, section 8.8).
#[derive(Default)]
struct Validators {
    etag: Option<String>,
    last_modified: Option<String>,
}

/// The names of details in a record.
const SIZE: &str = "size";
const MTIME: &str = "mtime";
const ETAG: &str = "etag";
const LAST_MODIFIED: &str = "last-modified";

/// A date in whole seconds tells contents apart once they are at least this old: two may have been made in one second.
const SETTLED: i64 = 2;

impl Download<'_> {
    /// What the address gave the last time, if all of it is still in the store.
    fn known(&self) -> Result<Option<Body>> {
        let Some(record) = self.work.ctx.cache.get(&self.recipe.key())? else { return Ok(None) };
        let Output::Pinned { digest, mut details } = record.output else { return Ok(None) };
        let number = |name: &str| details.get(name)?.parse::<i64>().ok();
        let (Some(size), Some(mtime)) = (number(SIZE), number(MTIME)) else { return Ok(None) };
        let size = size as u64;
        let validators = Validators { etag: details.remove(ETAG), last_modified: details.remove(LAST_MODIFIED) };
        Ok(self.has(&digest, size).then_some(Body { digest, size, mtime, validators }))
    }

    fn has(&self, digest: &Digest, size: u64) -> bool {
        std::fs::metadata(self.work.ctx.store.blob_path(digest)).is_ok_and(|meta| meta.len() == size)
    }

    /// Asks for the content and remembers the answer.
    fn get(&self, known: Option<Body>) -> Result<Body> {
        let web = Web::new(Config::from_env(&|name| std::env::var_os(name)), self.work.ctx.cancel);
        let authorization = self.authorization()?;
        let headers = known.as_ref().map_or_else(Vec::new, |body| body.validators.headers());
        let get = Get { address: self.address, headers: &headers, authorization: authorization.as_deref() };
        let fresh = web.get(get, |answer| {
            let same = known.as_ref().is_some_and(|body| answer.is_unchanged() || body.validators.hold(answer));
            if same { Ok(None) } else { self.keep(answer).map(Some) }
        });
        match (fresh.map_err(failure)?, known) {
            (None, Some(body)) => Ok(body),
            (None, None) => Err(Error::Step(format!("{} answers that nothing changed, unasked", self.address))),
            (Some(arrived), _) => self.adopt(arrived),
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

    fn keep(&self, answer: &mut Answer<'_>) -> rbuild_registry::Result<Arrived> {
        let file = self.work.ctx.store.tmp_file().map_err(|error| local(self.address, io::Error::other(error)))?;
        let (mut hasher, mut progress) = (Hasher::new(), Progress::new(self.work, self.address, answer.size()));
        let mtime = answer.date(LAST_MODIFIED).map_or(0, |time| time.seconds);
        let validators = Validators::of(answer);
        answer.read(|bytes| {
            hasher.update(bytes);
            progress.moved(bytes.len());
            file.file().write_all(bytes)
        })?;
        file.file().sync_data().map_err(|source| local(self.address, source))?;
        Ok(Arrived { file, body: Body { digest: hasher.finish(), size: progress.done, mtime, validators } })
    }

    fn adopt(&self, Arrived { file, body }: Arrived) -> Result<Body> {
        self.work.ctx.wrote.store(true, Ordering::Relaxed);
        if !self.has(&body.digest, body.size) {
            file.persist(&self.work.ctx.store.blob_path(&body.digest))?;
        }
        let numbers = [(SIZE, Some(body.size.to_string())), (MTIME, Some(body.mtime.to_string()))];
        let validators = [(ETAG, body.validators.etag.clone()), (LAST_MODIFIED, body.validators.last_modified.clone())];
        let given = numbers.into_iter().chain(validators).filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let output = Output::Pinned { digest: body.digest, details: given.collect::<BTreeMap<_, _>>() };
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

/// Content that came whole and has no place yet.
struct Arrived {
    file: TmpFile,
    body: Body,
}

impl Validators {
    fn of(answer: &Answer<'_>) -> Self {
        let settled = match (answer.date(LAST_MODIFIED), answer.date("date")) {
            (Some(modified), Some(now)) => now.seconds - modified.seconds >= SETTLED,
            _ => false,
        };
        let header = |name| answer.header(name).map(str::to_owned);
        Self { etag: header(ETAG), last_modified: header(LAST_MODIFIED).filter(|_| settled) }
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let etag = self.etag.clone().map(|etag| ("if-none-match", etag));
        let date = self.last_modified.clone().map(|date| ("if-modified-since", date));
        etag.into_iter().chain(date).collect()
    }

    /// Whether a whole answer is the content that is known: there are servers that give tags and ignore them in questions.
    fn hold(&self, answer: &Answer<'_>) -> bool {
        let strong = |etag: &str| etag.trim_start_matches("W/").to_owned();
        self.etag.as_deref().is_some_and(|known| answer.header(ETAG).is_some_and(|etag| strong(etag) == strong(known)))
    }
}

/// Tells how a download moves on, once for every MiB.
struct Progress<'a> {
    work: &'a Work<'a>,
    what: String,
    done: u64,
    total: Option<u64>,
}

const TOLD: u64 = 1 << 20;

impl<'a> Progress<'a> {
    fn new(work: &'a Work<'a>, address: &Address, total: Option<u64>) -> Self {
        Self { work, what: address.to_string(), done: 0, total }
    }

    fn moved(&mut self, bytes: usize) {
        let before = self.done / TOLD;
        self.done += bytes as u64;
        let ended = self.total == Some(self.done);
        if self.done / TOLD > before || ended {
            let total = self.total.unwrap_or(self.done);
            self.work.ctx.events.send(&Event::Progress {
                step: self.work.step,
                what: &self.what,
                done: self.done,
                total,
            });
        }
    }
}

fn local(address: &Address, source: io::Error) -> rbuild_registry::Error {
    rbuild_registry::Error::Local { operation: "keep", subject: address.to_string(), source }
}

/// A failure said as one of this step: what helps with registries does not help here.
fn failure(error: rbuild_registry::Error) -> Error {
    match error {
        rbuild_registry::Error::Canceled(canceled) => canceled.into(),
        other => Error::Step(other.to_string()),
    }
}
