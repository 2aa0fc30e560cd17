//! Documents that are signed, with keys that openssl made: a forged one is refused and named.

#![allow(clippy::unwrap_used, clippy::panic)] // the helpers of tests are tests

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rbuild_oci::Digest;
use rbuild_records::depot::{Depot, DirDepot, Kind, Name, Sealed, SigningKey, TrustedKey};
use rbuild_records::testing::depot::conformance;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Keys, and a directory that a depot may be in.
struct Place(TempDir);

impl Place {
    /// None, said aloud, where openssl is missing.
    fn new() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("SKIP: openssl is not installed");
            return None;
        }
        let place = Self(tempfile::tempdir().unwrap());
        for name in ["mine", "theirs"] {
            place.openssl(&format!("genpkey -algorithm ed25519 -out {name}.key"));
            place.openssl(&format!("pkey -in {name}.key -pubout -out {name}.pub"));
        }
        Some(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn plain(&self) -> DirDepot {
        DirDepot::new(self.path("depot"))
    }

    /// A depot that signs with one key and trusts others, and what it warned of.
    fn sealed(&self, sign: Option<&str>, trusted: &[&str]) -> (Sealed, Arc<Mutex<Vec<String>>>) {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let teller = told.clone();
        let sign = sign.map(|name| SigningKey::read(&self.path(&format!("{name}.key"))).unwrap());
        let trusted = trusted.iter().flat_map(|name| TrustedKey::read(&self.path(&format!("{name}.pub"))).unwrap());
        let warn = move |text: &str| teller.lock().unwrap().push(text.to_owned());
        (Sealed::new(std::sync::Arc::new(self.plain()), sign, trusted.collect(), warn), told)
    }
}

fn name(text: &str) -> Name {
    Name::new(Kind::Record, Digest::of(text.as_bytes()))
}

#[test]
fn it_does_what_every_depot_does() {
    let Some(place) = Place::new() else { return };
    for (sign, trusted) in [(Some("mine"), &["theirs", "mine"][..]), (Some("mine"), &[]), (None, &[])] {
        drop(fs::remove_dir_all(place.path("depot")));
        let (depot, told) = place.sealed(sign, trusted);
        assert_eq!(conformance(&depot).unwrap(), Vec::<String>::new());
        assert_eq!(*told.lock().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_key_believes_its_own_half_alone() {
    let Some(place) = Place::new() else { return };
    let (plain, key) = (place.plain(), SigningKey::read(&place.path("mine.key")).unwrap());
    assert_eq!(key.trusted(), &TrustedKey::read(&place.path("mine.pub")).unwrap()[0]);
    plain.put_document(&name("n"), b"{}", &[]).unwrap();
    let trusted = vec![key.trusted().clone()];
    let depot = Sealed::new(Arc::new(plain), Some(key), trusted, |_| {});
    assert!(!depot.has(&name("n")).unwrap(), "it is to be written anew");
    depot.put_document(&name("n"), b"{}", &[]).unwrap();
    assert_eq!(depot.document(&name("n")).unwrap().as_deref(), Some(&b"{}"[..]));
}

#[test]
fn a_forged_document_is_refused_and_named() {
    let Some(place) = Place::new() else { return };
    let (mine, _) = place.sealed(Some("mine"), &["mine"]);
    mine.put_document(&name("good"), b"{}", &[]).unwrap();
    place.sealed(Some("theirs"), &[]).0.put_document(&name("foreign"), b"{}", &[]).unwrap();
    let plain = place.plain();
    let good: Value = serde_json::from_slice(&plain.document(&name("good")).unwrap().unwrap()).unwrap();
    let foreign: Value = serde_json::from_slice(&plain.document(&name("foreign")).unwrap().unwrap()).unwrap();
    let forged = |change: &dyn Fn(&mut Value)| {
        let mut envelope = good.clone();
        change(&mut envelope);
        envelope.to_string()
    };
    let payload = STANDARD.encode(json!({"name": name("changed").to_string(), "document": "{}"}).to_string());
    let (ours, others) = (good["signatures"][0]["keyid"].as_str().unwrap(), foreign["signatures"][0]["keyid"].as_str());
    for (what, document, why) in [
        ("unsigned", "{}".to_owned(), "it is not signed"),
        ("stripped", forged(&|envelope| envelope["signatures"] = json!([])), "it is not signed"),
        ("foreign", foreign.to_string(), others.unwrap()),
        ("changed", forged(&|envelope| envelope["payload"] = json!(payload)), ours),
        ("renamed", good.to_string(), "another name"),
        ("type", forged(&|envelope| envelope["payloadType"] = json!("text/plain")), "does not fit"),
        ("keyid", forged(&|it| it["signatures"][0] = json!({"keyid": ours, "sig": "AAAA"})), "does not fit"),
        ("nobody", forged(&|it| it["signatures"][0] = json!({"keyid": "\u{1b}[2J", "sig": "-"})), "not trusted"),
        ("base64", forged(&|envelope| envelope["payload"] = json!("?")), "base64"),
    ] {
        plain.put_document(&name(what), document.as_bytes(), &[]).unwrap();
        let (depot, told) = place.sealed(None, &["mine"]);
        assert!(!depot.has(&name(what)).unwrap(), "{what}: it does not keep a good one away");
        assert_eq!(depot.document(&name(what)).unwrap(), None, "{what}");
        let told = told.lock().unwrap();
        let [text] = &told[..] else { panic!("{what}: {told:?}") };
        let place = place.path("depot").display().to_string();
        assert!(text.contains(&name(what).to_string()) && text.contains(&place), "{what}: {text}");
        assert!(text.contains(why) && !text.contains('\u{1b}'), "{what}: {text}");
    }
    let (both, told) = place.sealed(None, &["theirs", "mine"]);
    for what in ["good", "foreign"] {
        assert_eq!(both.document(&name(what)).unwrap().unwrap(), b"{}", "{what}");
    }
    let (none, _) = place.sealed(None, &[]);
    assert_eq!(none.document(&name("foreign")).unwrap().unwrap(), b"{}");
    assert_eq!(none.document(&name("unsigned")).unwrap().unwrap(), b"{}");
    assert_eq!(told.lock().unwrap().len(), 0);
}

#[test]
fn a_hint_decides_nothing() {
    let Some(place) = Place::new() else { return };
    let (mine, told) = place.sealed(Some("mine"), &["mine"]);
    mine.put_document(&name("good"), b"{}", &[]).unwrap();
    let plain = place.plain();
    let mut envelope: Value = serde_json::from_slice(&plain.document(&name("good")).unwrap().unwrap()).unwrap();
    for hint in [json!("theirs"), json!("")] {
        envelope["signatures"][0]["keyid"] = hint;
        plain.put_document(&name("good"), envelope.to_string().as_bytes(), &[]).unwrap();
        assert_eq!(mine.document(&name("good")).unwrap().unwrap(), b"{}");
    }
    assert_eq!(told.lock().unwrap().len(), 0);
}

#[test]
fn openssl_verifies_what_was_signed() {
    let Some(place) = Place::new() else { return };
    place.sealed(Some("mine"), &[]).0.put_document(&name("text"), b"text", &[]).unwrap();
    let envelope: Value = serde_json::from_slice(&place.plain().document(&name("text")).unwrap().unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let payload = STANDARD.decode(text(&envelope["payload"])).unwrap();
    let kind = text(&envelope["payloadType"]);
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    fs::write(place.path("message"), [head.as_bytes(), &payload].concat()).unwrap();
    fs::write(place.path("signature"), STANDARD.decode(text(&envelope["signatures"][0]["sig"])).unwrap()).unwrap();
    place.openssl("pkeyutl -verify -pubin -inkey mine.pub -rawin -in message -sigfile signature");
    place.openssl("pkey -pubin -in mine.pub -outform der -out mine.der");
    let id = Digest::of(&fs::read(place.path("mine.der")).unwrap()).to_string();
    assert_eq!(text(&envelope["signatures"][0]["keyid"]), id);
}

#[test]
fn wrong_keys_are_refused_with_what_to_do() {
    let Some(place) = Place::new() else { return };
    place.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.key");
    place.openssl("pkey -in ec.key -pubout -out ec.pub");
    place.openssl("pkcs8 -topk8 -in mine.key -passout pass:x -out locked.key");
    fs::write(place.path("empty"), "").unwrap();
    fs::write(place.path("broken"), "-----BEGIN PRIVATE KEY-----\n?\n-----END PRIVATE KEY-----\n").unwrap();
    fs::write(place.path("cut"), "-----BEGIN PRIVATE KEY-----\nAAAA").unwrap();
    let sign = |name: &str| SigningKey::read(&place.path(name)).unwrap_err().to_string();
    for (name, why) in [
        ("mine.pub", "needs the private one"),
        ("ec.key", "no private key of Ed25519"),
        ("locked.key", "passphrase"),
        ("empty", "0 keys"),
        ("broken", "no PEM"),
        ("cut", "never ends"),
        ("missing", "No such file"),
    ] {
        let text = sign(name);
        assert!(text.contains(why) && text.contains(&place.path(name).display().to_string()), "{text}");
    }
    let trust = |name: &str| TrustedKey::read(&place.path(name)).unwrap_err().to_string();
    for (name, why) in [
        ("mine.key", "not \"PUBLIC KEY\""),
        ("ec.pub", "no public key of Ed25519"),
        ("empty", "no key in it"),
        ("missing", "No such file"),
    ] {
        let text = trust(name);
        assert!(text.contains(why) && text.contains(&place.path(name).display().to_string()), "{text}");
    }
}

#[test]
fn a_key_that_others_may_read_is_told() {
    let Some(place) = Place::new() else { return };
    let caution = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        SigningKey::read(path).unwrap().caution().map(str::to_owned)
    };
    let path = place.path("mine.key");
    assert_eq!(caution(&path, 0o600), None);
    assert!(caution(&path, 0o644).unwrap().contains("0644"));
    let both = [fs::read(place.path("mine.pub")).unwrap(), fs::read(place.path("theirs.pub")).unwrap()].concat();
    fs::write(place.path("both.pub"), both).unwrap();
    let (keys, mine) = (TrustedKey::read(&place.path("both.pub")).unwrap(), SigningKey::read(&path).unwrap());
    assert_eq!((keys.len(), keys[0].id()), (2, mine.id()));
}
