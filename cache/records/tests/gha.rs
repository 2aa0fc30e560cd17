//! The depot in GitHub's cache, against a stand-in of the service and of the storage behind it.

#![allow(clippy::unwrap_used)] // the helpers of tests are tests

use rbuild_oci::{Cancel, Descriptor, Digest, Hasher, MediaType};
use rbuild_records::depot::{Depot, GhaDepot, GhaSettings, Kind, Name};
use rbuild_records::testing::depot::conformance;
use rbuild_records::testing::{ActionsCache, Server};
use rbuild_registry::Config;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::time::{Duration, Instant, SystemTime};

const TOKEN: &str = "hunter2";

fn cache() -> ActionsCache {
    let tokens: [(&str, &[&str]); 2] = [(TOKEN, &["main"]), ("of-branch", &["feature", "main"])];
    ActionsCache::start(&tokens).unwrap()
}

fn depot(url: &str, token: &str, further: &[(&str, &str)]) -> GhaDepot {
    let own = [("url_v2", url), ("token", token)];
    let attributes: BTreeMap<String, String> =
        own.iter().chain(further).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = GhaSettings::read(&attributes, &|_| None).unwrap();
    GhaDepot::new(settings, &Config::default(), &Cancel::new(), SystemTime::now)
}

fn at(cache: &ActionsCache) -> GhaDepot {
    depot(&cache.url(), TOKEN, &[])
}

fn name(text: &str) -> Name {
    Name::new(Kind::Step, Digest::of(text.as_bytes()))
}

fn put(depot: &GhaDepot, bytes: &'static [u8]) -> rbuild_records::Result<bool> {
    depot.put(&Descriptor::of(MediaType::OCI_LAYER, bytes), &|| Ok(Box::new(Cursor::new(bytes))))
}

#[test]
fn it_keeps_what_a_depot_promises() {
    assert_eq!(conformance(&at(&cache())).unwrap(), Vec::<String>::new());
}

#[test]
fn scopes_keep_documents_apart_and_share_blobs() {
    let cache = cache();
    let (one, two) = (depot(&cache.url(), TOKEN, &[("scope", "a/ü x")]), depot(&cache.url(), TOKEN, &[("scope", "b")]));
    one.put_document(&name("n"), b"{}", &[]).unwrap();
    assert!(one.has(&name("n")).unwrap() && !two.has(&name("n")).unwrap());
    assert!(put(&one, b"blob").unwrap() && !put(&two, b"blob").unwrap());
    let branch = depot(&cache.url(), "of-branch", &[("scope", "b")]);
    assert!(!put(&branch, b"blob").unwrap(), "a branch sees what is of main");
    branch.put_document(&name("n"), b"{}", &[]).unwrap();
    assert!(branch.has(&name("n")).unwrap() && !two.has(&name("n")).unwrap(), "main does not see what is of a branch");
}

#[test]
fn what_says_the_same_is_not_written_again() {
    let cache = cache();
    let depot = at(&cache);
    for document in [b"{\"a\":1}", b"{\"a\":1}", b"{\"a\":2}", b"{\"a\":2}"] {
        depot.put_document(&name("n"), document, &[]).unwrap();
    }
    assert_eq!(cache.keys().len(), 2);
    assert_eq!(depot.document(&name("n")).unwrap().unwrap(), b"{\"a\":2}");
}

#[test]
fn a_broken_upload_is_in_nobodys_way() {
    let cache = cache();
    cache.fail("/storage/", 403, 1);
    let error = put(&at(&cache), b"blob").unwrap_err().to_string();
    assert!(error.contains("status 403") && !error.contains("sig="), "{error}");
    assert!(put(&at(&cache), b"blob").unwrap());
    cache.spoil(b"blod");
    let blob = Descriptor::of(MediaType::OCI_LAYER, b"blob");
    let error = at(&cache).pour(&blob, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("other content"), "{error}");
}

#[test]
fn large_blobs_go_in_blocks() {
    const SIZE: u64 = (70 << 20) + 1;
    let mut hasher = Hasher::new();
    hasher.update(&vec![7; SIZE as usize]);
    let blob = Descriptor::new(MediaType::OCI_LAYER, hasher.finish(), SIZE);
    let cache = cache();
    assert!(at(&cache).put(&blob, &|| Ok(Box::new(io::repeat(7).take(SIZE)))).unwrap());
    assert!(at(&cache).pour(&blob, &mut io::sink()).unwrap());
    assert_eq!(cache.seen().iter().filter(|call| call.starts_with("PUT")).count(), 9 + 1);
    let other = Descriptor::new(MediaType::OCI_LAYER, Digest::of(b"other"), SIZE);
    assert!(at(&cache).put(&other, &|| Ok(Box::new(io::repeat(7).take(SIZE)))).is_err());
    assert!(!at(&cache).pour(&other, &mut io::sink()).unwrap());
}

#[test]
fn refusals_are_told_and_hide_what_is_secret() {
    let cache = cache();
    let error = depot(&cache.url(), "hunter3", &[]).has(&name("n")).unwrap_err();
    let text = format!("{error} {error:?} {:?}", at(&cache));
    assert!(text.contains("unauthenticated: invalid token") && text.contains("ACTIONS_RUNTIME_TOKEN"), "{text}");
    assert!(!text.contains("hunter"), "{text}");
    let elsewhere = depot(&format!("{}elsewhere", cache.url()), TOKEN, &[]);
    assert!(elsewhere.has(&name("n")).is_err(), "no service is no empty cache");
}

#[test]
fn a_limit_is_waited_for_a_little() {
    let cache = cache();
    cache.fail("GetCacheEntryDownloadURL", 429, 1);
    assert!(!at(&cache).has(&name("n")).unwrap(), "it is asked again");
    cache.fail("GetCacheEntryDownloadURL", 429, 99);
    let begin = Instant::now();
    let error = at(&cache).has(&name("n")).unwrap_err().to_string();
    assert!(error.contains("limits how often it is asked"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[test]
fn who_is_not_there_or_says_nothing_costs_little() {
    let gone = cache();
    let first = at(&gone);
    drop(gone);
    let silent = Server::start(|_| None).unwrap();
    for depot in [first, depot(&silent.url(), TOKEN, &[])] {
        let begin = Instant::now();
        let error = depot.has(&name("n")).unwrap_err();
        assert!(error.is_out_of_reach() && begin.elapsed() < Duration::from_secs(3), "{error}");
    }
}

#[test]
fn its_time_is_that_of_one_blob() {
    let cache = cache();
    let late = depot(&cache.url(), TOKEN, &[("timeout", "0s")]);
    let error = put(&late, b"blob").unwrap_err();
    assert!(error.to_string().contains("which is its timeout") && error.is_out_of_reach(), "{error}");
    assert!(put(&at(&cache), b"blob").unwrap());
    let error = late.pour(&Descriptor::of(MediaType::OCI_LAYER, b"blob"), &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("which is its timeout"), "{error}");
    let patient = depot(&cache.url(), TOKEN, &[("timeout", "1s")]);
    patient.has(&name("n")).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    patient.has(&name("n")).unwrap();
}
