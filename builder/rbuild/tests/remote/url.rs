//! Downloads.

use crate::server::{Reply, Server};
use crate::world::World;
use rbuild::solve::Shown;
use rbuild_oci::Digest;
use std::time::{Duration, Instant};

const DATE: &str = "Wed, 21 Oct 2015 07:28:00 GMT";
const SECONDS: i64 = 1_445_412_480;

#[test]
fn a_download_is_one_file_with_the_servers_time() {
    let server = Server::start(|_, _| Reply::new(200, "hello").with("Last-Modified", DATE));
    let world = World::new();
    let solved = world.fetch(&server.url("/a/f.txt?x=1"), None).unwrap();
    assert_eq!(solved.shown, Shown::Done);
    assert_eq!(solved.listing(), [("f.txt".to_owned(), (0o600, SECONDS, "hello".to_owned()))].into());
    assert_eq!(server.seen()[0].target, "/a/f.txt?x=1");
}

#[test]
fn without_a_date_the_file_is_of_1970() {
    let server = Server::start(|_, _| Reply::new(200, "hello"));
    let world = World::new();
    assert_eq!(world.fetch(&server.url("/f"), None).unwrap().listing()["f"].1, 0);
}

#[test]
fn what_did_not_change_is_not_transferred_again() {
    let server = Server::start(|call, _| match call.header("if-none-match") {
        "\"1\"" => Reply::new(304, ""),
        _ => Reply::new(200, "hello").with("ETag", "\"1\"").with("Last-Modified", DATE),
    });
    let world = World::new();
    let first = world.fetch(&server.url("/f"), None).unwrap();
    let second = world.fetch(&server.url("/f"), None).unwrap();
    assert_eq!(first.listing(), second.listing());
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn offline_nothing_is_asked_and_what_is_here_is_good_enough() {
    let server = Server::start(|_, before| Reply::new(200, format!("body {before}")));
    let world = World::new();
    let first = world.fetch(&server.url("/f"), None).unwrap();
    let world = world.offline();
    assert_eq!(world.fetch(&server.url("/f"), None).unwrap().listing(), first.listing());
    let error = world.fetch(&server.url("/g"), None).err().unwrap().to_string();
    assert!(error.contains("/g is not in the store") && error.contains("--offline"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_date_is_a_validator_only_once_it_is_old_enough() {
    for (now, asked) in [("Wed, 21 Oct 2015 07:28:01 GMT", ""), ("Wed, 21 Oct 2015 07:28:09 GMT", DATE)] {
        let server = Server::start(move |_, _| Reply::new(200, "hello").with("Last-Modified", DATE).with("Date", now));
        let world = World::new();
        for _ in 0..2 {
            world.fetch(&server.url("/f"), None).unwrap();
        }
        assert_eq!(server.seen()[1].header("if-modified-since"), asked);
    }
}

#[test]
fn a_server_that_ignores_the_question_is_not_listened_to() {
    // The second body would be another; its tag says that it is not.
    let server = Server::start(|_, before| Reply::new(200, format!("body {before}")).with("ETag", "W/\"1\""));
    let world = World::new();
    world.fetch(&server.url("/f"), None).unwrap();
    assert_eq!(world.fetch(&server.url("/f"), None).unwrap().read("f"), "body 0");
}

#[test]
fn changed_content_is_seen_and_lost_content_comes_again() {
    let server = Server::start(|_, before| Reply::new(200, format!("body {before}")).with("ETag", format!("{before}")));
    let world = World::new();
    for round in 0..3 {
        let solved = world.fetch(&server.url("/f"), None).unwrap();
        assert_eq!(solved.read("f"), format!("body {round}"));
    }
    std::fs::remove_file(world.store.blob_path(&Digest::of(b"body 2"))).unwrap();
    assert_eq!(world.fetch(&server.url("/f"), None).unwrap().read("f"), "body 3");
    assert_eq!(server.seen()[3].header("if-none-match"), "");
}

#[test]
fn a_checksum_is_verified_and_then_saves_the_question() {
    let server = Server::start(|_, _| Reply::new(200, "hello").with("Last-Modified", DATE));
    let (world, url, right) = (World::new(), server.url("/f"), Digest::of(b"hello").to_string());
    let wrong = Digest::of(b"other").to_string();
    let error = world.fetch(&url, Some(&wrong)).err().unwrap().to_string();
    assert!(error.contains(&right) && error.contains(&wrong) && error.contains(&url), "{error}");
    let known = world.fetch(&url, Some(&right)).unwrap();
    assert_eq!((known.shown, server.seen().len()), (Shown::Cached, 1));
    assert_eq!(known.listing()["f"], (0o600, SECONDS, "hello".to_owned()));
}

#[test]
fn failures_name_the_address_without_its_secrets() {
    let server = Server::start(|_, _| Reply::new(404, "no"));
    let world = World::new();
    let url = format!("http://me:hush@127.0.0.1:{}/gone.txt?sig=hush", server.port());
    let error = world.fetch(&url, None).err().unwrap().to_string();
    assert!(error.contains("404") && error.contains("/gone.txt"), "{error}");
    assert!(!error.contains("hush") && !world.told().contains("hush"), "{error} {}", world.told());
    assert_eq!(server.seen().len(), 1);
    assert_eq!(server.seen()[0].header("authorization"), "Basic bWU6aHVzaA==");
    let error = world.fetch("http://h\r\nx/", None).err().unwrap().to_string();
    assert!(error.contains("http(s)://HOST/PATH"), "{error}");
}

#[test]
fn redirects_are_followed_and_credentials_stay() {
    let other = Server::start(|_, _| Reply::new(200, "there"));
    let target = other.url("/f").replace("127.0.0.1", "localhost");
    let server = Server::start(move |call, _| match call.target.as_str() {
        "/f" => Reply::new(302, "").with("Location", "/g"),
        "/g" => Reply::new(301, "").with("Location", target.clone()),
        _ => Reply::new(302, "").with("Location", "/loop"),
    });
    let world = World::new().secret("HTTP_AUTH_HEADER_127.0.0.1", "Digest hush");
    assert_eq!(world.fetch(&server.url("/f"), None).unwrap().read("f"), "there");
    assert!(server.seen().iter().all(|call| call.header("authorization") == "Digest hush"));
    assert_eq!(other.seen()[0].header("authorization"), "");
    let error = world.fetch(&server.url("/loop"), None).err().unwrap().to_string();
    assert!(error.contains("redirects more than 10 times"), "{error}");
}

#[test]
fn a_token_goes_before_a_header() {
    let server = Server::start(|_, _| Reply::new(200, "x"));
    let world = World::new().secret("HTTP_AUTH_HEADER_127.0.0.1", "h").secret("HTTP_AUTH_TOKEN_127.0.0.1", "t\n");
    world.fetch(&server.url("/f"), None).unwrap();
    assert_eq!(server.seen()[0].header("authorization"), "Bearer t");
}

#[test]
fn what_breaks_off_is_asked_for_again() {
    let server = Server::start(|_, before| match before {
        0 => Reply::new(503, ""),
        1 => Reply { cut: 3, ..Reply::new(200, "complete") },
        _ => Reply::new(200, "complete"),
    });
    assert_eq!(World::new().fetch(&server.url("/f"), None).unwrap().read("f"), "complete");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn nobody_there_is_an_error_also_where_the_content_is_known() {
    let server = Server::start(|_, _| Reply::new(200, "x").with("ETag", "1"));
    let (world, url) = (World::new(), server.url("/f"));
    world.fetch(&url, None).unwrap();
    drop(server);
    let error = world.fetch(&url, None).err().unwrap().to_string();
    assert!(error.contains("cannot reach") && error.contains(&url), "{error}");
}

#[test]
fn a_raised_flag_ends_it_within_a_second() {
    let server = Server::start(|_, _| Reply { silent: true, ..Reply::new(200, "") });
    let world = World::new();
    let cancel = world.cancel.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        cancel.cancel();
    });
    let begin = Instant::now();
    assert!(world.fetch(&server.url("/f"), None).err().unwrap().is_canceled());
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[test]
fn progress_is_told_and_nothing_is_left_in_tmp() {
    let server = Server::start(|_, _| Reply::new(200, vec![7; 3 << 20]));
    let world = World::new();
    world.fetch(&server.url("/f"), None).unwrap();
    assert!(world.told().contains("done: 3145728, total: 3145728"), "{}", world.told());
    let tmp = world.store.dir(rbuild_store::Bucket::Tmp);
    assert_eq!(std::fs::read_dir(tmp).unwrap().count(), 0);
}
