//! What settings files and folders of certificates say of a registry, done to Debian's `docker-registry`: authorities, a
//! certificate of the client, plain HTTP, mirrors; and that no other host is shown what is one host's. Skipped loudly
//! where a program is missing (`apt install docker-registry skopeo openssl`).

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod server;

use rbuild_oci::testing::{TestImage, random_image};
use rbuild_oci::{Cancel, Descriptor, MediaType, Reference};
use rbuild_registry::testing::{Fault, Login, Manners, Registry};
use rbuild_registry::{Client, Config, Error, Schedule, Settings};
use server::{Debian, HTPASSWD, MUTUAL_TLS, SELF_SIGNED, TLS};
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A client by a settings file with this text.
fn told(place: &Path, text: &str) -> Client {
    let file = place.join("settings.json");
    fs::write(&file, text).unwrap();
    client(Settings::of_files(vec![file], true))
}

fn client(settings: Settings) -> Client {
    let retry = Schedule { attempts: 2, first: Duration::from_millis(1), longest: Duration::from_secs(1) };
    Client::new(Config { settings, retry, ..Config::default() }, &Cancel::new())
}

fn reference(host: &str) -> Reference {
    format!("{host}/team/app:v1").parse().unwrap()
}

/// Pushes an image and resolves it again.
fn round(client: &Client, host: &str) -> rbuild_registry::Result<()> {
    let (image, reference) = (random_image(1, 1), reference(host));
    put(client, &reference, &image)?;
    assert_eq!(client.resolve(&reference)?, image.descriptor);
    Ok(())
}

fn put(client: &Client, reference: &Reference, image: &TestImage) -> rbuild_registry::Result<()> {
    for (digest, bytes) in image.blobs.iter().filter(|(digest, _)| **digest != image.descriptor.digest) {
        let blob = Descriptor::new(MediaType::OCI_LAYER, *digest, bytes.len() as u64);
        client.push_blob(reference, &blob, None, &|| Ok(Box::new(Cursor::new(bytes.clone()))))?;
    }
    client.push_manifest(reference, MediaType::OCI_MANIFEST, &image.blobs[&image.descriptor.digest])?;
    Ok(())
}

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn an_authority_of_the_settings_makes_a_host_trusted() {
    let (Some(registry), place) = (Debian::start(TLS), place()) else { return };
    let (host, ca) = (&registry.host, registry.file("ca.pem"));
    let with = told(place.path(), &format!(r#"{{"registries": {{"{host}": {{"ca": [{ca:?}]}}}}}}"#));
    round(&with, host).unwrap();
    let strict = told(place.path(), &format!(r#"{{"registries": {{"{host}": {{"insecure": false}}}}}}"#));
    let error = round(&strict, host).unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert!(error.hint().unwrap().contains("\"ca\""));
    let missing = told(place.path(), &format!(r#"{{"registries": {{"{host}": {{"ca": ["no.pem"]}}}}}}"#));
    let error = round(&missing, host).unwrap_err().to_string();
    assert!(error.contains(&place.path().join("no.pem").display().to_string()), "{error}");
}

#[test]
fn a_folder_of_certificates_is_as_good() {
    let (Some(registry), place) = (Debian::start(MUTUAL_TLS), place()) else { return };
    let host = &registry.host;
    let folder = place.path().join(host);
    fs::create_dir(&folder).unwrap();
    let strict = place.path().join("strict.json");
    fs::write(&strict, format!(r#"{{"registries": {{"{host}": {{"insecure": false}}}}}}"#)).unwrap();
    let settings = || Settings::of_files(vec![strict.clone()], true).with_directories(vec![place.path().to_owned()]);
    for (from, to) in [("ca.pem", "lab.crt"), ("client.pem", "me.cert"), ("client.key", "me.key")] {
        let error = round(&client(settings()), host).unwrap_err();
        let expected = matches!(error, Error::Tls { .. } | Error::Interrupted { .. } | Error::Setting { .. });
        assert!(expected, "before {to}: {error}");
        fs::copy(registry.file(from), folder.join(to)).unwrap();
    }
    round(&client(settings()), host).unwrap();
}

#[test]
fn a_client_shows_its_certificate_and_the_wrong_one_does_not_help() {
    let (Some(registry), Some(other), place) = (Debian::start(MUTUAL_TLS), Debian::start(TLS), place()) else { return };
    let (host, ca) = (&registry.host, registry.file("ca.pem"));
    let by = |cert: &Path, key: &Path| {
        let text = format!(r#"{{"registries": {{"{host}": {{"ca": {ca:?}, "cert": {cert:?}, "key": {key:?}}}}}}}"#);
        told(place.path(), &text)
    };
    round(&by(&registry.file("client.pem"), &registry.file("client.key")), host).unwrap();
    let error = round(&by(&other.file("client.pem"), &other.file("client.key")), host).unwrap_err();
    assert!(matches!(error, Error::Tls { .. } | Error::Interrupted { .. }), "{error}");
    let error = round(&by(&registry.file("client.pem"), &registry.file("ca.pem")), host).unwrap_err().to_string();
    assert!(error.contains("ca.pem") && error.contains("no private key"), "{error}");
    let error = round(&by(&registry.file("client.key"), &registry.file("client.key")), host).unwrap_err().to_string();
    assert!(error.contains("client.key") && error.contains("no certificate"), "{error}");
}

#[test]
fn no_other_host_is_shown_a_hosts_certificate() {
    let (Some(far), place) = (Debian::start(MUTUAL_TLS), place()) else { return };
    let near = Registry::start().unwrap();
    near.fail("/manifests/", Fault::Redirect(format!("https://{}", far.host)), usize::MAX);
    let (cert, key) = (far.file("client.pem"), far.file("client.key"));
    let as_set_for = |host: &str| {
        let text = format!(r#"{{"registries": {{"{host}": {{"cert": {cert:?}, "key": {key:?}}}}}}}"#);
        let wanted = random_image(4, 1).descriptor;
        told(place.path(), &text).manifest(&reference(near.host()), &wanted).unwrap_err()
    };
    let error = as_set_for(&far.host);
    assert!(matches!(error, Error::NotFound { .. }), "it is let in where the certificate is its own: {error}");
    let error = as_set_for(near.host());
    assert!(matches!(error, Error::Tls { .. } | Error::Interrupted { .. }), "{error}");
}

#[test]
fn the_trust_in_a_host_ends_where_it_leads_to_another() {
    let (Some(far), place, image) = (Debian::start(SELF_SIGNED), place(), random_image(4, 1)) else { return };
    put(&told(place.path(), "{}"), &reference(&far.host), &image).unwrap();
    let elsewhere = format!("https://{}", far.host);
    let near =
        Registry::with_manners(Login::Open, Manners { uploads_at: Some(elsewhere.clone()), ..Manners::default() });
    let near = near.unwrap();
    near.fail("/manifests/", Fault::Redirect(elsewhere), usize::MAX);
    let pulled = |client: &Client| client.manifest(&reference(near.host()), &image.descriptor).map(drop);
    pulled(&told(place.path(), "{}")).unwrap();
    let strict = told(place.path(), &format!(r#"{{"registries": {{"{}": {{"insecure": false}}}}}}"#, far.host));
    for result in [pulled(&strict), put(&strict, &reference(near.host()), &image)] {
        assert!(matches!(&result, Err(Error::Tls { host, .. }) if *host == far.host), "{result:?}");
    }
}

#[test]
fn insecure_and_plain_hosts_are_taken_as_they_are_told() {
    let (Some(with_tls), Some(plain), place) = (Debian::start(SELF_SIGNED), Debian::start(HTPASSWD), place()) else {
        return;
    };
    let set = |host: &str, what: &str| {
        told(place.path(), &format!(r#"{{"registries": {{"{host}": {{{what}}}}}}}"#)).resolve(&reference(host))
    };
    let (tls, http) = (&with_tls.host, &plain.host);
    assert!(matches!(set(tls, r#""insecure": true"#), Err(Error::NotFound { .. })));
    assert!(matches!(set(tls, r#""insecure": false"#), Err(Error::Tls { .. })));
    assert!(matches!(set(tls, r#""plain-http": true"#), Err(Error::Status { status: 400, .. })));
    for open in [r#""insecure": true"#, r#""plain-http": true"#] {
        assert!(matches!(set(http, open), Err(Error::Unauthorized { .. })));
    }
    assert!(matches!(set(http, r#""insecure": false"#), Err(Error::Tls { .. })));
}

#[test]
fn mirrors_of_the_settings_have_an_order_a_prefix_and_a_last_one() {
    let (image, place) = (random_image(2, 1), place());
    let (first, second) = (Registry::start().unwrap(), Registry::start().unwrap());
    second.put_image("hub/library/app", "v1", &image);
    let wanted: Reference = "app:v1".parse().unwrap();
    let mirrors = format!(r#"["{}", "http://{}/hub"]"#, first.host(), second.host());
    let text = format!(r#"{{"registries": {{"docker.io": {{"mirrors": {mirrors}, "fallback": false}}}}}}"#);
    let client = told(place.path(), &text);
    assert_eq!(client.resolve(&wanted).unwrap(), image.descriptor);
    assert!(first.seen().iter().any(|seen| seen.path == "/v2/library/app/manifests/v1"));
    assert!(second.seen().iter().any(|seen| seen.path == "/v2/hub/library/app/manifests/v1"));
    let error = client.resolve(&"app:v2".parse().unwrap()).unwrap_err().to_string();
    assert!(!error.contains("registry-1.docker.io") && error.contains(first.host()), "{error}");
    assert!(error.contains(second.host()), "{error}");
}

#[test]
fn a_broken_file_is_read_by_who_asks_and_names_itself() {
    let place = place();
    let client = told(place.path(), r#"{"registries": {"docker.io": {"miror": []}}}"#);
    let error = client.resolve(&"app".parse().unwrap()).unwrap_err().to_string();
    let named = format!("registries › docker.io › miror in {}/settings.json, line 1", place.path().display());
    assert!(error.contains(&named) && error.contains("did you mean mirrors?"), "{error}");
}

#[test]
fn offline_nobody_is_asked_and_nothing_is_read() {
    let registry = Registry::start().unwrap();
    registry.put_image("team/app", "v1", &random_image(3, 1));
    let mirrors = [(registry.host().to_owned(), vec!["mirror.invalid".parse().unwrap()])].into();
    let client = Client::new(Config { offline: true, mirrors, ..Config::default() }, &Cancel::new());
    let error = client.resolve(&reference(registry.host())).unwrap_err();
    assert!(matches!(&error, Error::Offline { .. }) && error.to_string().contains("team/app:v1"), "{error}");
    assert!(error.hint().unwrap().contains("--offline") && registry.seen().is_empty());
}
