//! A cache that is dead, slow or damaged fails no build and stalls none.

#![allow(clippy::unwrap_used, clippy::panic)] // the helpers of tests are tests

mod small;

use rbuild_oci::Cancel;
use rbuild_records::depot::{Depot, DirDepot, Guarded, MemoryDepot, Patience, RegistryDepot, hurried};
use rbuild_records::testing::depot::conformance;
use rbuild_registry::testing::{Fault, Registry};
use rbuild_registry::{Client, Config};
use small::{blob, name, put};
use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn registry_depot(host: &str) -> RegistryDepot {
    let client = Client::new(hurried(Config::default()), &Cancel::new());
    RegistryDepot::new(client, &format!("{host}/team/cache").parse().unwrap()).unwrap()
}

/// A guarded depot, and what it warned of.
fn guarded(inner: impl Depot + 'static, patience: Patience) -> (Guarded, Arc<Mutex<Vec<String>>>) {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let teller = told.clone();
    let guarded = Guarded::new(Arc::new(inner), patience, move |text| teller.lock().unwrap().push(text.to_owned()));
    (guarded, told)
}

fn short() -> Patience {
    Patience { answer: Duration::from_millis(500), silence: Duration::from_millis(500), pace: 1 << 10 }
}

#[test]
fn where_nothing_is_wrong_it_does_what_every_depot_does() {
    let place = tempfile::tempdir().unwrap();
    let (depot, told) = guarded(MemoryDepot::default(), Patience::default());
    let wrong = conformance(&depot).unwrap();
    assert!(wrong.iter().all(|text| text.contains("content is refused")), "no failure is passed on: {wrong:?}");
    assert_eq!((told.lock().unwrap().len(), depot.lost()), (2, 2));
    let (depot, told) = guarded(DirDepot::new(place.path()), Patience::default());
    let text = "x".repeat(1 << 20);
    put(&depot, &text);
    let mut sink = Vec::new();
    assert!(depot.pour(&blob(&text), &mut sink).unwrap() && sink == text.as_bytes());
    assert_eq!((told.lock().unwrap().len(), depot.lost()), (0, 0));
    assert!(depot.take_failure().is_none());
}

/// A build's worth of uploads.
fn upload(depot: &Guarded) {
    (0..160).for_each(|number| put(depot, &number.to_string()));
}

/// A build's worth of questions and uploads.
fn use_it(depot: &Guarded) {
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for number in 0..20 {
                    let text = format!("{thread} {number}");
                    assert_eq!(depot.document(&name(&text)).unwrap(), None);
                    assert!(!depot.pour(&blob(&text), &mut io::sink()).unwrap());
                    assert!(!depot.has(&name(&text)).unwrap());
                    put(depot, &text);
                }
            });
        }
    });
}

#[test]
fn a_dead_cache_costs_less_than_three_seconds_and_one_warning() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hole = silent.local_addr().unwrap().to_string();
    std::thread::spawn(move || silent.incoming().collect::<Vec<_>>());
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let hosts = [(hole.as_str(), "no answer in 2.0 s"), (&refused, "refused"), ("no-such-host.invalid", "reach")];
    let uses = [use_it, upload];
    for ((host, why), work) in hosts.iter().flat_map(|host| uses.map(|work| (*host, work))) {
        let (depot, told) = guarded(registry_depot(host), Patience::default());
        let begin = Instant::now();
        work(&depot);
        let took = begin.elapsed();
        let told = told.lock().unwrap();
        eprintln!("{took:?}: {told:?}");
        assert!(took < Duration::from_secs(3), "{host}: {took:?}");
        let [text] = &told[..] else { panic!("one warning: {told:?}") };
        assert!(text.contains(why) && text.contains(host) && text.ends_with("without this cache"), "{text}");
        assert_eq!(depot.lost(), 2 * 8 * 20);
        assert!(depot.take_failure().unwrap().to_string().contains(host));
    }
}

#[test]
fn what_is_refused_once_is_not_asked_again() {
    for status in [401, 403, 429] {
        let registry = Registry::start().unwrap();
        registry.fail("/v2/", Fault::Status(status, Vec::new()), 999);
        let (depot, told) = guarded(registry_depot(registry.host()), Patience::default());
        use_it(&depot);
        assert_eq!(told.lock().unwrap().len(), 1);
        // Those that were on their way when the first came back.
        assert!(registry.seen().len() <= 2 * 8 * 2, "{status}: {}", registry.seen().len());
    }
}

#[test]
fn one_bad_document_or_blob_is_named_and_the_rest_is_used() {
    let registry = Registry::start().unwrap();
    let (depot, told) = guarded(registry_depot(registry.host()), Patience::default());
    put(&depot, "bad");
    put(&depot, "good");
    registry.fail(&format!("/blobs/{}", blob("bad").digest), Fault::Corrupt, 9);
    registry.fail(&format!("/manifests/{}", name("bad")), Fault::Status(500, Vec::new()), 9);
    for _ in 0..2 {
        assert_eq!(depot.document(&name("bad")).unwrap(), None);
        assert_eq!(depot.document(&name("good")).unwrap().unwrap(), b"good");
        assert!(!depot.pour(&blob("bad"), &mut Vec::new()).unwrap());
        assert!(depot.pour(&blob("good"), &mut Vec::new()).unwrap());
    }
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(
        told[0].contains(&name("bad").to_string()) && told[1].contains(&blob("bad").digest.to_string()),
        "{told:?}"
    );
}

#[test]
fn who_stops_the_build_is_not_warned() {
    let registry = Registry::start().unwrap();
    let cancel = Cancel::new();
    let client = Client::new(hurried(Config::default()), &cancel);
    let inner = RegistryDepot::new(client, &registry.reference("team/cache").unwrap()).unwrap();
    let (depot, told) = guarded(inner, Patience::default());
    cancel.cancel();
    use_it(&depot);
    assert_eq!(*told.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn failures_in_a_row_end_it() {
    let registry = Registry::start().unwrap();
    registry.fail("/v2/", Fault::Status(500, Vec::new()), 999);
    let (depot, told) = guarded(registry_depot(registry.host()), Patience::default());
    for number in 0..9 {
        assert!(!depot.has(&name(&number.to_string())).unwrap());
    }
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 3);
    assert!(told[2].ends_with("without this cache"), "{told:?}");
}

#[test]
fn a_blob_that_trickles_or_stops_is_given_up() {
    for (fault, why) in
        [(Fault::Trickle(Duration::from_millis(50)), "bytes came in"), (Fault::Silence, "0 bytes came in")]
    {
        let registry = Registry::start().unwrap();
        let (depot, told) = guarded(registry_depot(registry.host()), short());
        let text = "x".repeat(1 << 10);
        put(&depot, &text);
        registry.fail("/blobs/", fault.clone(), 9);
        let begin = Instant::now();
        assert!(!depot.pour(&blob(&text), &mut Vec::new()).unwrap());
        assert!(begin.elapsed() < Duration::from_secs(2), "{fault:?}: {:?}", begin.elapsed());
        let told = told.lock().unwrap();
        assert!(told.len() == 1 && told[0].contains(why), "{fault:?}: {told:?}");
        assert!(!depot.has(&name(&text)).unwrap());
        assert_eq!((depot.lost(), depot.take_failure().is_none()), (0, true), "nothing was lost");
    }
}

#[test]
fn a_document_without_its_blob_is_not_put() {
    let registry = Registry::start().unwrap();
    let (depot, told) = guarded(registry_depot(registry.host()), Patience::default());
    registry.fail("/blobs/uploads/", Fault::Status(507, Vec::new()), 1);
    put(&depot, "text");
    assert!(!depot.has(&name("text")).unwrap());
    assert_eq!((depot.lost(), told.lock().unwrap().len()), (2, 1));
    assert!(depot.take_failure().unwrap().to_string().contains("507"));
    put(&depot, "text");
    assert!(depot.has(&name("text")).unwrap(), "a later attempt may do better");
}

#[test]
fn the_sink_is_waited_for_and_its_failure_is_the_callers() {
    struct Slow(usize);
    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            std::thread::sleep(Duration::from_millis(200));
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let place = tempfile::tempdir().unwrap();
    let (depot, told) = guarded(DirDepot::new(place.path()), short());
    let text = "x".repeat(600 << 10);
    put(&depot, &text);
    assert!(depot.pour(&blob(&text), &mut Slow(99)).unwrap());
    let error = depot.pour(&blob(&text), &mut Slow(1)).unwrap_err().to_string();
    assert!(error.contains(&blob(&text).digest.to_string()), "{error}");
    assert_eq!(told.lock().unwrap().len(), 0);
}
