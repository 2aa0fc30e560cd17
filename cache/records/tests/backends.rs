//! Every backend keeps its promises, and damage is a miss.

use rbuild_oci::Digest;
use rbuild_records::testing::{self, FailingBackend, conformance, record};
use rbuild_records::{CacheBackend, LocalBackend, MemoryBackend, Output, Record, Tiered};

#[test]
fn every_backend_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let local = || LocalBackend::new(directory.path().join("records"));
    let nested = LocalBackend::new(directory.path().join("near"));
    let backends: Vec<Box<dyn CacheBackend>> = vec![
        Box::new(MemoryBackend::default()),
        Box::new(local()),
        Box::new(Tiered::new(vec![Box::new(nested), Box::new(MemoryBackend::default())])),
    ];
    for backend in backends {
        assert_eq!(conformance(&*backend).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_damaged_or_misplaced_record_is_a_miss() {
    let directory = tempfile::tempdir().unwrap();
    let backend = LocalBackend::new(directory.path());
    let (one, two) = (record("one"), record("two"));
    backend.put(&one).unwrap();
    let [path] = &backend.take_written()[..] else { panic!("one record, one file") };
    let moved = directory.path().join(&two.key().hex()[..2]);
    std::fs::create_dir_all(&moved).unwrap();
    std::fs::copy(path, moved.join(format!("{}.json", two.key().hex()))).unwrap();
    assert_eq!(backend.get(&two.key()).unwrap(), None);
    for damage in ["", "{", "{\"recipe\":[]}", "null"] {
        std::fs::write(path, damage).unwrap();
        assert_eq!(backend.get(&one.key()).unwrap(), None, "{damage:?}");
    }
}

#[test]
fn a_far_hit_is_kept_near() {
    let directory = tempfile::tempdir().unwrap();
    let far = MemoryBackend::default();
    far.put(&record("one")).unwrap();
    let near = LocalBackend::new(directory.path());
    let tiered = Tiered::new(vec![Box::new(LocalBackend::new(directory.path())), Box::new(far)]);
    assert!(tiered.get(&record("one").key()).unwrap().is_some());
    assert!(near.get(&record("one").key()).unwrap().is_some());
}

#[test]
fn failures_name_the_record() {
    let message = FailingBackend.put(&record("one")).unwrap_err().to_string();
    assert!(message.contains(&record("one").key().hex()), "{message}");
}

#[test]
fn old_records_that_lead_nowhere_are_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let backend = LocalBackend::new(directory.path().join("records"));
    backend.forget_old(&|_| true).unwrap();
    let names = ["new", "old", "old and good"];
    for name in names {
        let details = std::collections::BTreeMap::from([("name".to_owned(), name.to_owned())]);
        let output = Output::Pinned { digest: Digest::of(b"x"), details };
        backend.put(&Record { output, ..record(name) }).unwrap();
        if name.starts_with("old") {
            let old = std::time::SystemTime::now() - std::time::Duration::from_hours(31 * 24);
            let path = backend.take_written().pop().unwrap();
            std::fs::File::open(path).unwrap().set_modified(old).unwrap();
        }
    }
    let good = |output: &Output| matches!(output, Output::Pinned { details, .. } if details["name"].contains("good"));
    backend.forget_old(&|output| !good(output)).unwrap();
    let left: Vec<&str> =
        names.into_iter().filter(|name| backend.get(&record(name).key()).unwrap().is_some()).collect();
    assert_eq!(left, ["new", "old and good"]);
}

#[test]
fn the_plainest_depot_does_what_every_depot_does() {
    let wrong = testing::depot::conformance(&rbuild_records::depot::MemoryDepot::default()).unwrap();
    assert_eq!(wrong, Vec::<String>::new());
}
