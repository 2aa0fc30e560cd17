//! The depot in a bucket, against S3 servers that are not ours and against one that does wrong.

#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests are tests

mod buckets;

use buckets::{BUCKET, Bucket, depot};
use rbuild_oci::{Cancel, Descriptor, Digest, Hasher, MediaType};
use rbuild_records::depot::{Depot, Kind, Login, Name, S3Depot, S3Settings};
use rbuild_records::testing::Server;
use rbuild_records::testing::depot::conformance;
use rbuild_registry::Config;
use rbuild_registry::testing::wire::{Call, Reply};
use std::io::{self, Read};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

const STRANGE: &str = "team a/ü+%&=~'(x)/";

fn name() -> Name {
    Name::new(Kind::Record, Digest::of(b"1"))
}

#[test]
fn moto_keeps_what_a_depot_promises() {
    let Some(bucket) = Bucket::moto() else { return };
    for prefix in ["", "plain/", STRANGE] {
        assert_eq!(conformance(&bucket.depot(prefix)).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn s3s_takes_the_signatures_and_refuses_others() {
    let Some(bucket) = Bucket::s3s() else { return };
    for prefix in ["", STRANGE] {
        assert_eq!(conformance(&bucket.depot(prefix)).unwrap(), Vec::<String>::new());
    }
    let kept = bucket.directory.path().join(BUCKET).join(format!("documents/{}", name()));
    assert_eq!(std::fs::read(kept).unwrap(), b"{\"a\":1}");
    let mut settings = bucket.settings("");
    settings.login = Some(Login { id: "ID".into(), secret: "other-hunter3".into(), session: None });
    let depot = depot(settings);
    for error in [depot.has(&name()).unwrap_err(), depot.document(&name()).unwrap_err()] {
        let text = format!("{error} {error:?}");
        assert!(text.contains("SignatureDoesNotMatch") && text.contains("check the secret access key"), "{text}");
        assert!(!text.contains("hunter") && !error.is_out_of_reach(), "{text}");
    }
    assert!(!format!("{depot:?}").contains("hunter"));
    let nobody = buckets::depot(S3Settings { login: None, ..bucket.settings("") });
    let error = nobody.document(&name()).unwrap_err().to_string();
    assert!(error.contains("AccessDenied"), "{error}");
}

#[test]
fn a_bucket_that_is_not_there_is_told() {
    let Some(bucket) = Bucket::moto() else { return };
    let depot = depot(S3Settings { bucket: "missing".into(), ..bucket.settings("") });
    let error = depot.document(&name()).unwrap_err().to_string();
    assert!(error.contains("NoSuchBucket") && error.contains("check bucket="), "{error}");
    assert!(depot.put_document(&name(), b"{}", &[]).unwrap_err().to_string().contains("NoSuchBucket"));
}

/// So many bytes, made as they are read.
struct Pattern(u64, u64);

impl Read for Pattern {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let block = (1 << 20) - self.0 % (1 << 20);
        let count = (self.1 - self.0).min(block).min(buffer.len() as u64) as usize;
        buffer[..count].fill((self.0 >> 20) as u8);
        self.0 += count as u64;
        Ok(count)
    }
}

fn pattern(size: u64) -> Descriptor {
    let mut hasher = Hasher::new();
    let mut chunk = vec![0; 1 << 20];
    let mut all = Pattern(0, size);
    while let Ok(count @ 1..) = all.read(&mut chunk) {
        hasher.update(&chunk[..count]);
    }
    Descriptor::new(MediaType::OCI_LAYER, hasher.finish(), size)
}

/// The most memory that this process ever had, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

#[test]
fn large_blobs_go_in_parts_and_through_little_memory() {
    const SIZE: u64 = 100 << 20;
    let blob = pattern(SIZE);
    for bucket in [Bucket::moto(), Bucket::s3s()].into_iter().flatten() {
        let depot = bucket.depot(STRANGE);
        let before = peak();
        assert!(depot.put(&blob, &|| Ok(Box::new(Pattern(0, SIZE)))).unwrap());
        assert!(!depot.put(&blob, &|| Err(io::ErrorKind::Other.into())).unwrap());
        assert!(depot.pour(&blob, &mut io::sink()).unwrap());
        assert!(peak() - before < 64, "{before} MiB before, {} MiB after", peak());
        let other = Descriptor::new(MediaType::OCI_LAYER, Digest::of(b"other"), SIZE);
        let error = depot.put(&other, &|| Ok(Box::new(Pattern(0, SIZE)))).unwrap_err().to_string();
        assert!(error.contains("its digest is sha256:"), "{error}");
        assert!(!depot.pour(&other, &mut io::sink()).unwrap(), "wrong content is never seen");
    }
}

/// A depot at a server that answers as it likes.
fn at(server: &Server) -> S3Depot {
    at_with(server, SystemTime::now)
}

fn at_with(server: &Server, now: fn() -> SystemTime) -> S3Depot {
    let settings = S3Settings {
        bucket: "b".into(),
        region: "r".into(),
        prefix: String::new(),
        endpoint: Some(server.url()),
        path_style: true,
        login: Some(Login { id: "ID".into(), secret: "hunter2".into(), session: Some("hunter3".into()) }),
    };
    S3Depot::new(settings, &Config::default(), &Cancel::new(), now).unwrap()
}

fn refused(status: u16, code: &str, further: &str) -> Reply {
    let body = format!("<Error><Code>{code}</Code><Message>no</Message>{further}</Error>");
    Reply { body: body.into_bytes(), ..Reply::status(status) }
}

#[test]
fn a_busy_store_is_asked_again_and_a_broken_one_not_for_long() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let server = Server::start(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Some(refused(503, "SlowDown", "")),
        _ => Some(Reply::json(200, "{}")),
    });
    assert_eq!(at(&server.unwrap()).document(&name()).unwrap().unwrap(), b"{}");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let begin = Instant::now();
    let broken = Server::start(|_| Some(refused(500, "InternalError", ""))).unwrap();
    let error = at(&broken).document(&name()).unwrap_err();
    assert!(error.to_string().contains("status 500: InternalError: no") && !error.is_out_of_reach(), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_cut_connection_goes_on_where_it_was() {
    let body: Vec<u8> = (0..300_000_u32).map(|number| (number / 7 % 251) as u8).collect();
    let blob = Descriptor::of(MediaType::OCI_LAYER, &body);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let ranges = seen.clone();
    let server = Server::start(move |call: &Call| {
        let range = call.header("range").to_owned();
        let from: usize = range.strip_prefix("bytes=").map_or(0, |from| from.trim_end_matches('-').parse().unwrap());
        ranges.lock().unwrap().push(range);
        let cut_at = (from < 200_000).then_some(100_000);
        let reply = Reply { body: body[from..].to_vec(), cut_at, ..Reply::status(if from > 0 { 206 } else { 200 }) };
        Some(reply.with("Content-Range", format!("bytes {from}-{}/{}", body.len() - 1, body.len())))
    });
    let mut poured = Vec::new();
    assert!(at(&server.unwrap()).pour(&blob, &mut poured).unwrap());
    assert_eq!(Digest::of(&poured), blob.digest);
    assert_eq!(*seen.lock().unwrap(), ["", "bytes=100000-", "bytes=200000-"]);
}

#[test]
fn other_bytes_and_other_sizes_are_refused() {
    let blob = Descriptor::of(MediaType::OCI_LAYER, b"right");
    for (body, expected) in [("wrong", "other content"), ("right and more", "has 14 bytes"), ("rig", "has 3 bytes")] {
        let server = Server::start(move |_| Some(Reply { body: body.into(), ..Reply::status(200) })).unwrap();
        let error = at(&server).pour(&blob, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(&blob.digest.hex()), "{error}");
    }
    let large = Server::start(|_| Some(Reply { body: vec![b' '; 5 << 20], ..Reply::status(200) })).unwrap();
    let error = at(&large).document(&name()).unwrap_err().to_string();
    assert!(error.contains("larger than 4194304 bytes"), "{error}");
}

#[test]
fn who_is_not_there_or_says_nothing_costs_little() {
    let gone = Server::start(|_| None).unwrap();
    let depot = at(&gone);
    drop(gone);
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = Server::start(|_| None).unwrap();
    let trickle = Server::start(|_| {
        Some(Reply { body: vec![b' '; 100_000], pause: Some(Duration::from_millis(20)), ..Reply::status(200) })
    });
    let trickle = trickle.unwrap();
    let never = S3Settings { endpoint: Some(format!("http://{}", full.local_addr().unwrap())), ..settings_of(&silent) };
    for depot in [depot, at(&silent), at(&trickle), buckets::depot(never)] {
        let begin = Instant::now();
        let error = depot.document(&name()).unwrap_err();
        assert!(error.is_out_of_reach(), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(4), "{error} after {:?}", begin.elapsed());
        assert!(!format!("{error:?}").contains("hunter"));
    }
}

fn settings_of(server: &Server) -> S3Settings {
    let attributes = [("bucket", "b"), ("endpoint_url", &*server.url())];
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    S3Settings::read(&attributes, &|_| None).unwrap()
}

#[test]
fn wrong_clocks_and_regions_are_named() {
    let skewed =
        Server::start(|_| Some(refused(403, "RequestTimeTooSkewed", "<ServerTime>2026-01-01T00:00:00Z</ServerTime>")))
            .unwrap();
    let depot = at_with(&skewed, || SystemTime::UNIX_EPOCH + Duration::from_hours(24));
    let error = depot.has(&name()).unwrap_err().to_string();
    assert!(error.contains("the clock here says 1970-01-02T00:00:00Z, theirs 2026-01-01T00:00:00Z"), "{error}");
    let moved = Server::start(|_| {
        Some(refused(301, "PermanentRedirect", "").with("x-amz-bucket-region", "eu-west-1").with("Location", "/x"))
    });
    let error = at(&moved.unwrap()).document(&name()).unwrap_err().to_string();
    assert!(error.contains("set region=eu-west-1"), "{error}");
}

#[test]
fn an_upload_that_fails_at_its_end_is_taken_back() {
    const SIZE: u64 = 65 << 20;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let calls = seen.clone();
    let server = Server::start(move |call: &Call| {
        calls.lock().unwrap().push(call.method.clone());
        Some(match (call.method.as_str(), call.query.contains_key("uploads")) {
            ("POST", true) => Reply { body: b"<UploadId>u/1</UploadId>".to_vec(), ..Reply::status(200) },
            ("POST", false) => refused(200, "InternalError", ""),
            ("PUT", _) => Reply::status(200).with("ETag", "\"e\""),
            ("DELETE", _) => Reply::status(204),
            _ => Reply::status(404),
        })
    });
    let error = at(&server.unwrap()).put(&pattern(SIZE), &|| Ok(Box::new(Pattern(0, SIZE)))).unwrap_err().to_string();
    assert!(error.contains("InternalError: no"), "{error}");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.iter().filter(|method| *method == "PUT").count(), 9);
    assert_eq!(seen.last().unwrap(), "DELETE");
}
