//! What a mount may hold, and that it is the same on the other side.

use crate::world::{Machine, mode, noise, tree};
use rbuild_records::depot::MemoryDepot;
use rbuild_records::mounts::Stock;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};

#[test]
fn odd_things_arrive_as_they_were() {
    let (here, there, depot) = (Machine::new(), Machine::new(), MemoryDepot::default());
    let top = here.made();
    here.write("plain", "text");
    std::fs::hard_link(top.join("plain"), top.join("another name")).unwrap();
    symlink("/etc/passwd", top.join("link")).unwrap();
    symlink("nowhere", top.join("dangling")).unwrap();
    let sparse = std::fs::File::create(top.join("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    sparse.write_all_at(b"in the middle", 33 << 20).unwrap();
    std::fs::write(top.join(OsStr::from_bytes(b"-rf \xff\n\"")), "odd").unwrap();
    std::fs::write(top.join("x".repeat(255)), "long").unwrap();
    here.write("suid", "");
    std::fs::set_permissions(top.join("suid"), PermissionsExt::from_mode(0o4711)).unwrap();
    here.write("d/e/f", noise(300_000, 1));
    std::fs::set_permissions(top.join("d"), PermissionsExt::from_mode(0o1777)).unwrap();
    std::fs::create_dir(top.join("empty")).unwrap();
    let (node, pipe) = (rustix::fs::FileType::Fifo, top.join("pipe"));
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, node, rustix::fs::Mode::from_raw_mode(0o600), 0).unwrap();
    std::fs::set_permissions(&top, PermissionsExt::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(top.join("d/e/f"), Some(1234), Some(70_000)).unwrap();
    }
    let sent = here.carry(&depot, 1);
    assert!(sent.pieces < sent.of, "the zeros go once: {sent:?}");
    there.bring(&depot);
    assert_eq!(tree(&there.mount()), tree(&top));
    assert_eq!(mode(&there.mount()), 0o700);
}

#[test]
fn deep_trees_and_many_files_arrive() {
    let (here, there, depot) = (Machine::new(), Machine::new(), MemoryDepot::default());
    let deep = "d/".repeat(900);
    here.write(&format!("{deep}f"), "at the bottom");
    for number in 0..20_000 {
        here.write(&format!("many/{:03}/{number}", number % 200), format!("file {number}"));
    }
    here.carry(&depot, 1);
    there.bring(&depot);
    assert_eq!(tree(&there.mount()), tree(&here.mount()));
}

#[test]
fn what_cannot_travel_stays_behind_and_is_named() {
    let (here, there, depot) = (Machine::new(), Machine::new(), MemoryDepot::default());
    here.write("f", "x");
    here.write(".wh.gone/inside", "x");
    std::fs::hard_link(here.mount().join(".wh.gone/inside"), here.mount().join("its other name")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(here.mount().join("s")).unwrap();
    let Stock::Ready(load) = here.stock(&depot, 1).unwrap() else { panic!("nothing to send") };
    let notes = load.notes.join("\n");
    for name in ["/.wh.gone ", "/.wh.gone/inside ", "/its other name ", "/s "] {
        assert!(notes.contains(name), "{name} in {notes}");
    }
    load.send(&here.ground(), &depot).unwrap();
    there.bring(&depot);
    assert_eq!(tree(&there.mount()).into_keys().collect::<Vec<_>>(), [b"f".to_vec()]);
}

#[test]
fn a_mount_that_is_empty_or_too_large_does_not_travel() {
    let (here, depot) = (Machine::new(), MemoryDepot::default());
    here.made();
    assert!(matches!(here.stock(&depot, 1).unwrap(), Stock::Empty));
    let file = std::fs::File::create(here.mount().join("f")).unwrap();
    file.set_len(2 << 30).unwrap();
    match here.stock(&depot, 1).unwrap() {
        Stock::TooLarge(size) => assert!(size > 2 << 30, "{size}"),
        other => panic!("{other:?}"),
    }
}
