//! The distribution API over what the registry holds, its token server, and the faults on the way out.

use super::registry::{Fault, Held, Login, Manners, Seen, Shared};
use super::wire::{Call, Reply, pairs};
use super::{referrers, uploads};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rbuild_oci::{Descriptor, Digest};
use std::sync::Arc;

/// What becomes of a call once its head is known.
pub(super) enum Entry {
    /// It gets this answer, whatever its body is.
    Refused(Reply),
    /// It gets none.
    Silent,
    /// It gets [`answer`].
    Admitted(Option<Fault>),
}

/// Notes a call, and decides whether it is let in and what goes wrong with it.
pub(super) fn admit(shared: &Shared, call: &Call) -> Entry {
    if call.path == "/token" {
        return Entry::Admitted(None);
    }
    let mut held = shared.held();
    held.seen.push(Seen {
        method: call.method.clone(),
        path: call.path.clone(),
        range: call.header("range").to_owned(),
        authorization: call.header("authorization").to_owned(),
        content_range: call.header("content-range").to_owned(),
    });
    let fault = next_fault(&mut held, call);
    if let Some(Fault::Status(status, headers)) = fault {
        let message = r#"{"errors":[{"code":"TEST","message":"told to fail"}]}"#;
        let reply = Reply::json(status, message);
        return Entry::Refused(headers.into_iter().fold(reply, |reply, (name, value)| reply.with(name, value)));
    }
    if !let_in(shared, call) {
        return Entry::Refused(challenge(shared, call));
    }
    if shared.manners.most.is_some_and(|most| call.length() > most) {
        return Entry::Refused(Reply::status(413));
    }
    match fault {
        Some(Fault::Silence) => Entry::Silent,
        Some(Fault::Redirect(to)) => {
            Entry::Refused(Reply::status(307).with("Location", format!("{to}{}", call.target)))
        }
        fault => Entry::Admitted(fault),
    }
}

/// The answer to a call that was let in.
pub(super) fn answer(shared: &Shared, call: &Call, fault: Option<&Fault>) -> Reply {
    if call.path == "/token" {
        return token(&shared.login, call);
    }
    spoil(route(shared, call, matches!(fault, Some(Fault::Plain))), fault)
}

fn next_fault(held: &mut Held, call: &Call) -> Option<Fault> {
    let meets = |fault: &Fault| match fault {
        Fault::Status(..) | Fault::Plain => true,
        Fault::Break(_) | Fault::Slow(_) => call.length() > 0,
        _ => call.method != "HEAD",
    };
    let rule =
        held.rules.iter_mut().find(|rule| rule.times > 0 && call.path.contains(&rule.path) && meets(&rule.fault))?;
    rule.times -= 1;
    Some(rule.fault.clone())
}

fn spoil(mut reply: Reply, fault: Option<&Fault>) -> Reply {
    match fault {
        Some(Fault::Truncate(at)) => reply.cut_at = Some(*at),
        Some(Fault::OtherDigest) => {
            reply.headers.retain(|(name, _)| *name != "Docker-Content-Digest");
            return reply.with("Docker-Content-Digest", Digest::of(b"other").to_string());
        }
        Some(Fault::Trickle(pause)) => reply.pause = Some(*pause),
        Some(Fault::Corrupt) => reply.body.iter_mut().take(1).for_each(|byte| *byte ^= 1),
        _ => {}
    }
    reply
}

fn let_in(shared: &Shared, call: &Call) -> bool {
    let given = call.header("authorization");
    match &shared.login {
        Login::Open => true,
        Login::Basic(user, password) => given == basic(user, password),
        Login::Token(..) | Login::Identity(_) => {
            let needed = scope(call);
            let more = needed.replace(":pull", ":pull,push");
            given
                .strip_prefix("Bearer for ")
                .is_some_and(|scopes| scopes.split(' ').any(|it| it == needed || it == more))
        }
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The scope that a call needs.
fn scope(call: &Call) -> String {
    let repository = repository(&call.path).map_or("", |(repository, _)| repository);
    let pull = matches!(call.method.as_str(), "GET" | "HEAD");
    format!("repository:{repository}:{}", if pull { "pull" } else { "pull,push" })
}

fn challenge(shared: &Shared, call: &Call) -> Reply {
    let header = match shared.login {
        Login::Basic(..) => "Basic realm=\"test\"".to_owned(),
        _ => format!("Bearer realm=\"http://{}/token\",service=\"test\",scope=\"{}\"", shared.host, scope(call)),
    };
    let message = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
    Reply::json(401, message).with("WWW-Authenticate", header)
}

/// The token that is given in place of a password to who asks for one.
const LASTING: &str = "lasting";

/// The token server: tokens say what they are for.
fn token(login: &Login, call: &Call) -> Reply {
    let form = pairs(&String::from_utf8_lossy(&call.body));
    let scope = call.query.get("scope").or_else(|| form.get("scope")).cloned().unwrap_or_default();
    let known = match login {
        Login::Token(user, password) => {
            call.header("authorization") == basic(user, password)
                || form.get("refresh_token").is_some_and(|token| token == LASTING)
        }
        Login::Identity(token) => call.method == "POST" && form.get("refresh_token") == Some(token),
        _ => false,
    };
    let anonymous = call.header("authorization").is_empty() && call.method == "GET" && !scope.contains("push");
    if known || anonymous && matches!(login, Login::Token(..)) {
        let asked = known && call.query.get("offline_token").is_some_and(|text| text == "true");
        let lasting = if asked { format!(r#","refresh_token":"{LASTING}""#) } else { String::new() };
        return Reply::json(200, format!(r#"{{"access_token":"for {scope}","expires_in":60{lasting}}}"#));
    }
    Reply::json(401, r#"{"details":"incorrect username or password"}"#)
}

/// Repository and resource of a path.
fn repository(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix("/v2/")?;
    let at = ["/manifests/", "/blobs/", "/tags/", "/referrers/"].iter().find_map(|part| path.find(part))?;
    Some((&path[..at], &path[at + 1..]))
}

fn route(shared: &Shared, call: &Call, plain: bool) -> Reply {
    let Some((repository, resource)) = repository(&call.path) else { return Reply::status(200) };
    let (repository, (kind, name)) = (repository.to_owned(), resource.split_once('/').unwrap_or((resource, "")));
    let held = &mut *shared.held();
    match (call.method.as_str(), kind) {
        (_, "blobs") if name.starts_with("uploads/") => uploads::answer(held, &shared.manners, repository, call),
        ("GET" | "HEAD", "manifests") => manifest(held, &(repository, name.to_owned()), plain),
        ("GET" | "HEAD", "blobs") => blob(held, repository, name, call, plain),
        ("GET", "tags") => tags(held, &repository, call),
        ("GET", "referrers") if shared.manners.lists_referrers => referrers::answer(held, &repository, name, call),
        ("GET", "referrers") => missing("NOT_FOUND"),
        ("PUT", "manifests") => put_manifest(held, repository, name, (call, &shared.manners)),
        _ => Reply::status(405),
    }
}

pub(super) fn missing(code: &str) -> Reply {
    Reply::json(404, format!(r#"{{"errors":[{{"code":"{code}","message":"unknown"}}]}}"#))
}

fn manifest(held: &Held, key: &(String, String), plain: bool) -> Reply {
    let Some((descriptor, bytes)) = held.manifests.get(key) else { return missing("MANIFEST_UNKNOWN") };
    let reply = Reply { body: bytes.to_vec(), ..Reply::status(200) };
    if plain {
        return reply.with("Content-Type", "application/json");
    }
    let digest = descriptor.digest.to_string();
    reply.with("Content-Type", descriptor.media_type.as_str()).with("Docker-Content-Digest", digest)
}

fn blob(held: &Held, repository: String, name: &str, call: &Call, plain: bool) -> Reply {
    let bytes = name.parse().ok().and_then(|digest| held.blobs.get(&(repository, digest)));
    let Some(bytes) = bytes else { return missing("BLOB_UNKNOWN") };
    let start = call.header("range").strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse().ok());
    match start.filter(|_| !plain) {
        Some(start) if start < bytes.len() => {
            let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
            Reply { body: bytes[start..].to_vec(), ..Reply::status(206) }.with("Content-Range", range)
        }
        Some(_) => Reply::status(416),
        None => Reply { body: bytes.to_vec(), ..Reply::status(200) },
    }
}

/// A page of the tags behind `last`, `n` at most, with a link to the next.
fn tags(held: &Held, repository: &str, call: &Call) -> Reply {
    let query = |name: &str| call.query.get(name).map(String::as_str);
    let (last, most) = (query("last").unwrap_or_default(), query("n").and_then(|n| n.parse().ok()).unwrap_or(1000));
    let keys =
        held.manifests.keys().filter(|(name, tag)| name == repository && !tag.contains(':') && tag.as_str() > last);
    let tags: Vec<&str> = keys.map(|(_, tag)| tag.as_str()).collect();
    let page = &tags[..tags.len().min(most).min(held.page)];
    let quoted: Vec<String> = page.iter().map(|tag| format!("{tag:?}")).collect();
    let reply = Reply::json(200, format!(r#"{{"name":"{repository}","tags":[{}]}}"#, quoted.join(",")));
    match page.last().filter(|_| page.len() < tags.len()) {
        Some(last) => reply.with("Link", format!("</v2/{repository}/tags/list?last={last}&n={most}>; rel=\"next\"")),
        None => reply,
    }
}

fn put_manifest(held: &mut Held, repository: String, name: &str, (call, manners): (&Call, &Manners)) -> Reply {
    let descriptor = Descriptor::of(call.header("content-type"), &call.body);
    let digest = descriptor.digest.to_string();
    let entry = (descriptor, Arc::new(call.body.clone()));
    held.manifests.insert((repository.clone(), name.to_owned()), entry.clone());
    held.manifests.insert((repository, digest.clone()), entry);
    let reply = Reply::status(201).with("Docker-Content-Digest", digest);
    match referrers::subject(&call.body).filter(|_| manners.lists_referrers) {
        Some(subject) => reply.with("OCI-Subject", subject.to_string()),
        None => reply,
    }
}
