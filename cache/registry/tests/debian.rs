//! Against Debian's `docker-registry`, filled and read by skopeo: a server and a client that are not ours. Skipped
//! loudly where either is missing (`apt install docker-registry skopeo openssl`).

#![allow(clippy::unwrap_used)] // the helpers of tests are tests

mod server;

use rbuild_oci::testing::{TestImage, random_image, validate};
use rbuild_oci::{Cancel, Descriptor, Digest, Hasher, Manifest, MediaType};
use rbuild_registry::{Client, Config, Error, Mirror, Pushed, Uploads};
use server::{Debian, HTPASSWD, SELF_SIGNED};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn reference(registry: &Debian, name: &str) -> rbuild_oci::Reference {
    format!("{}/{name}", registry.host).parse().unwrap()
}

fn client() -> Client {
    Client::new(Config::default(), &Cancel::new())
}

/// Everything behind `name`, by digest, and what `name` is.
fn pull(client: &Client, reference: &rbuild_oci::Reference) -> (Descriptor, BTreeMap<Digest, Vec<u8>>) {
    let descriptor = client.resolve(reference).unwrap();
    let bytes = client.manifest(reference, &descriptor).unwrap();
    let manifest = Manifest::from_json(&bytes).unwrap();
    let mut all = BTreeMap::from([(descriptor.digest, bytes)]);
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        let mut sink = Vec::new();
        client.blob(reference, blob, &mut sink).unwrap();
        all.insert(blob.digest, sink);
    }
    (descriptor, all)
}

fn push(client: &Client, reference: &rbuild_oci::Reference, image: &TestImage) {
    for (digest, bytes) in image.blobs.iter().filter(|(digest, _)| **digest != image.descriptor.digest) {
        let blob = Descriptor::new(MediaType::OCI_LAYER, *digest, bytes.len() as u64);
        client.push_blob(reference, &blob, None, &|| Ok(Box::new(io::Cursor::new(bytes.clone())))).unwrap();
    }
    client.push_manifest(reference, MediaType::OCI_MANIFEST, &image.blobs[&image.descriptor.digest]).unwrap();
}

#[test]
fn what_skopeo_pushes_is_pulled() {
    let Some(registry) = Debian::start("") else { return };
    let image = random_image(1, 3);
    registry.layout("layout", "v1", &image);
    let target = format!("docker://{}/team/app:v1", registry.host);
    registry.skopeo(&["copy", "--dest-tls-verify=false", "oci:layout:v1", &target]);
    let (descriptor, blobs) = pull(&client(), &reference(&registry, "team/app:v1"));
    assert_eq!(validate(&descriptor, &|digest| blobs.get(digest).cloned()), Vec::<String>::new());
    let config = |manifest: &[u8]| Manifest::from_json(manifest).unwrap().config.digest;
    assert_eq!(config(&blobs[&descriptor.digest]), config(&image.blobs[&image.descriptor.digest]));
    let error = client().resolve(&reference(&registry, "team/app:v2")).unwrap_err();
    assert!(error.to_string().ends_with("did you mean v1?"), "{error}");
}

#[test]
fn what_is_pushed_skopeo_pulls() {
    let Some(registry) = Debian::start("") else { return };
    let image = random_image(2, 3);
    let client = client();
    push(&client, &reference(&registry, "team/app:v1"), &image);
    let source = format!("docker://{}/team/app:v1", registry.host);
    assert_eq!(
        registry.skopeo(&["inspect", "--raw", "--tls-verify=false", &source]),
        image.blobs[&image.descriptor.digest]
    );
    registry.skopeo(&["copy", "--preserve-digests", "--src-tls-verify=false", &source, "oci:copied:v1"]);
    let blobs = registry.directory.path().join("copied/blobs/sha256");
    let read = |digest: &Digest| std::fs::read(blobs.join(digest.hex())).ok();
    assert_eq!(validate(&image.descriptor, &read), Vec::<String>::new());

    let (digest, bytes) = image.blobs.iter().find(|(digest, _)| **digest != image.descriptor.digest).unwrap();
    let blob = Descriptor::new(MediaType::OCI_LAYER, *digest, bytes.len() as u64);
    let never = || Err(io::Error::other("nothing should be sent"));
    let push = |name: &str, from| client.push_blob(&reference(&registry, name), &blob, from, &never).unwrap();
    assert_eq!(push("team/app", None), Pushed::Existed);
    assert_eq!(push("team/other", Some("team/app")), Pushed::Mounted);
}

#[test]
fn logins_are_taken_from_the_file() {
    let Some(registry) = Debian::start(HTPASSWD) else { return };
    let file = registry.directory.path().join("auth.json");
    // "u:hunter2" in Base64.
    std::fs::write(&file, format!(r#"{{"auths":{{"{}":{{"auth":"dTpodW50ZXIy"}}}}}}"#, registry.host)).unwrap();
    let reference = reference(&registry, "team/app:v1");
    let config = Config { credential_files: vec![file], ..Config::default() };
    let knowing = Client::new(config, &Cancel::new());
    push(&knowing, &reference, &random_image(3, 1));
    pull(&knowing, &reference);
    let error = client().resolve(&reference).unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
}

#[test]
fn certificates_are_verified_but_on_loopback() {
    let Some(registry) = Debian::start(SELF_SIGNED) else { return };
    let reference = reference(&registry, "team/app:v1");
    let image = random_image(4, 1);
    push(&client(), &reference, &image);

    let mirror: Mirror = format!("https://{}", registry.host).parse().unwrap();
    let mirrors: BTreeMap<_, _> = [("far.invalid".to_owned(), vec![mirror])].into();
    let far = "far.invalid/team/app:v1".parse().unwrap();
    let strict = |ca_files| Config { mirrors: mirrors.clone(), ca_files, ..Config::default() };
    let error = Client::new(strict(Vec::new()), &Cancel::new()).resolve(&far).unwrap_err().to_string();
    assert!(error.contains(&format!("no secure connection to {}", registry.host)), "{error}");
    let authority = registry.directory.path().join("cert.pem");
    let found = Client::new(strict(vec![authority]), &Cancel::new()).resolve(&far).unwrap();
    assert_eq!(found, image.descriptor);
    let key = registry.directory.path().join("config.yml");
    let error = Client::new(strict(vec![key]), &Cancel::new()).resolve(&far).unwrap_err().to_string();
    assert!(error.contains("there is no certificate in it"), "{error}");
}

#[test]
fn a_registry_without_tls_is_told_from_one_that_is_away() {
    let Some(registry) = Debian::start("") else { return };
    let mirror: Mirror = format!("https://{}", registry.host).parse().unwrap();
    let mirrors = [("far.invalid".to_owned(), vec![mirror])].into();
    let client = Client::new(Config { mirrors, ..Config::default() }, &Cancel::new());
    let error = client.resolve(&"far.invalid/team/app".parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains(&format!("no secure connection to {}", registry.host)), "{error}");
}

/// Passes connections on to `host`, and breaks each of the first `breaks` once `after` bytes went there. Gives its own
/// host and port, and counts what goes there.
fn breaking(host: &str, breaks: usize, after: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (own, to, total) = (listener.local_addr().unwrap().to_string(), host.to_owned(), Arc::new(AtomicUsize::new(0)));
    let (counted, broken) = (total.clone(), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for near in listener.incoming() {
            let (mut near, mut far) = (near.unwrap(), TcpStream::connect(&to).unwrap());
            let (mut back, mut out) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            std::thread::spawn(move || io::copy(&mut back, &mut out));
            let (counted, broken) = (counted.clone(), broken.clone());
            std::thread::spawn(move || {
                let (mut buffer, mut passed) = (vec![0; 64 << 10], 0);
                while let Ok(count @ 1..) = near.read(&mut buffer) {
                    passed += count;
                    counted.fetch_add(count, Ordering::SeqCst);
                    if far.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                    if passed >= after && broken.fetch_add(1, Ordering::SeqCst) < breaks {
                        break;
                    }
                }
                drop((near.shutdown(Shutdown::Both), far.shutdown(Shutdown::Both)));
            });
        }
    });
    (own, total)
}

/// This registry (2.8) answers who asks what it has of a broken upload that there is none: its own state says that it has
/// other bytes than it has. So the upload begins anew; tests with the registry in this process see it go on.
#[test]
fn a_broken_upload_comes_to_a_good_end() {
    let Some(registry) = Debian::start("") else { return };
    let bytes: Vec<u8> = (0..32_usize << 20).map(|number| (number / 7 % 251) as u8).collect();
    let blob = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    for (name, whole) in [("whole", 1 << 30), ("pieces", 0)] {
        let (host, total) = breaking(&registry.host, 2, 9 << 20);
        let uploads = Uploads { whole, piece: 4 << 20, ..Uploads::default() };
        let client = Client::new(Config { uploads, ..Config::default() }, &Cancel::new());
        let aim = format!("{host}/team/{name}").parse().unwrap();
        let open = || Ok(Box::new(io::Cursor::new(&bytes)) as Box<dyn Read + Send>);
        assert_eq!(client.push_blob(&aim, &blob, None, &open).unwrap(), Pushed::Uploaded);
        let mut sink = Vec::new();
        client.blob(&reference(&registry, &format!("team/{name}")), &blob, &mut sink).unwrap();
        assert!(sink == bytes);
        let total = total.load(Ordering::SeqCst);
        eprintln!("{name}: {total} bytes went out for {} that broke twice", bytes.len());
        assert!((bytes.len()..2 * bytes.len()).contains(&total), "{total}");
    }
}

const BIG: u64 = 300 << 20;
const PEAK_KIB: u64 = 8 << 10;

/// Zeros, as many as there are to be.
fn zeros() -> Box<dyn Read + Send> {
    Box::new(io::repeat(0).take(BIG))
}

#[test]
fn memory_does_not_grow_with_blobs() {
    let Some(registry) = Debian::start(SELF_SIGNED) else { return };
    for way in ["up", "down"] {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--ignored", "--exact", "a_big_blob_in_a_process_of_its_own", "--nocapture"]);
        again.env("REGISTRY_TEST_HOST", &registry.host).env("REGISTRY_TEST_WAY", way);
        let output = again.env("REGISTRY_TEST_CA", registry.directory.path().join("cert.pem")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let peak: u64 = text.lines().find_map(|line| line.strip_prefix("peak ")).unwrap().parse().unwrap();
        eprintln!("{way}: 300 MiB over TLS with a peak of {peak} KiB");
        assert!(peak <= PEAK_KIB, "{way}: {peak} KiB");
    }
}

/// Sends it to the registry on loopback, or takes it through a mirror whose certificate is verified.
#[test]
#[ignore = "run by memory_does_not_grow_with_blobs"]
fn a_big_blob_in_a_process_of_its_own() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let Ok(host) = std::env::var("REGISTRY_TEST_HOST") else { return };
    let mut hasher = Hasher::new();
    (0..BIG >> 14).for_each(|_| hasher.update(&[0; 1 << 14]));
    let blob = Descriptor::new(MediaType::OCI_LAYER, hasher.finish(), BIG);
    if variable("REGISTRY_TEST_WAY") == "up" {
        let reference = format!("{host}/team/big").parse().unwrap();
        assert_eq!(client().push_blob(&reference, &blob, None, &|| Ok(zeros())).unwrap(), Pushed::Uploaded);
    } else {
        let mirrors = [("far.invalid".to_owned(), vec![format!("https://{host}").parse().unwrap()])].into();
        let config = Config { mirrors, ca_files: vec![variable("REGISTRY_TEST_CA").into()], ..Config::default() };
        let reference = "far.invalid/team/big".parse().unwrap();
        Client::new(config, &Cancel::new()).blob(&reference, &blob, &mut io::sink()).unwrap();
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("\npeak {}", peak.trim().trim_end_matches(" kB"));
}
