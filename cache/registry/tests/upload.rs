//! Uploads that go wrong, or have to go another way than in one piece, to a registry in this process.
#![allow(clippy::unwrap_used)] // the helpers of tests are tests

use rbuild_oci::{Cancel, Descriptor, MediaType};
use rbuild_registry::testing::{Fault, Login, Manners, Registry, Seen};
use rbuild_registry::{Client, Config, Error, Pushed, Schedule, Uploads};
use std::cell::Cell;
use std::io::Cursor;
use std::time::{Duration, Instant};

const SIZE: usize = 3 << 20;

/// Something to send, and who sends it.
struct Trial {
    registry: Registry,
    config: Config,
    bytes: Vec<u8>,
    opened: Cell<usize>,
    _directory: tempfile::TempDir,
}

impl Trial {
    fn new(login: Login, manners: Manners) -> Self {
        let registry = Registry::with_manners(login, manners).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.json");
        let entry = r#"{"username":"u","password":"p"}"#;
        std::fs::write(&file, format!(r#"{{"auths":{{"{}":{entry}}}}}"#, registry.host())).unwrap();
        let retry = Schedule { attempts: 3, first: Duration::from_millis(1), longest: Duration::from_secs(2) };
        let config = Config { credential_files: vec![file], retry, ..Config::default() };
        let bytes = (0..SIZE).map(|number| (number / 7 % 251) as u8).collect();
        Self { registry, config, bytes, opened: Cell::new(0), _directory: directory }
    }

    fn open() -> Self {
        Self::new(Login::Open, Manners::default())
    }

    fn in_pieces(mut self, piece: u64) -> Self {
        self.config.uploads = Uploads { whole: 0, piece, ..Uploads::default() };
        self
    }

    fn push(&self) -> rbuild_registry::Result<Pushed> {
        let client = Client::new(self.config.clone(), &Cancel::new());
        let blob = Descriptor::of(MediaType::OCI_LAYER, &self.bytes);
        client.push_blob(&self.registry.reference("team/app").unwrap(), &blob, None, &|| {
            self.opened.set(self.opened.get() + 1);
            Ok(Box::new(Cursor::new(&self.bytes)))
        })
    }

    /// Pushes, and sees to it that all arrived.
    fn succeeds(&self) {
        assert_eq!(self.push().unwrap(), Pushed::Uploaded);
        self.is_there(&self.registry);
    }

    fn is_there(&self, registry: &Registry) {
        let blob = Descriptor::of(MediaType::OCI_LAYER, &self.bytes);
        assert!(registry.get("team/app", &blob.digest).as_ref() == Some(&self.bytes));
    }

    fn is_not_there(&self) {
        let blob = Descriptor::of(MediaType::OCI_LAYER, &self.bytes);
        assert!(self.registry.get("team/app", &blob.digest).is_none());
    }

    /// The requests of a method.
    fn seen(&self, method: &str) -> Vec<Seen> {
        self.registry.seen().into_iter().filter(|seen| seen.method == method).collect()
    }

    fn ranges(&self) -> Vec<String> {
        self.seen("PATCH").into_iter().map(|seen| seen.content_range).collect()
    }
}

#[test]
fn a_broken_upload_goes_on_where_the_registry_has_it() {
    let trial = Trial::open();
    trial.registry.fail("/blobs/uploads/", Fault::Break(2 << 20), 1);
    trial.succeeds();
    assert_eq!(trial.ranges(), ["2097152-3145727"]);
    assert_eq!((trial.seen("POST").len(), trial.opened.get()), (1, 2));
}

#[test]
fn a_connection_that_breaks_again_and_again_wins_as_long_as_it_moves() {
    let trial = Trial::open();
    trial.registry.fail("/blobs/uploads/", Fault::Break(600_000), 1);
    trial.registry.fail("/blobs/uploads/", Fault::Break(1_100_000), 2);
    trial.succeeds();
    assert_eq!(trial.seen("POST").len(), 1);
    let trial = Trial::open();
    trial.registry.fail("/blobs/uploads/", Fault::Break(0), 9);
    let error = trial.push().unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    trial.is_not_there();
}

#[test]
fn large_blobs_go_in_pieces_read_once() {
    let trial = Trial::open().in_pieces(1_200_000);
    trial.succeeds();
    assert_eq!(trial.ranges(), ["0-1199999", "1200000-2399999", "2400000-3145727"]);
    assert_eq!(trial.opened.get(), 1);
}

#[test]
fn a_piece_that_breaks_is_taken_up_in_the_middle() {
    let trial = Trial::open().in_pieces(1_200_000);
    trial.registry.fail("/blobs/uploads/", Fault::Slow(Duration::ZERO), 1);
    trial.registry.fail("/blobs/uploads/", Fault::Break(300_000), 1);
    trial.succeeds();
    assert_eq!(trial.ranges(), ["0-1199999", "1200000-2399999", "1500000-2699999", "2700000-3145727"]);
}

#[test]
fn the_registry_may_want_larger_pieces() {
    let manners = Manners { least: Some(1 << 20), ..Manners::default() };
    let trial = Trial::new(Login::Open, manners).in_pieces(1000);
    trial.succeeds();
    assert_eq!(trial.ranges().len(), 3);
}

#[test]
fn what_is_too_large_for_it_goes_in_pieces() {
    for most in [700_000, 300_000] {
        let manners = Manners { most: Some(most), ..Manners::default() };
        let trial = Trial::new(Login::Open, manners);
        trial.succeeds();
        assert!(trial.ranges().len() > 4, "{:?}", trial.ranges());
    }
    let trial = Trial::new(Login::Open, Manners { most: Some(1000), ..Manners::default() });
    let error = trial.push().unwrap_err();
    assert!(matches!(error, Error::Status { status: 413, .. }), "{error}");
}

#[test]
fn who_takes_no_pieces_gets_it_whole() {
    let manners = Manners { whole_only: true, ..Manners::default() };
    let trial = Trial::new(Login::Open, manners).in_pieces(1 << 20);
    trial.succeeds();
    assert_eq!((trial.ranges().len(), trial.seen("POST").len()), (1, 2));
}

#[test]
fn who_takes_no_pieces_but_says_how_large_they_should_be_gets_it_whole() {
    for piece in [1000, 2 << 20] {
        let manners = Manners { whole_only: true, least: Some(1 << 20), ..Manners::default() };
        let mut trial = Trial::new(Login::Open, manners).in_pieces(piece);
        trial.config.uploads.whole = if piece == 1000 { 0 } else { u64::MAX };
        trial.succeeds();
        assert_eq!((trial.ranges().len(), trial.seen("POST").len()), (1, 2));
    }
}

#[test]
fn who_takes_neither_pieces_nor_the_whole_is_left() {
    let trial = Trial::new(Login::Open, Manners { whole_only: true, ..Manners::default() }).in_pieces(1 << 20);
    trial.registry.fail("/blobs/uploads/1", Fault::Status(405, Vec::new()), 1);
    for number in 2..20 {
        trial.registry.fail(&format!("/blobs/uploads/{number}"), Fault::Break(0), 1);
    }
    let error = trial.push().unwrap_err();
    assert!(matches!(error, Error::Status { status: 405, .. } | Error::Interrupted { .. }), "{error}");
    assert!(trial.seen("POST").len() < 9, "{}", trial.seen("POST").len());
}

#[test]
fn busy_registries_are_given_the_time_that_they_ask_for() {
    for (status, path) in [(429, "/blobs/uploads/1"), (500, "/blobs/uploads/1"), (503, "/blobs/uploads/")] {
        let trial = Trial::open();
        trial.registry.fail(path, Fault::Status(status, vec![("Retry-After", "1".to_owned())]), 1);
        let begin = Instant::now();
        trial.succeeds();
        assert!(begin.elapsed() >= Duration::from_secs(1), "{status} {path}");
    }
    let trial = Trial::open();
    trial.registry.fail("/blobs/uploads/1", Fault::Status(429, vec![("Retry-After", "3600".to_owned())]), 1);
    let error = trial.push().unwrap_err();
    assert!(matches!(error, Error::TooManyRequests { .. }), "{error}");
}

#[test]
fn a_login_that_ends_midway_is_renewed() {
    for login in [Login::Basic("u".into(), "p".into()), Login::Token("u".into(), "p".into())] {
        let is_basic = matches!(login, Login::Basic(..));
        let trial = Trial::new(login, Manners::default());
        let realm = format!("http://{}/token", trial.registry.host());
        let challenge =
            if is_basic { "Basic realm=x".into() } else { format!("Bearer realm=\"{realm}\",service=\"x\"") };
        trial.registry.fail("/blobs/uploads/1", Fault::Status(401, vec![("WWW-Authenticate", challenge)]), 2);
        trial.succeeds();
        assert_eq!(trial.seen("PUT").len(), 2, "the GET between them is refused too, and gets a new token");
    }
    let trial = Trial::open();
    trial.registry.fail("/blobs/uploads/1", Fault::Status(401, Vec::new()), 99);
    let error = trial.push().unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
}

#[test]
fn a_registry_that_took_something_else_is_not_believed() {
    let trial = Trial::open();
    trial.registry.fail("/blobs/uploads/1", Fault::OtherDigest, 1);
    let error = trial.push().unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
    assert!(error.to_string().contains("took it for other content"), "{error}");
}

#[test]
fn credentials_do_not_follow_an_upload_to_another_host() {
    let other = Registry::start().unwrap();
    let login = || Login::Basic("u".into(), "p".into());
    let elsewhere = format!("http://{}", other.host());
    let named = Trial::new(login(), Manners { uploads_at: Some(elsewhere.clone()), ..Manners::default() });
    assert_eq!(named.push().unwrap(), Pushed::Uploaded);
    named.is_there(&other);
    let redirected = Trial::new(login(), Manners::default());
    redirected.registry.fail("/blobs/uploads/1", Fault::Redirect(elsewhere), 1);
    assert_eq!(redirected.push().unwrap(), Pushed::Uploaded);
    let seen = other.seen();
    assert_eq!(seen.iter().map(|seen| seen.method.as_str()).collect::<Vec<_>>(), ["PUT", "PUT"]);
    assert!(seen.iter().all(|seen| seen.authorization.is_empty()), "{seen:?}");
    let own = |trial: &Trial| trial.seen("PUT").iter().all(|seen| seen.authorization.starts_with("Basic "));
    assert!(own(&redirected) && !named.seen("POST").is_empty());
}

#[test]
fn a_registry_without_the_repository_says_so() {
    let trial = Trial::open();
    trial.registry.fail("/blobs/uploads/", Fault::Status(404, Vec::new()), 9);
    let error = trial.push().unwrap_err().to_string();
    assert_eq!(error, format!("the repository team/app does not exist on {}", trial.registry.host()));
}

#[test]
fn redirects_in_circles_end() {
    let trial = Trial::open();
    let back = format!("http://{}", trial.registry.host());
    trial.registry.fail("/blobs/uploads/1", Fault::Redirect(back), 99);
    let error = trial.push().unwrap_err();
    assert!(error.to_string().contains("redirects more than"), "{error}");
}

#[test]
fn a_slow_reader_is_waited_for() {
    let mut trial = Trial::open();
    // More than the sockets of this machine hold.
    trial.bytes = trial.bytes.repeat(10);
    trial.config.timeouts.idle = Duration::from_millis(1500);
    trial.registry.fail("/blobs/uploads/1", Fault::Slow(Duration::from_millis(6)), 1);
    let begin = Instant::now();
    trial.succeeds();
    assert!(begin.elapsed() > trial.config.timeouts.idle, "{:?}", begin.elapsed());
    assert_eq!(trial.seen("PUT").len(), 1);
}

#[test]
fn a_reader_that_stops_is_given_up() {
    let mut trial = Trial::open();
    trial.config.timeouts.idle = Duration::from_millis(300);
    trial.registry.fail("/blobs/uploads/1", Fault::Silence, 1);
    trial.succeeds();
    assert!(trial.opened.get() > 1);
}

#[test]
fn a_raised_flag_ends_an_upload() {
    let trial = Trial::open();
    trial.registry.fail("/blobs/uploads/1", Fault::Slow(Duration::from_millis(200)), 9);
    let cancel = Cancel::new();
    let client = Client::new(trial.config.clone(), &cancel);
    let raise = cancel.clone();
    let raiser = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        raise.cancel();
        Instant::now()
    });
    let blob = Descriptor::of(MediaType::OCI_LAYER, &trial.bytes);
    let reference = trial.registry.reference("team/app").unwrap();
    let error = client.push_blob(&reference, &blob, None, &|| Ok(Box::new(Cursor::new(&trial.bytes)))).unwrap_err();
    assert!(matches!(error, Error::Canceled(_)), "{error}");
    assert!(raiser.join().unwrap().elapsed() < Duration::from_secs(1));
}
