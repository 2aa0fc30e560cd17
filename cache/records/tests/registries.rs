//! The depot in a registry: Debian's `docker-registry` with a password, and one in this process that fails on demand.

#![allow(clippy::unwrap_used, clippy::panic)] // the helpers of tests are tests

#[path = "../../registry/tests/server/mod.rs"]
mod server;

mod small;

use rbuild_oci::{Cancel, Descriptor, Digest, Manifest, MediaType};
use rbuild_records::Error;
use rbuild_records::depot::{Depot, Kind, Name, RegistryDepot, hurried};
use rbuild_records::testing::depot::conformance;
use rbuild_registry::testing::{Fault, Login, Registry};
use rbuild_registry::{Client, Config};
use server::{Debian, HTPASSWD};
use small::{blob, name, put};
use std::io::{Cursor, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn depot_with(config: Config, reference: &str) -> RegistryDepot {
    RegistryDepot::new(Client::new(hurried(config), &Cancel::new()), &reference.parse().unwrap()).unwrap()
}

fn depot(registry: &Registry) -> RegistryDepot {
    depot_with(Config::default(), &format!("{}/team/cache", registry.host()))
}

/// Settings with a login as `user` at `host`, by a file in `directory`.
fn logged_in(host: &str, login: &str, directory: &std::path::Path) -> Config {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(login);
    let file = directory.join("login.json");
    std::fs::write(&file, format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#)).unwrap();
    Config { credential_files: vec![file], ..Config::default() }
}

#[test]
fn it_does_what_every_depot_does() {
    let registry = Registry::start().unwrap();
    for tag in ["", ":main", ":a-tag.of_56-characters-0123456789-0123456789-01234567890"] {
        let reference = format!("{}/team/cache{}{tag}", registry.host(), tag.len());
        assert_eq!(conformance(&depot_with(Config::default(), &reference)).unwrap(), Vec::<String>::new());
    }
    let token = Registry::with_login(Login::Token("u".into(), "p".into())).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = logged_in(token.host(), "u:p", directory.path());
    let depot = depot_with(config, &format!("{}/team/cache", token.host()));
    assert_eq!(conformance(&depot).unwrap(), Vec::<String>::new());
}

#[test]
fn debians_registry_with_a_password_keeps_it() {
    let Some(registry) = Debian::start(HTPASSWD) else { return };
    let reference = format!("{}/team/cache:main", registry.host);
    let config = || logged_in(&registry.host, "u:hunter2", registry.directory.path());
    let depot = depot_with(config(), &reference);
    assert_eq!(conformance(&depot).unwrap(), Vec::<String>::new());
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    depot.put_document(&name("large"), large.as_bytes(), &[]).unwrap();
    assert!(depot.document(&name("large")).unwrap().is_some_and(|document| document == large.as_bytes()));
    let error = depot_with(Config::default(), &reference).document(&name("large")).unwrap_err();
    assert!(matches!(error, Error::Away { .. }) && !error.to_string().contains("hunter2"), "{error}");
    let inspected = registry.skopeo(&[
        "inspect",
        "--raw",
        "--tls-verify=false",
        "--creds=u:hunter2",
        &format!("docker://{reference}.{}", Name::new(Kind::Record, Digest::of(b"1"))),
    ]);
    let manifest = Manifest::from_json(&inspected).unwrap();
    assert_eq!(manifest.artifact_type.as_deref(), Some("application/vnd.rbuild.cache.v1"));
    assert_eq!(manifest.config.media_type.as_str(), "application/vnd.oci.empty.v1+json");
    assert_eq!(manifest.layers, [blob("the content of a blob")]);
}

#[test]
fn a_registrys_garbage_collection_leaves_what_documents_speak_of() {
    let Some(registry) = Debian::start("") else { return };
    let reference = format!("{}/team/cache", registry.host);
    let depot = depot_with(Config::default(), &reference);
    put(&depot, "text");
    let open = || Ok(Box::new(Cursor::new("named by none")) as Box<dyn Read + Send>);
    depot.put(&blob("named by none"), &open).unwrap();
    let mut collect = Command::new("docker-registry");
    let output = collect.arg("garbage-collect").arg(registry.file("config.yml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut sink = Vec::new();
    assert!(depot.pour(&blob("text"), &mut sink).unwrap() && sink == b"text");
    assert!(!depot.pour(&blob("named by none"), &mut sink).unwrap_or(false), "it did collect");
    depot.put_document(&name("more"), b"more", &[]).unwrap();
}

/// Passes connections on to `host`; gives its own host and port, and counts the bytes both ways.
fn counting(host: &str) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (own, to, total) = (listener.local_addr().unwrap().to_string(), host.to_owned(), Arc::new(AtomicU64::new(0)));
    let counted = total.clone();
    std::thread::spawn(move || {
        for near in listener.incoming() {
            let (near, far) = (near.unwrap(), TcpStream::connect(&to).unwrap());
            for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                let counted = counted.clone();
                std::thread::spawn(move || {
                    let mut buffer = vec![0; 64 << 10];
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        counted.fetch_add(count as u64, Ordering::SeqCst);
                        if to.write_all(&buffer[..count]).is_err() {
                            break;
                        }
                    }
                    drop(to.shutdown(Shutdown::Both));
                });
            }
        }
    });
    (own, total)
}

#[test]
fn what_is_there_is_known_for_a_few_hundred_bytes() {
    let Some(registry) = Debian::start(HTPASSWD) else { return };
    let (host, total) = counting(&registry.host);
    let reference = format!("{host}/team/cache");
    let config = || logged_in(&host, "u:hunter2", registry.directory.path());
    let texts: Vec<String> = (0..16).map(|number| format!("{{\"number\":{number}}}")).collect();
    let first = depot_with(config(), &reference);
    for text in &texts {
        put(&first, text);
    }
    let cost = |work: &dyn Fn(&RegistryDepot)| {
        let before = total.load(Ordering::SeqCst);
        work(&depot_with(config(), &reference));
        total.load(Ordering::SeqCst) - before
    };
    let known = cost(&|depot| assert!(texts.iter().all(|text| depot.has(&name(text)).unwrap())));
    let read = cost(&|depot| assert!(texts.iter().all(|text| depot.document(&name(text)).unwrap().is_some())));
    let none = cost(&|depot| assert!(texts.iter().all(|text| !depot.has(&name(&format!("no {text}"))).unwrap())));
    eprintln!("16 documents: known for {known} bytes, read for {read}, known to be missing for {none}");
    assert!(known < 12 << 10 && none < 12 << 10, "{known} {none}");
}

#[test]
fn a_document_is_one_request_and_so_is_none() {
    let registry = Registry::start().unwrap();
    let depot = depot(&registry);
    put(&depot, "text");
    for (text, there) in [("text", true), ("other", false)] {
        for method in ["GET", "HEAD"] {
            let before = registry.seen().len();
            let found = if method == "GET" {
                depot.document(&name(text)).unwrap().is_some()
            } else {
                depot.has(&name(text)).unwrap()
            };
            assert_eq!(found, there);
            let asked: Vec<String> = registry.seen()[before..].iter().map(|seen| seen.method.clone()).collect();
            assert_eq!(asked, [method], "{text}");
        }
    }
    let before = registry.seen().len();
    assert!(!depot.pour(&blob("other"), &mut Vec::new()).unwrap());
    assert_eq!(registry.seen().len() - before, 1);
    let before = registry.seen().len();
    depot.put_document(&name("more"), b"more", &[blob("text")]).unwrap();
    assert_eq!(registry.seen().len() - before, 1, "the empty configuration is sent once");
}

#[test]
fn writers_lose_none_of_each_others_work() {
    let Some(registry) = Debian::start("") else { return };
    let reference = format!("{}/team/cache", registry.host);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let reference = &reference;
            scope.spawn(move || {
                let depot = depot_with(Config::default(), reference);
                for number in 0..4 {
                    put(&depot, &format!("{writer} {number}"));
                    put(&depot, &format!("all {number}"));
                }
            });
        }
    });
    let depot = depot_with(Config::default(), &reference);
    for writer in (0..8).map(|writer| writer.to_string()).chain(["all".to_owned()]) {
        for number in 0..4 {
            let text = format!("{writer} {number}");
            let mut sink = Vec::new();
            assert_eq!(depot.document(&name(&text)).unwrap().unwrap(), text.as_bytes());
            assert!(depot.pour(&blob(&text), &mut sink).unwrap() && sink == text.as_bytes(), "{text}");
        }
    }
}

#[test]
fn faults_are_told_apart() {
    let status = |status| Fault::Status(status, Vec::new());
    for (path, fault, times, is_away, why) in [
        ("/manifests/", status(401), 9, true, "refuses"),
        ("/manifests/", status(403), 9, true, "denies"),
        ("/manifests/", status(429), 9, true, "limits"),
        ("/manifests/", status(500), 9, false, "status 500"),
        ("/manifests/", Fault::Truncate(7), 9, false, "broke"),
        ("/manifests/", Fault::Corrupt, 9, false, "its digest is"),
        ("/manifests/", Fault::Redirect("http://127.0.0.1:1".to_owned()), 9, true, "cannot reach 127.0.0.1:1"),
    ] {
        let registry = Registry::start().unwrap();
        let depot = depot(&registry);
        put(&depot, "text");
        registry.fail(path, fault.clone(), times);
        let begin = Instant::now();
        let error = depot.document(&name("text")).unwrap_err();
        assert_eq!(matches!(error, Error::Away { .. }), is_away, "{fault:?}: {error}");
        let text = error.to_string();
        assert!(text.contains(why) && text.contains(&name("text").to_string()), "{fault:?}: {text}");
        assert!(begin.elapsed() < Duration::from_secs(2), "{fault:?} took {:?}", begin.elapsed());
    }
}

#[test]
fn one_fault_is_made_good() {
    for fault in [Fault::Status(503, Vec::new()), Fault::Truncate(7)] {
        let registry = Registry::start().unwrap();
        let depot = depot(&registry);
        put(&depot, "text");
        registry.fail("/manifests/", fault.clone(), 1);
        assert_eq!(depot.document(&name("text")).unwrap().unwrap(), b"text", "{fault:?}");
        registry.fail("/blobs/", fault.clone(), 1);
        let mut sink = Vec::new();
        assert!(depot.pour(&blob("text"), &mut sink).unwrap() && sink == b"text", "{fault:?}");
    }
}

#[test]
fn a_wrong_blob_is_refused_and_another_manifest_is_no_document() {
    let registry = Registry::start().unwrap();
    let depot = depot(&registry);
    put(&depot, "text");
    registry.fail("/blobs/", Fault::Corrupt, 9);
    let error = depot.pour(&blob("text"), &mut Vec::new()).unwrap_err();
    assert!(matches!(&error, Error::Depot { .. }) && error.to_string().contains("other content"), "{error}");
    let image = rbuild_oci::testing::random_image(1, 2);
    registry.put_image("team/cache", &name("image").to_string(), &image);
    let error = depot.document(&name("image")).unwrap_err().to_string();
    assert!(error.contains("no document of a cache") && error.contains(&name("image").to_string()), "{error}");
    for (text, bytes) in [
        ("page", &b"<html>log in</html>"[..]),
        ("empty", br#"{"schemaVersion":2,"artifactType":"application/vnd.rbuild.cache.v1","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#),
    ] {
        registry.put_manifest("team/cache", &name(text).to_string(), &Descriptor::of(MediaType::OCI_MANIFEST, bytes), bytes.to_vec());
        assert!(matches!(depot.document(&name(text)), Err(Error::Depot { .. })), "{text}");
    }
}

#[test]
fn a_dead_host_is_known_at_once() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for host in [refused.as_str(), "no-such-host.invalid"] {
        let begin = Instant::now();
        let depot = depot_with(Config::default(), &format!("{host}/team/cache"));
        let error = depot.document(&name("text")).unwrap_err();
        assert!(matches!(error, Error::Away { .. }), "{error}");
        let failed = depot.put_document(&name("text"), b"text", &[]).unwrap_err();
        assert!(matches!(failed, Error::Away { .. }), "{failed}");
        assert!(begin.elapsed() < Duration::from_secs(2), "{host}: {:?}", begin.elapsed());
    }
}

#[test]
fn what_is_no_place_for_a_cache_is_refused() {
    let new = |reference: &str| {
        let client = Client::new(Config::default(), &Cancel::new());
        RegistryDepot::new(client, &reference.parse().unwrap()).map(|depot| depot.to_string())
    };
    assert_eq!(new("localhost:5000/a").unwrap(), "localhost:5000/a");
    assert_eq!(new("localhost:5000/a:b").unwrap(), "localhost:5000/a:b");
    let long = format!("localhost:5000/a:{}", "b".repeat(57));
    assert!(new(&long).unwrap_err().to_string().contains("at most 56 characters"));
    let digest = format!("localhost:5000/a@{}", Digest::of(b"x"));
    assert!(new(&digest).unwrap_err().to_string().contains("a repository"));
}
