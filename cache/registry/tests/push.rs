//! Pushing to a registry in this process.
#![allow(clippy::unwrap_used)] // the helpers of tests are tests

use rbuild_oci::testing::{random_image, validate};
use rbuild_oci::{Cancel, Descriptor, Digest, MediaType};
use rbuild_registry::testing::{Fault, Login, Registry};
use rbuild_registry::{Client, Config, Error, Pushed, Schedule};
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

fn client(registry: &Registry, directory: &std::path::Path) -> Client {
    let file = directory.join("config.json");
    let entry = r#"{"username":"u","password":"p"}"#;
    std::fs::write(&file, format!(r#"{{"auths":{{"{}":{entry}}}}}"#, registry.host())).unwrap();
    let retry = Schedule { attempts: 3, first: Duration::from_millis(1), longest: Duration::from_secs(2) };
    Client::new(Config { credential_files: vec![file], retry, ..Config::default() }, &Cancel::new())
}

fn opened(bytes: &[u8]) -> Box<dyn Read + Send> {
    Box::new(Cursor::new(bytes.to_vec()))
}

#[test]
fn an_image_goes_out_once_and_is_shared_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    for login in [Login::Open, Login::Basic("u".into(), "p".into()), Login::Token("u".into(), "p".into())] {
        let registry = Registry::with_login(login).unwrap();
        let client = client(&registry, directory.path());
        let image = random_image(1, 2);
        let reference = registry.reference("team/app:1").unwrap();
        let other = registry.reference("team/other:1").unwrap();
        for (digest, bytes) in image.blobs.iter().filter(|(digest, _)| **digest != image.descriptor.digest) {
            let blob = Descriptor::new(MediaType::OCI_LAYER, *digest, bytes.len() as u64);
            let push = |to, from| client.push_blob(to, &blob, from, &|| Ok(opened(bytes))).unwrap();
            assert_eq!(push(&reference, None), Pushed::Uploaded);
            assert_eq!(push(&reference, None), Pushed::Existed);
            assert_eq!(push(&other, Some("team/app")), Pushed::Mounted);
        }
        let manifest = &image.blobs[&image.descriptor.digest];
        let pushed = client.push_manifest(&reference, MediaType::OCI_MANIFEST, manifest).unwrap();
        assert_eq!(pushed, image.descriptor);
        assert_eq!(client.resolve(&reference).unwrap(), image.descriptor);
        assert_eq!(validate(&pushed, &|digest| registry.get("team/app", digest)), Vec::<String>::new());
    }
}

#[test]
fn a_blob_that_cannot_be_mounted_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::with_login(Login::Token("u".into(), "p".into())).unwrap();
    let blob = Descriptor::of(MediaType::OCI_LAYER, b"bytes");
    let reference = registry.reference("team/app").unwrap();
    let client = client(&registry, directory.path());
    let pushed = client.push_blob(&reference, &blob, Some("team/nothing"), &|| Ok(opened(b"bytes"))).unwrap();
    assert_eq!(pushed, Pushed::Uploaded);
}

#[test]
fn a_failed_upload_is_begun_again_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::start().unwrap();
    let bytes = vec![7; 1 << 20];
    let blob = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    registry.fail("/blobs/uploads/1", Fault::Status(502, Vec::new()), 1);
    let reference = registry.reference("team/app").unwrap();
    let client = client(&registry, directory.path());
    assert_eq!(client.push_blob(&reference, &blob, None, &|| Ok(opened(&bytes))).unwrap(), Pushed::Uploaded);
    assert_eq!(registry.get("team/app", &blob.digest).unwrap(), bytes);
}

#[test]
fn content_that_is_not_the_blob_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::start().unwrap();
    let client = client(&registry, directory.path());
    let reference = registry.reference("team/app").unwrap();
    let blob = Descriptor::of(MediaType::OCI_LAYER, b"right");
    let push = |bytes: &[u8]| client.push_blob(&reference, &blob, None, &|| Ok(opened(bytes))).unwrap_err();
    for (bytes, reason) in [(&b"wrong"[..], "its digest is sha256:"), (b"sho", "shorter"), (b"tight", "its digest")] {
        let error = push(bytes);
        assert!(matches!(error, Error::Local { operation: "read", .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(registry.get("team/app", &Digest::of(bytes)), None);
    }
}

#[test]
fn who_may_only_pull_is_told_so() {
    let registry = Registry::with_login(Login::Token("u".into(), "p".into())).unwrap();
    let client = Client::new(Config::default(), &Cancel::new());
    let blob = Descriptor::of(MediaType::OCI_LAYER, b"right");
    let reference = registry.reference("team/app").unwrap();
    let error = client.push_blob(&reference, &blob, None, &|| Ok(opened(b"right"))).unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.hint().is_some(), "{error}");
}

/// Answers everything with a page; its address.
fn login_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut lines = BufReader::new(stream.unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while lines.read_line(&mut line).unwrap_or_default() > 2 {
                let named = line.trim().to_ascii_lowercase();
                length = named.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
                line.clear();
            }
            std::io::copy(&mut lines.by_ref().take(length), &mut std::io::sink()).unwrap();
            let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\nConnection: close\r\n\r\n";
            drop(lines.get_mut().write_all(page.as_bytes()));
        }
    });
    host
}

#[test]
fn a_page_for_everything_is_no_registry() {
    let retry = Schedule { attempts: 1, first: Duration::from_millis(1), longest: Duration::from_secs(1) };
    let client = Client::new(Config { retry, ..Config::default() }, &Cancel::new());
    let reference = format!("{}/team/app:1", login_page()).parse().unwrap();
    let blob = Descriptor::of(MediaType::OCI_LAYER, b"some bytes");
    client.push_blob(&reference, &blob, None, &|| Ok(opened(b"some bytes"))).unwrap_err();
    let said = client.push_manifest(&reference, MediaType::OCI_MANIFEST, b"{}").unwrap_err().to_string();
    assert!(said.contains("as no registry does"), "{said}");
}
