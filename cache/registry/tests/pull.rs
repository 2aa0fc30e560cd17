//! Pulling from a registry in this process: what a build needs, and everything that can go wrong on the way.
#![allow(clippy::unwrap_used)] // the helpers of tests are tests

use rbuild_oci::testing::{TestImage, random_image};
use rbuild_oci::{Cancel, Descriptor, Digest, Manifest, MediaType};
use rbuild_registry::testing::{Fault, Login, Registry};
use rbuild_registry::{Client, Config, Error, Mirror, Schedule};
use std::time::{Duration, Instant};

/// Tries again often and soon.
fn eager() -> Config {
    let retry = Schedule { attempts: 3, first: Duration::from_millis(1), longest: Duration::from_secs(2) };
    Config { retry, ..Config::default() }
}

fn client() -> Client {
    Client::new(eager(), &Cancel::new())
}

fn registry_with(image: &TestImage) -> Registry {
    let registry = Registry::start().unwrap();
    registry.put_image("team/app", "1.0", image);
    registry
}

/// A registry with one blob of `size` bytes in `team/app`.
fn registry_with_blob(size: usize) -> (Registry, Descriptor, Vec<u8>) {
    let registry = Registry::start().unwrap();
    let bytes: Vec<u8> = (0..size).map(|number| (number / 7 % 251) as u8).collect();
    registry.put_blob("team/app", bytes.clone());
    (registry, Descriptor::of(MediaType::OCI_LAYER, &bytes), bytes)
}

fn fetch(client: &Client, registry: &Registry, blob: &Descriptor) -> rbuild_registry::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    client.blob(&registry.reference("team/app").unwrap(), blob, &mut bytes).map(|()| bytes)
}

/// How many GET requests for blobs came in, by their `Range`.
fn ranges(registry: &Registry) -> Vec<String> {
    let gets = registry.seen().into_iter().filter(|seen| seen.method == "GET" && seen.path.contains("/blobs/"));
    gets.map(|seen| seen.range).collect()
}

/// Resolves and fetches all of `repository:tag`; the bytes of everything.
fn pull(client: &Client, registry: &Registry, name: &str) -> rbuild_registry::Result<usize> {
    let reference = registry.reference(name).unwrap();
    let descriptor = client.resolve(&reference)?;
    let bytes = client.manifest(&reference, &descriptor)?;
    let manifest = Manifest::from_json(&bytes).unwrap();
    let mut total = bytes.len();
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        let mut sink = Vec::new();
        client.blob(&reference, blob, &mut sink)?;
        assert_eq!(Digest::of(&sink), blob.digest);
        total += sink.len();
    }
    Ok(total)
}

#[test]
fn an_image_is_pulled_by_tag_and_by_digest() {
    let image = random_image(1, 3);
    let registry = registry_with(&image);
    let all: usize = image.blobs.values().map(Vec::len).sum();
    assert_eq!(pull(&client(), &registry, "team/app:1.0").unwrap(), all);
    assert_eq!(pull(&client(), &registry, &format!("team/app@{}", image.descriptor.digest)).unwrap(), all);
    let stale_tag = format!("team/app:gone@{}", image.descriptor.digest);
    assert_eq!(pull(&client(), &registry, &stale_tag).unwrap(), all);
}

#[test]
fn a_registry_without_head_or_headers_is_read_by_get() {
    let image = random_image(2, 1);
    let registry = registry_with(&image);
    registry.fail("/manifests/", Fault::Status(405, Vec::new()), 1);
    registry.fail("/manifests/", Fault::Plain, 1);
    let reference = registry.reference("team/app:1.0").unwrap();
    assert_eq!(client().resolve(&reference).unwrap(), image.descriptor);
    registry.fail("/manifests/", Fault::Plain, 2);
    assert_eq!(client().resolve(&reference).unwrap(), image.descriptor);
}

#[test]
fn a_wrong_tag_names_those_that_are_near() {
    let registry = registry_with(&random_image(3, 1));
    registry.put_image("team/app", "1.10", &random_image(4, 1));
    let error = client().resolve(&registry.reference("team/app:1.1").unwrap()).unwrap_err();
    let host = registry.host();
    let expected = format!("{host}/team/app:1.1 does not exist on {host}; did you mean 1.0, 1.10?");
    assert_eq!(error.to_string(), expected);
    assert!(matches!(error, Error::NotFound { .. }));
    let error = client().resolve(&registry.reference("no/such:thing").unwrap()).unwrap_err();
    assert!(error.to_string().ends_with(&format!("does not exist on {host}")), "{error}");
}

#[test]
fn altered_manifests_and_blobs_are_refused() {
    let image = random_image(5, 1);
    let registry = registry_with(&image);
    let reference = registry.reference("team/app:1.0").unwrap();
    registry.fail("/manifests/", Fault::Corrupt, 1);
    let error = client().manifest(&reference, &image.descriptor).unwrap_err();
    assert!(matches!(&error, Error::WrongDigest { wanted, .. } if *wanted == image.descriptor.digest), "{error}");

    let (registry, blob, _) = registry_with_blob(100_000);
    registry.fail("/blobs/", Fault::Corrupt, 1);
    let error = fetch(&client(), &registry, &blob).unwrap_err();
    assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
    assert_eq!(ranges(&registry).len(), 1, "a wrong digest is not tried again");
}

#[test]
fn wrong_sizes_are_refused_before_anything_is_written() {
    let (registry, blob, _) = registry_with_blob(1000);
    for size in [999, 1001] {
        let mut sink = Vec::new();
        let lying = Descriptor { size, ..blob.clone() };
        let error = client().blob(&registry.reference("team/app").unwrap(), &lying, &mut sink).unwrap_err();
        assert!(matches!(error, Error::WrongSize { found: 1000, .. }), "{error}");
        assert!(sink.is_empty());
    }
}

#[test]
fn manifests_beyond_the_limit_are_refused() {
    let registry = Registry::start().unwrap();
    let bytes = vec![b' '; (4 << 20) + 1];
    let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &bytes);
    registry.put_manifest("team/app", "big", &descriptor, bytes);
    let reference = registry.reference("team/app:big").unwrap();
    let error = client().manifest(&reference, &descriptor).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 4_194_304, .. }), "{error}");
    let lying = Descriptor { size: 10, ..descriptor };
    let error = client().manifest(&reference, &lying).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[test]
fn a_broken_transfer_goes_on_where_it_ended() {
    let (registry, blob, bytes) = registry_with_blob(1_000_000);
    registry.fail("/blobs/", Fault::Truncate(300_000), 2);
    assert_eq!(fetch(&client(), &registry, &blob).unwrap(), bytes);
    assert_eq!(ranges(&registry), ["", "bytes=300000-", "bytes=600000-"]);
}

#[test]
fn a_registry_that_knows_no_ranges_is_read_again_from_the_start() {
    let (registry, blob, bytes) = registry_with_blob(1_000_000);
    registry.fail("/blobs/", Fault::Truncate(300_000), 1);
    registry.fail("/blobs/", Fault::Plain, 1);
    assert_eq!(fetch(&client(), &registry, &blob).unwrap(), bytes);
}

#[test]
fn a_transfer_that_gets_nowhere_ends() {
    let (registry, blob, _) = registry_with_blob(1000);
    registry.fail("/blobs/", Fault::Truncate(10), usize::MAX);
    let error = fetch(&client(), &registry, &blob).unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    assert_eq!(ranges(&registry).len(), 3);
}

#[test]
fn a_transfer_that_moves_may_break_often() {
    let (registry, blob, bytes) = registry_with_blob(12 << 20);
    registry.fail("/blobs/", Fault::Truncate(2 << 20), usize::MAX);
    let error_free = fetch(&client(), &registry, &blob).unwrap();
    assert!(error_free == bytes);
    assert_eq!(ranges(&registry).len(), 6);
}

#[test]
fn busy_registries_are_asked_again_when_they_say() {
    let (registry, blob, bytes) = registry_with_blob(10);
    registry.fail("/blobs/", Fault::Status(429, vec![("Retry-After", "1".to_owned())]), 1);
    registry.fail("/blobs/", Fault::Status(503, Vec::new()), 1);
    let begin = Instant::now();
    assert_eq!(fetch(&client(), &registry, &blob).unwrap(), bytes);
    assert!(begin.elapsed() >= Duration::from_secs(1));
    assert_eq!(ranges(&registry).len(), 3);
}

#[test]
fn a_wait_that_is_too_long_is_an_error_that_names_it() {
    let (registry, blob, _) = registry_with_blob(10);
    registry.fail("/blobs/", Fault::Status(429, vec![("Retry-After", "21600".to_owned())]), 1);
    let error = fetch(&client(), &registry, &blob).unwrap_err();
    assert!(matches!(error, Error::TooManyRequests { .. }) && error.to_string().contains("21600 s"), "{error}");
    assert!(error.hint().unwrap().contains("mirror"));
}

#[test]
fn statuses_become_errors_that_say_what_the_registry_says() {
    let (registry, blob, _) = registry_with_blob(10);
    registry.fail("/blobs/", Fault::Status(403, Vec::new()), 1);
    let error = fetch(&client(), &registry, &blob).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }) && error.to_string().ends_with(": told to fail"), "{error}");
    registry.fail("/blobs/", Fault::Status(418, Vec::new()), 1);
    let error = fetch(&client(), &registry, &blob).unwrap_err();
    assert!(matches!(error, Error::Status { status: 418, .. }), "{error}");
    registry.fail("/blobs/", Fault::Status(500, Vec::new()), usize::MAX);
    let error = fetch(&client(), &registry, &blob).unwrap_err();
    assert!(matches!(error, Error::Status { status: 500, .. }), "{error}");
    assert_eq!(ranges(&registry).len(), 5);
}

#[test]
fn nothing_listening_is_told_soon_with_a_way_out() {
    let host = Registry::start().unwrap().host().to_owned();
    let reference = format!("{host}/team/app").parse().unwrap();
    let error = client().resolve(&reference).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.to_string().contains(&host), "{error}");
    assert!(error.hint().unwrap().contains("--build-context NAME=oci-layout://"));
}

#[test]
fn names_that_do_not_resolve_are_unreachable() {
    let reference = "registry.invalid/team/app".parse().unwrap();
    let error = client().resolve(&reference).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.to_string().contains("registry.invalid"), "{error}");
}

#[test]
fn redirects_lead_on_without_credentials() {
    let (storage, blob, bytes) = registry_with_blob(5000);
    let registry = Registry::with_login(Login::Basic("u".into(), "hunter2".into())).unwrap();
    registry.fail("/blobs/", Fault::Redirect(format!("http://{}", storage.host())), 9);
    let directory = tempfile::tempdir().unwrap();
    let client = Client::new(with_credentials(directory.path(), &registry, "u", "hunter2"), &Cancel::new());
    assert_eq!(fetch(&client, &registry, &blob).unwrap(), bytes);
    assert!(registry.seen().last().unwrap().authorization.starts_with("Basic "));
    assert!(storage.seen().iter().all(|seen| seen.authorization.is_empty()));
    assert_eq!(storage.seen().len(), 1);
}

#[test]
fn only_the_registry_itself_is_told_its_login() {
    let (evil, realm) = (Registry::start().unwrap(), Registry::start().unwrap());
    let challenge = format!("Bearer realm=\"http://{}/realm\",service=\"x\"", realm.host());
    evil.fail("/", Fault::Status(401, vec![("WWW-Authenticate", challenge)]), usize::MAX);
    let directory = tempfile::tempdir().unwrap();
    for login in [Login::Open, Login::Basic("u".into(), "hunter2".into())] {
        let registry = Registry::with_login(login).unwrap();
        let blob = Descriptor::of(MediaType::OCI_LAYER, b"bytes");
        registry.fail("/", Fault::Redirect(format!("http://{}", evil.host())), usize::MAX);
        let config = with_credentials(directory.path(), &registry, "u", "hunter2");
        let client = Client::new(config, &Cancel::new());
        let error = fetch(&client, &registry, &blob).unwrap_err();
        assert!(matches!(&error, Error::Unauthorized { host, .. } if host == evil.host()), "{error}");
        let error = client.log_in(registry.host(), "u", "hunter2").unwrap_err();
        assert!(matches!(&error, Error::Unauthorized { host, .. } if host == evil.host()), "{error}");
    }
    assert!(!evil.seen().is_empty() && evil.seen().iter().all(|seen| seen.authorization.is_empty()));
    assert_eq!(realm.seen(), []);
}

#[test]
fn redirects_that_lead_nowhere_end() {
    let (registry, blob, _) = registry_with_blob(10);
    registry.fail("/blobs/", Fault::Redirect(String::new()), usize::MAX);
    let error = fetch(&client(), &registry, &blob).unwrap_err();
    assert!(matches!(&error, Error::Protocol { .. }) && error.to_string().contains("10 times"), "{error}");
}

/// Settings with a `config.json` for `registry`.
fn with_credentials(directory: &std::path::Path, registry: &Registry, user: &str, password: &str) -> Config {
    let file = directory.join("config.json");
    let entry = format!(r#"{{"username":"{user}","password":"{password}"}}"#);
    std::fs::write(&file, format!(r#"{{"auths":{{"{}":{entry}}}}}"#, registry.host())).unwrap();
    Config { credential_files: vec![file], ..eager() }
}

#[test]
fn anonymous_tokens_are_fetched_once() {
    let image = random_image(6, 3);
    let registry = Registry::with_login(Login::Token("u".into(), "p".into())).unwrap();
    registry.put_image("team/app", "1.0", &image);
    pull(&client(), &registry, "team/app:1.0").unwrap();
    let refused = registry.seen().iter().filter(|seen| seen.authorization.is_empty()).count();
    assert_eq!(refused, 1);
}

#[test]
fn basic_logins_come_from_the_credential_file() {
    let image = random_image(7, 1);
    let registry = Registry::with_login(Login::Basic("u".into(), "hunter2".into())).unwrap();
    registry.put_image("team/app", "1.0", &image);
    let directory = tempfile::tempdir().unwrap();
    let good = with_credentials(directory.path(), &registry, "u", "hunter2");
    pull(&Client::new(good, &Cancel::new()), &registry, "team/app:1.0").unwrap();

    let error = pull(&client(), &registry, "team/app:1.0").unwrap_err();
    assert!(error.to_string().contains("no credentials for"), "{error}");
    let bad = with_credentials(directory.path(), &registry, "u", "hunter3");
    let error = pull(&Client::new(bad, &Cancel::new()), &registry, "team/app:1.0").unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(matches!(error, Error::Unauthorized { .. }) && text.contains("config.json"), "{text}");
    assert!(!text.contains("hunter3"), "{text}");
}

#[test]
fn identity_tokens_buy_access_tokens() {
    let image = random_image(8, 1);
    let registry = Registry::with_login(Login::Identity("refresh&me".into())).unwrap();
    registry.put_image("team/app", "1.0", &image);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("auth.json");
    let entry = format!(r#"{{"auths":{{"{}":{{"identitytoken":"refresh&me"}}}}}}"#, registry.host());
    std::fs::write(&file, entry).unwrap();
    let config = Config { credential_files: vec![file], ..eager() };
    pull(&Client::new(config, &Cancel::new()), &registry, "team/app:1.0").unwrap();
    let error = pull(&client(), &registry, "team/app:1.0").unwrap_err();
    assert!(error.to_string().contains("incorrect username or password"), "{error}");
}

#[test]
fn a_token_of_the_file_is_itself_what_is_shown() {
    let registry = Registry::with_login(Login::Token("u".into(), "p".into())).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("auth.json");
    let shown = |token: &str| {
        let entry = format!(r#"{{"auths":{{"{}":{{"registrytoken":"{token}"}}}}}}"#, registry.host());
        std::fs::write(&file, entry).unwrap();
        let config = Config { credential_files: vec![file.clone()], ..eager() };
        Client::new(config, &Cancel::new()).log_in_again(registry.host())
    };
    assert_eq!(shown("for repository::pull").unwrap(), Some(None));
    let error = shown("hunter2").unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && !error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_helper_that_is_not_installed_is_missed_only_where_a_login_is_needed() {
    let image = random_image(11, 1);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.json");
    std::fs::write(&file, r#"{"credsStore":"not-installed"}"#).unwrap();
    let pull_from = |login| {
        let registry = Registry::with_login(login).unwrap();
        registry.put_image("team/app", "1.0", &image);
        let config = Config { credential_files: vec![file.clone()], ..eager() };
        pull(&Client::new(config, &Cancel::new()), &registry, "team/app:1.0")
    };
    pull_from(Login::Token("u".into(), "p".into())).unwrap();
    for closed in [Login::Basic("u".into(), "p".into()), Login::Identity("i".into())] {
        let error = pull_from(closed).unwrap_err().to_string();
        assert!(error.contains("docker-credential-not-installed"), "{error}");
    }
}

#[test]
fn mirrors_come_first_and_the_registry_after_them() {
    let image = random_image(9, 1);
    let (origin, full) = (registry_with(&image), Registry::start().unwrap());
    full.put_image("hub/team/app", "1.0", &image);
    let dead = Registry::start().unwrap().host().to_owned();
    let empty = Registry::start().unwrap();
    let mirrored = |mirrors: &[String]| {
        let mirrors = mirrors.iter().map(|mirror| mirror.parse::<Mirror>().unwrap()).collect();
        let mirrors = [(origin.host().to_owned(), mirrors)].into();
        Client::new(Config { mirrors, ..eager() }, &Cancel::new())
    };
    pull(&mirrored(&[dead.clone(), format!("http://{}/hub", full.host())]), &origin, "team/app:1.0").unwrap();
    assert_eq!(origin.seen(), []);
    pull(&mirrored(&[dead.clone(), empty.host().to_owned()]), &origin, "team/app:1.0").unwrap();
    assert!(!origin.seen().is_empty());
    let error = pull(&mirrored(std::slice::from_ref(&dead)), &origin, "team/app:2").unwrap_err().to_string();
    assert!(error.contains("does not exist") && error.contains(&dead), "{error}");
}

#[test]
fn a_name_is_looked_up_with_one_request() {
    let image = random_image(1, 1);
    let (origin, mirror) = (registry_with(&image), Registry::start().unwrap());
    let [there, none] = ["team/app:1.0", "team/app:2"].map(|name| origin.reference(name).unwrap());
    let bytes = image.blobs[&image.descriptor.digest].clone();
    assert_eq!(client().find_manifest(&there).unwrap(), Some(bytes.clone()));
    assert_eq!(client().find_manifest(&none).unwrap(), None);
    assert!(client().has_manifest(&there).unwrap() && !client().has_manifest(&none).unwrap());
    let asked = origin.seen().into_iter().map(|seen| seen.method).collect::<Vec<_>>();
    assert_eq!(asked, ["GET", "GET", "HEAD", "HEAD"], "no tag is listed for what is not there");
    let mirrors = [(origin.host().to_owned(), vec![mirror.host().parse().unwrap()])].into();
    let mirrored = Client::new(Config { mirrors, ..eager() }, &Cancel::new());
    assert_eq!(mirrored.find_manifest(&there).unwrap(), Some(bytes));
    assert_eq!(mirrored.find_manifest(&none).unwrap(), None);
    let before = mirror.seen().len();
    assert!(mirrored.has_manifest(&there).unwrap() && mirror.seen().len() == before);
    origin.fail("/manifests/", Fault::Corrupt, 1);
    assert!(matches!(client().find_manifest(&there), Err(Error::WrongDigest { .. })));
}

#[test]
fn a_blob_begun_at_a_mirror_is_finished_at_the_registry() {
    let (origin, blob, bytes) = registry_with_blob(100_000);
    let (mirror, _, _) = registry_with_blob(100_000);
    mirror.fail("/blobs/", Fault::Truncate(40_000), 1);
    let mirrors = [(origin.host().to_owned(), vec![mirror.host().parse().unwrap()])].into();
    let client = Client::new(Config { mirrors, ..eager() }, &Cancel::new());
    assert_eq!(fetch(&client, &origin, &blob).unwrap(), bytes);
    assert_eq!(ranges(&origin), ["bytes=40000-"]);
}

#[test]
fn a_host_that_hangs_up_on_tls_is_named() {
    let registry = registry_with(&random_image(10, 1));
    let mirrors = [("mirrored.invalid".to_owned(), vec![format!("https://{}", registry.host()).parse().unwrap()])];
    let client = Client::new(Config { mirrors: mirrors.into(), ..eager() }, &Cancel::new());
    let error = client.resolve(&"mirrored.invalid/team/app:1.0".parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains(registry.host()), "{error}");
}

/// Raises the flag of a client after a moment; how long `work` then still takes.
fn time_to_cancel(config: Config, work: impl FnOnce(&Client) -> rbuild_registry::Result<()>) -> Duration {
    let cancel = Cancel::new();
    let client = Client::new(config, &cancel);
    let moment = Duration::from_millis(200);
    let timer = std::thread::spawn(move || {
        std::thread::sleep(moment);
        cancel.cancel();
    });
    let begin = Instant::now();
    let result = work(&client);
    let took = begin.elapsed();
    timer.join().unwrap();
    assert!(matches!(result, Err(Error::Canceled(_))), "{result:?}");
    took.saturating_sub(moment)
}

#[test]
fn cancel_ends_every_phase_within_a_second() {
    let soon = Duration::from_secs(1);
    let (registry, blob, _) = registry_with_blob(10);
    registry.fail("/blobs/", Fault::Silence, usize::MAX);
    let silent = time_to_cancel(eager(), |client| fetch(client, &registry, &blob).map(drop));
    assert!(silent < soon, "waiting for an answer: {silent:?}");

    let (registry, blob, _) = registry_with_blob(10);
    registry.fail("/blobs/", Fault::Status(503, vec![("Retry-After", "2".to_owned())]), usize::MAX);
    let waiting = time_to_cancel(eager(), |client| fetch(client, &registry, &blob).map(drop));
    assert!(waiting < soon, "waiting to try again: {waiting:?}");

    // A listener with a full queue answers no further connection.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    let reference = format!("{host}/team/app").parse().unwrap();
    let connecting = time_to_cancel(eager(), |client| client.resolve(&reference).map(drop));
    assert!(connecting < soon, "shaking hands: {connecting:?}");

    let cancel = Cancel::new();
    cancel.cancel();
    let error = Client::new(eager(), &cancel).resolve(&reference).unwrap_err();
    assert!(matches!(error, Error::Canceled(_)), "{error}");
}

#[test]
fn cancel_ends_a_body_that_stalls() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let asked = stream.read(&mut [0; 4096]).unwrap();
        assert!(asked > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").unwrap();
        // Until the client is gone.
        stream.read_to_end(&mut Vec::new())
    });
    let mirrors = [("far.invalid".to_owned(), vec![format!("http://{host}").parse().unwrap()])].into();
    let blob = Descriptor::of(MediaType::OCI_LAYER, b"helloworld");
    let reference = "far.invalid/team/app".parse().unwrap();
    let took = time_to_cancel(Config { mirrors, ..eager() }, |client| client.blob(&reference, &blob, &mut Vec::new()));
    assert!(took < Duration::from_secs(1), "{took:?}");
    drop(server.join().unwrap());
}

#[test]
fn a_full_sink_is_not_the_registrys_fault() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (registry, blob, _) = registry_with_blob(10);
    let error = client().blob(&registry.reference("team/app").unwrap(), &blob, &mut Full).unwrap_err();
    assert!(matches!(error, Error::Local { operation: "keep", .. }), "{error}");
    assert_eq!(ranges(&registry).len(), 1);
}
