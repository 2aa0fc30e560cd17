//! A stand-in for GitHub's cache service, version 2, with the storage behind it: on loopback, in memory. It asks for
//! tokens, keeps branches apart, never changes an entry, signs addresses and takes blocks, as theirs does. Knows nothing
//! of what is kept.

use super::Server;
use rbuild_oci::Digest;
use rbuild_registry::testing::wire::{Call, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The service. Dropping it ends it.
#[derive(Debug)]
pub struct ActionsCache {
    server: Server,
    held: Arc<Mutex<Held>>,
}

/// A token and the branches that it may read, in the order they are looked at; the first is the one it writes to.
pub type Token<'a> = (&'a str, &'a [&'a str]);

#[derive(Debug, Default)]
struct Held {
    tokens: BTreeMap<String, Vec<String>>,
    /// The oldest first.
    entries: Vec<Entry>,
    faults: Vec<(String, u16, usize)>,
    seen: Vec<String>,
}

#[derive(Debug)]
struct Entry {
    key: String,
    version: String,
    branch: String,
    blocks: BTreeMap<String, Vec<u8>>,
    content: Option<Vec<u8>>,
    is_finished: bool,
}

const SERVICE: &str = "/twirp/github.actions.results.api.v1.CacheService/";

impl ActionsCache {
    /// An empty cache that these tokens open.
    pub fn start(tokens: &[Token<'_>]) -> io::Result<Self> {
        let branches = |all: &[&str]| all.iter().map(|branch| (*branch).to_owned()).collect();
        let tokens = tokens.iter().map(|(token, all)| ((*token).to_owned(), branches(all))).collect();
        let held = Arc::new(Mutex::new(Held { tokens, ..Held::default() }));
        let shared = held.clone();
        let server = Server::start(move |call| {
            let mut held = lock(&shared);
            held.seen.push(format!("{} {}", call.method, call.path));
            let fault = held.fault(&call.path);
            Some(fault.unwrap_or_else(|| match call.path.strip_prefix(SERVICE) {
                Some(method) => held.service(method, call),
                None => held.storage(call),
            }))
        })?;
        Ok(Self { server, held })
    }

    /// What `ACTIONS_RESULTS_URL` is.
    pub fn url(&self) -> String {
        format!("{}/", self.server.url())
    }

    /// Answers the next `times` requests whose path has `path` in it with a status.
    pub fn fail(&self, path: &str, status: u16, times: usize) {
        lock(&self.held).faults.push((path.to_owned(), status, times));
    }

    /// The requests so far, as `POST /path`.
    pub fn seen(&self) -> Vec<String> {
        lock(&self.held).seen.clone()
    }

    /// The keys of the entries that can be found, the oldest first.
    pub fn keys(&self) -> Vec<String> {
        let held = lock(&self.held);
        held.entries.iter().filter(|entry| entry.is_finished).map(|entry| entry.key.clone()).collect()
    }

    /// Puts other content into all entries that are there.
    pub fn spoil(&self, content: &[u8]) {
        for entry in &mut lock(&self.held).entries {
            entry.content = Some(content.to_vec());
        }
    }
}

impl Held {
    fn fault(&mut self, path: &str) -> Option<Reply> {
        let (_, status, times) =
            self.faults.iter_mut().find(|(part, _, times)| *times > 0 && path.contains(&**part))?;
        *times -= 1;
        Some(Reply::json(*status, json!({"code": "unavailable", "msg": "on purpose"}).to_string()))
    }

    fn service(&mut self, method: &str, call: &Call) -> Reply {
        let token = call.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        let Some(branches) = self.tokens.get(token).cloned() else {
            return no(401, "unauthenticated", "invalid token");
        };
        let Ok(question) = serde_json::from_slice::<Value>(&call.body) else { return no(400, "malformed", "no JSON") };
        let text = |name: &str| question[name].as_str().unwrap_or_default().to_owned();
        let (key, version) = (text("key"), text("version"));
        if key.is_empty() || key.len() > 512 || key.contains(',') || Digest::from_hex(&version).is_err() {
            return no(400, "invalid_argument", "key or version");
        }
        match method {
            "CreateCacheEntry" => self.create(call, key, version, &branches[0]),
            "FinalizeCacheEntryUpload" => {
                self.finish(&key, &version, &branches[0], text("size_bytes").parse().unwrap_or(usize::MAX))
            }
            "GetCacheEntryDownloadURL" => {
                let mut keys = vec![key];
                let further = question["restore_keys"].as_array().cloned().unwrap_or_default();
                keys.extend(further.iter().filter_map(Value::as_str).map(str::to_owned));
                self.find(call, &keys, &version, &branches)
            }
            _ => no(404, "bad_route", "no such method"),
        }
    }

    fn create(&mut self, call: &Call, key: String, version: String, branch: &str) -> Reply {
        if self.position(&key, &version, branch).is_some() {
            return no(409, "already_exists", "cache entry with the same key, version, and scope already exists");
        }
        let (blocks, branch) = (BTreeMap::new(), branch.to_owned());
        self.entries.push(Entry { key, version, branch, blocks, content: None, is_finished: false });
        let url = signed(call, self.entries.len() - 1, "w");
        yes(&json!({"ok": true, "signed_upload_url": url}))
    }

    fn finish(&mut self, key: &str, version: &str, branch: &str, size: usize) -> Reply {
        let Some(number) = self.position(key, version, branch) else { return no(404, "not_found", "no such entry") };
        let entry = &mut self.entries[number];
        if entry.content.as_ref().map(Vec::len) != Some(size) {
            return no(400, "invalid_argument", "size");
        }
        entry.is_finished = true;
        yes(&json!({"ok": true, "entry_id": number.to_string()}))
    }

    /// The newest entry whose key begins with one of `keys`, of the first branch that has any.
    fn find(&self, call: &Call, keys: &[String], version: &str, branches: &[String]) -> Reply {
        for (branch, key) in branches.iter().flat_map(|branch| keys.iter().map(move |key| (branch, key))) {
            let fits = |entry: &Entry| {
                entry.is_finished && entry.branch == *branch && entry.version == version && entry.key.starts_with(key)
            };
            if let Some(number) = self.entries.iter().rposition(fits) {
                let (url, key) = (signed(call, number, "r"), &self.entries[number].key);
                return yes(&json!({"ok": true, "signed_download_url": url, "matched_key": key}));
            }
        }
        yes(&json!({"ok": false, "signed_download_url": "", "matched_key": ""}))
    }

    fn position(&self, key: &str, version: &str, branch: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.key == key && entry.version == version && entry.branch == branch)
    }

    fn storage(&mut self, call: &Call) -> Reply {
        let query = |name: &str| call.query.get(name).map_or("", String::as_str);
        let number = call.path.strip_prefix("/storage/").and_then(|number| number.parse::<usize>().ok());
        let may = if call.method == "GET" { "r" } else { "w" };
        let Some(entry) = number.and_then(|number| self.entries.get_mut(number)) else { return Reply::status(404) };
        if query("sp") != may
            || query("sig") != signature(number.unwrap_or_default(), may)
            || call.headers.contains_key("authorization")
        {
            return Reply::status(403).with("x-ms-error-code", "AuthenticationFailed");
        }
        match (call.method.as_str(), query("comp")) {
            ("GET", _) => entry.content.as_ref().map_or(Reply::status(404), |content| part(content, call)),
            ("PUT", _) if entry.is_finished => Reply::status(409).with("x-ms-error-code", "BlobImmutableDueToPolicy"),
            ("PUT", "block") => entry.keep_block(query("blockid"), &call.body),
            ("PUT", "blocklist") => entry.join(&String::from_utf8_lossy(&call.body)),
            ("PUT", "") if call.header("x-ms-blob-type") == "BlockBlob" => {
                entry.content = Some(call.body.clone());
                Reply::status(201)
            }
            _ => Reply::status(400).with("x-ms-error-code", "MissingRequiredHeader"),
        }
    }
}

impl Entry {
    fn keep_block(&mut self, name: &str, bytes: &[u8]) -> Reply {
        let of_one_length = self.blocks.keys().all(|other| other.len() == name.len());
        if name.is_empty() || !name.len().is_multiple_of(4) || !of_one_length {
            return Reply::status(400).with("x-ms-error-code", "InvalidBlobOrBlock");
        }
        self.blocks.insert(name.to_owned(), bytes.to_vec());
        Reply::status(201)
    }

    fn join(&mut self, list: &str) -> Reply {
        let names = list.split("<Latest>").skip(1).filter_map(|rest| rest.split("</Latest>").next());
        let blocks: Option<Vec<&Vec<u8>>> = names.map(|name| self.blocks.get(name)).collect();
        let Some(blocks) = blocks else { return Reply::status(400).with("x-ms-error-code", "InvalidBlockList") };
        self.content = Some(blocks.into_iter().flatten().copied().collect());
        Reply::status(201)
    }
}

/// The content from where the request wants it on.
fn part(content: &[u8], call: &Call) -> Reply {
    let from = call.header("range").strip_prefix("bytes=").and_then(|range| range.trim_end_matches('-').parse().ok());
    let from = from.filter(|from| *from < content.len());
    let reply = Reply::status(if from.is_some() { 206 } else { 200 });
    let start = from.unwrap_or(0);
    let range = format!("bytes {start}-{}/{}", content.len().saturating_sub(1), content.len());
    Reply { body: content[start..].to_vec(), ..reply }.with("Content-Range", range)
}

/// An address that allows one thing with one entry.
fn signed(call: &Call, number: usize, may: &str) -> String {
    let host = call.header("host");
    format!("http://{host}/storage/{number}?sv=2025-01-05&sp={may}&sig={}", signature(number, may))
}

fn signature(number: usize, may: &str) -> String {
    Digest::of(format!("the storage's secret {number} {may}").as_bytes()).hex()
}

fn yes(answer: &Value) -> Reply {
    Reply::json(200, answer.to_string())
}

fn no(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, json!({"code": code, "msg": message}).to_string())
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
