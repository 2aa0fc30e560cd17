//! The depot in a directory: many writers, damage, what was planted in it, its size.

#![allow(clippy::unwrap_used)] // the helpers of tests are tests

mod small;

use rbuild_oci::Digest;
use rbuild_records::Error;
use rbuild_records::depot::{Depot, DirDepot, Kind, Name};
use rbuild_records::testing::depot::conformance;
use small::{blob, name, put};
use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

fn is_whole(depot: &dyn Depot, text: &str) -> bool {
    let mut sink = Vec::new();
    let document = depot.document(&name(text)).unwrap();
    document.is_some_and(|document| document == text.as_bytes())
        && depot.pour(&blob(text), &mut sink).unwrap()
        && sink == text.as_bytes()
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let (mut ahead, mut found) = (vec![directory.to_owned()], Vec::new());
    while let Some(next) = ahead.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let list = if path.is_dir() { &mut ahead } else { &mut found };
            list.push(path);
        }
    }
    found.sort();
    found
}

fn age(path: &Path, hours: u64) {
    let time = SystemTime::now() - Duration::from_secs(hours * 3600);
    File::open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn it_does_what_every_depot_does() {
    let place = tempfile::tempdir().unwrap();
    let depot = DirDepot::new(place.path().join("a/b"));
    assert_eq!(conformance(&depot).unwrap(), Vec::<String>::new());
    let left: Vec<PathBuf> =
        files(place.path()).into_iter().filter(|path| path.parent().unwrap().ends_with("tmp")).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
    let moved = place.path().join("moved");
    fs::rename(place.path().join("a"), &moved).unwrap();
    assert!(DirDepot::new(moved.join("b")).has(&Name::new(Kind::Record, Digest::of(b"1"))).unwrap());
}

#[test]
fn writers_lose_none_of_each_others_work() {
    if let Some(place) = std::env::var_os("DIR_DEPOT_TEST") {
        write_with_eight_threads(&place.into_string().unwrap(), &std::env::var("DIR_DEPOT_WRITER").unwrap());
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let own = std::env::current_exe().unwrap();
    let mut writers: Vec<_> = ["one", "two"]
        .iter()
        .map(|writer| {
            Command::new(&own)
                .args(["--exact", "writers_lose_none_of_each_others_work"])
                .env("DIR_DEPOT_TEST", place.path())
                .env("DIR_DEPOT_WRITER", writer)
                .spawn()
                .unwrap()
        })
        .collect();
    assert!(writers.iter_mut().all(|writer| writer.wait().unwrap().success()));
    let depot = DirDepot::new(place.path());
    for writer in ["one", "two"] {
        for number in 0..8 * 20 {
            assert!(is_whole(&depot, &format!("{writer} {number}")), "{writer} {number}");
            assert!(is_whole(&depot, &format!("both {number}")), "both {number}");
        }
    }
    assert!(fs::read_dir(place.path().join("tmp")).unwrap().next().is_none());
}

/// Of what it writes, half is written by the other process, too; and it trims meanwhile.
fn write_with_eight_threads(place: &str, writer: &str) {
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                let depot = DirDepot::new(place);
                for number in thread * 20..(thread + 1) * 20 {
                    put(&depot, &format!("{writer} {number}"));
                    put(&depot, &format!("both {number}"));
                    if number % 10 == 0 {
                        depot.trim(0).unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn what_is_put_while_old_things_go_stays() {
    let place = tempfile::tempdir().unwrap();
    let texts: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let depot = DirDepot::new(place.path());
    for text in &texts {
        put(&depot, text);
    }
    for path in files(place.path()) {
        age(&path, 2);
    }
    let (depot, done) = (&depot, &AtomicBool::new(false));
    std::thread::scope(|scope| {
        let trimmer = scope.spawn(|| {
            let mut removed = 0;
            while !done.load(Ordering::SeqCst) {
                removed += depot.trim(0).unwrap().blobs;
            }
            removed
        });
        let writers = [texts.iter().collect::<Vec<_>>(), texts.iter().rev().collect()];
        let writers = writers.map(|texts| scope.spawn(move || texts.into_iter().for_each(|text| put(depot, text))));
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
        eprintln!("{} of {} blobs went before they were put again", trimmer.join().unwrap(), texts.len());
    });
    assert!(texts.iter().all(|text| is_whole(depot, text)));
}

#[test]
fn damage_is_named_and_mended_by_the_next_writer() {
    let place = tempfile::tempdir().unwrap();
    let depot = DirDepot::new(place.path());
    put(&depot, "text");
    let document = place.path().join("record").join(&name("text").to_string()[7..9]).join(Digest::of(b"text").hex());
    let stored = place.path().join("blobs/sha256").join(blob("text").digest.hex());
    for damage in ["", "foreign", "sha256:12 sha256:34\ntext"] {
        fs::write(&document, damage).unwrap();
        let error = depot.document(&name("text")).unwrap_err().to_string();
        assert!(
            error.contains(&name("text").to_string()) && error.contains(&place.path().display().to_string()),
            "{error}"
        );
        assert!(!depot.has(&name("text")).unwrap(), "the next writer writes it anew");
    }
    for damage in ["texd", "tex", "texts"] {
        fs::write(&stored, damage).unwrap();
        let error = depot.pour(&blob("text"), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains(&blob("text").digest.hex()), "{error}");
        assert!(!depot.pour(&blob("text"), &mut Vec::new()).unwrap(), "what is damaged does not stay");
    }
    put(&depot, "text");
    assert!(is_whole(&depot, "text"));
}

#[test]
fn what_is_planted_in_it_leads_nowhere() {
    let place = tempfile::tempdir().unwrap();
    let (inside, outside) = (place.path().join("depot"), place.path().join("outside"));
    let depot = DirDepot::new(&inside);
    put(&depot, "text");
    let (document, stored) = (inside.join("record"), inside.join("blobs/sha256").join(blob("text").digest.hex()));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "text").unwrap();
    fs::remove_file(&stored).unwrap();
    symlink(outside.join("secret"), &stored).unwrap();
    assert!(!depot.pour(&blob("text"), &mut Vec::new()).unwrap_or(false), "a link is no way out");
    fs::remove_file(&stored).unwrap();
    assert!(Command::new("mkfifo").arg(&stored).status().unwrap().success());
    let error = depot.pour(&blob("text"), &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains(&blob("text").digest.hex()), "{error}");
    put(&depot, "text");
    assert!(is_whole(&depot, "text"), "a writer puts the blob where the pipe was");
    fs::remove_dir_all(&document).unwrap();
    symlink(&outside, &document).unwrap();
    drop(depot.put_document(&name("other"), b"other", &[]));
    drop(depot.trim(0));
    let left: Vec<PathBuf> = files(&outside);
    assert_eq!(left, [outside.join("secret")], "nothing is written or removed outside");
}

#[test]
fn a_directory_that_takes_nothing_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let error = DirDepot::new(file.join("depot")).put_document(&name("text"), b"text", &[]).unwrap_err().to_string();
    assert!(error.contains(&file.display().to_string()) && error.contains(&name("text").to_string()), "{error}");
    if !Path::new("/dev/full").exists() || fs::create_dir("/proc/rbuild").is_ok() {
        eprintln!("SKIP: no directory here that takes nothing");
        return;
    }
    let error = DirDepot::new("/sys/rbuild").put_document(&name("text"), b"text", &[]).unwrap_err();
    assert!(matches!(error, Error::Away { .. }), "{error}: what stands in the way of one write does of all");
}

#[test]
fn a_full_disk_is_named_and_holds_nothing_half_written() {
    let test = "a_full_disk_is_named_and_holds_nothing_half_written";
    if let Some(place) = std::env::var_os("DIR_DEPOT_FULL") {
        return fill(&PathBuf::from(place));
    }
    let place = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=256k none \"$DIR_DEPOT_FULL\"";
    let unshare = |command: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["-rm", "sh", "-c", command]).env("DIR_DEPOT_FULL", place.path());
        unshare.env("OWN", std::env::current_exe().unwrap()).status()
    };
    if !unshare(mount).is_ok_and(|status| status.success()) {
        eprintln!("SKIP: no file system of its own can be mounted here");
        return;
    }
    assert!(unshare(&format!("{mount} && \"$OWN\" --exact {test}")).unwrap().success());
}

fn fill(place: &Path) {
    let depot = DirDepot::new(place);
    put(&depot, "text");
    let large = "x".repeat(1 << 20);
    let open = || Ok(Box::new(Cursor::new(large.clone())) as Box<dyn Read + Send>);
    let error = depot.put(&blob(&large), &open).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Away { .. }) && text.contains(&place.display().to_string()), "{text}");
    assert!(!depot.pour(&blob(&large), &mut Vec::new()).unwrap());
    assert_eq!(fs::read_dir(place.join("tmp")).unwrap().count(), 0);
    assert!(is_whole(&depot, "text"));
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let place = tempfile::tempdir().unwrap();
    let depot = DirDepot::new(place.path());
    assert_eq!(depot.trim(0).unwrap(), rbuild_records::depot::Trimmed::default());
    let texts = ["oldest", "older", "read", "shared", "young"];
    for text in texts {
        put(&depot, text);
    }
    depot.put_document(&name("shares"), b"shares", &[blob("shared")]).unwrap();
    let lonely = blob("named by none");
    depot.put(&lonely, &|| Ok(Box::new(Cursor::new("named by none")))).unwrap();
    for path in files(place.path()) {
        age(&path, 2);
    }
    let record = |text: &str| {
        let hex = Digest::of(text.as_bytes()).hex();
        place.path().join("record").join(&hex[..2]).join(hex)
    };
    age(&record("oldest"), 50);
    age(&record("older"), 40);
    age(&record("read"), 60);
    age(&record("shares"), 30);
    depot.document(&name("read")).unwrap();
    put(&depot, "young");
    fs::write(place.path().join("tmp/left-behind"), "").unwrap();
    age(&place.path().join("tmp/left-behind"), 2);
    let whole = depot.trim(u64::MAX).unwrap();
    assert_eq!((whole.documents, whole.blobs, whole.freed), (0, 1, lonely.size));
    assert!(fs::read_dir(place.path().join("tmp")).unwrap().next().is_none());
    let first = depot.trim(whole.left - 1).unwrap();
    assert_eq!((first.documents, first.blobs), (1, 1));
    assert!(!depot.has(&name("oldest")).unwrap() && depot.has(&name("older")).unwrap());
    let second = depot.trim(first.left - 200).unwrap();
    assert_eq!((second.documents, second.blobs), (2, 1), "the blob that another document names stays");
    assert!(depot.pour(&blob("shared"), &mut Vec::new()).unwrap() && !depot.has(&name("shares")).unwrap());
    let last = depot.trim(0).unwrap();
    assert_eq!((last.documents, last.blobs), (1, 1));
    for text in texts {
        assert_eq!(depot.has(&name(text)).unwrap(), text == "read" || text == "young", "{text}");
    }
    assert!(is_whole(&depot, "young"));
    assert_eq!(last.left, files(place.path()).iter().map(|path| path.metadata().unwrap().len()).sum::<u64>());
}
