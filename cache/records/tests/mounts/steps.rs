//! What goes up and down when little changed, counted.

use crate::world::{ID, MOST, Machine, Witness, noise, tree};
use rbuild_records::depot::{Guarded, MemoryDepot, Patience};
use rbuild_records::mounts::{Offer, Stock};
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// 10,000 files of 20 kB: 200 MB.
fn filled() -> Machine {
    let machine = Machine::new();
    for number in 0..10_000 {
        machine.write(&format!("{:02}/{number}", number % 100), noise(20_000, number));
    }
    machine
}

#[test]
fn a_small_change_in_a_large_mount_moves_little() {
    let (here, there, depot) = (filled(), Machine::new(), Witness::default());
    let all = here.carry(&depot, 1);
    assert_eq!((all.pieces, all.bytes > 200_000_000), (all.of, true), "{all:?}");
    let (pieces, bytes) = there.bring(&depot);
    assert_eq!((pieces, bytes), (all.pieces, all.bytes));

    let file = std::fs::File::options().write(true).open(here.mount().join("42/4242")).unwrap();
    file.write_all_at(&noise(4096, 99), 8000).unwrap();
    depot.take_asked();
    let sent = here.carry(&depot, 2);
    assert!((1..3).contains(&sent.pieces) && sent.bytes < 9 << 20, "{sent:?}");
    let asked = depot.take_asked();
    assert_eq!(asked.iter().filter(|what| *what == "put").count(), sent.pieces, "the others are not even asked for");
    let (pieces, bytes) = there.forward(&depot).unwrap();
    assert_eq!((pieces, bytes), (sent.pieces, sent.bytes));
    assert_eq!(tree(&there.mount()), tree(&here.mount()));
    eprintln!("first: {all:?}; 4 KiB changed: {sent:?}");

    here.write("07/new", noise(3000, 7));
    std::fs::remove_file(here.mount().join("93/93")).unwrap();
    let sent = here.carry(&depot, 3);
    assert!(sent.pieces <= 6, "{sent:?}");
    assert_eq!(there.forward(&depot).unwrap().0, sent.pieces);
    assert_eq!(tree(&there.mount()), tree(&here.mount()));
    eprintln!("one added, one removed: {sent:?}");
}

#[test]
fn what_did_not_change_costs_one_question() {
    let (here, there, depot) = (Machine::new(), Machine::new(), Witness::default());
    here.write("f", noise(1000, 1));
    here.carry(&depot, 1);
    depot.take_asked();
    assert!(matches!(here.stock(&depot, 2).unwrap(), Stock::Unchanged));
    assert_eq!(depot.take_asked(), ["has"]);
    there.bring(&depot);
    depot.take_asked();
    assert!(matches!(there.stock(&depot, 2).unwrap(), Stock::Unchanged), "what was brought is known, too");
    assert_eq!(depot.take_asked(), ["has"]);
    assert_eq!(there.forward(&depot), None);
    assert_eq!(depot.take_asked(), ["document"]);
}

#[test]
fn what_a_guarded_depot_did_not_take_is_not_noted_as_carried() {
    let (here, depot, said) = (Machine::new(), Arc::new(Witness::default()), Arc::new(Mutex::new(String::new())));
    let words = said.clone();
    let guarded = Guarded::new(depot.clone(), Patience::default(), move |text| words.lock().unwrap().push_str(text));
    here.write("f", "one");
    assert!(here.carry(&guarded, 1).is_there);
    here.write("f", "two");
    depot.is_full.store(true, Ordering::Relaxed);
    assert!(!here.carry(&guarded, 2).is_there);
    assert!(said.lock().unwrap().contains("it is full"));
    depot.is_full.store(false, Ordering::Relaxed);
    assert_eq!(here.carry(&guarded, 3).pieces, 1);
    let there = Machine::new();
    there.bring(&*depot);
    assert_eq!(there.read("f"), "two");
}

#[test]
fn another_depot_gets_all_of_it() {
    let (here, one, two) = (Machine::new(), Witness::default(), MemoryDepot::default());
    here.write("f", noise(1000, 1));
    here.carry(&one, 1);
    assert_eq!(here.carry(&two, 2).pieces, 1);
}

#[test]
fn what_was_touched_here_stays_and_what_is_older_is_not_taken() {
    let (here, there, depot) = (Machine::new(), Machine::new(), MemoryDepot::default());
    here.write("f", "one");
    here.carry(&depot, 10);
    there.bring(&depot);
    there.write("g", "mine");
    here.write("f", "two");
    here.carry(&depot, 20);
    assert_eq!(there.forward(&depot), None);
    assert_eq!((there.read("f"), there.read("g")), ("one".to_owned(), "mine".to_owned()));

    let older = Machine::new();
    older.write("f", "old");
    older.carry(&depot, 5);
    assert_eq!(here.forward(&depot), None);
    assert_eq!(here.read("f"), "two");
}

#[test]
fn an_empty_directory_that_never_travelled_is_filled() {
    let (here, there, depot) = (Machine::new(), Machine::new(), MemoryDepot::default());
    here.write("f", "one");
    here.carry(&depot, 1);
    there.made();
    assert!(there.forward(&depot).is_some());
    assert_eq!(there.read("f"), "one");
    std::fs::remove_file(there.mount().join("f")).unwrap();
    assert_eq!(there.forward(&depot), None, "one that was emptied on purpose stays so");
}

#[test]
fn a_depot_that_lost_a_piece_gets_it_again() {
    let (here, there, depot) = (Machine::new(), Machine::new(), Witness::default());
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
    let write = |machine: &Machine| {
        machine.write("f", noise(9_000_000, 1));
        std::fs::File::open(machine.mount().join("f")).unwrap().set_modified(then).unwrap();
    };
    write(&here);
    here.carry(&depot, 1);
    let lost = Offer::of(&depot, ID, MOST).unwrap().unwrap().manifest().pieces[1].blob.digest;
    depot.lost.lock().unwrap().insert(lost);
    let error = there.try_bring(&depot).unwrap_err().to_string();
    assert!(error.contains(&lost.to_string()) && error.contains("witness"), "{error}");
    assert_eq!(there.left_over(), 0);
    write(&there);
    assert_eq!(there.carry(&depot, 2).pieces, 1);
    Machine::new().bring(&depot);
}

#[test]
fn once_a_day_every_piece_is_asked_for() {
    const DAY: i64 = 24 * 60 * 60;
    let (here, other, depot) = (Machine::new(), Machine::new(), Witness::default());
    here.write("f", noise(9_000_000, 1));
    here.carry(&depot, 0);
    let pieces = Offer::of(&depot, ID, MOST).unwrap().unwrap().manifest().pieces.clone();
    let lose = || depot.lost.lock().unwrap().insert(pieces[1].blob.digest);

    lose();
    assert!(matches!(here.stock(&depot, DAY - 1).unwrap(), Stock::Unchanged));
    assert_eq!(here.carry(&depot, DAY).pieces, 1, "nobody touched it, and the depot has it whole again");
    lose();
    here.write("a", "small");
    assert!(here.carry(&depot, DAY + 1).pieces > 0);
    assert!(other.try_bring(&depot).is_err(), "the pieces that are known are not asked for that day");
    here.write("a", "other");
    here.carry(&depot, 2 * DAY);
    other.bring(&depot);
    assert_eq!(other.read("a"), "other");

    other.write("a", "others");
    other.carry(&depot, 4 * DAY);
    assert!(matches!(here.stock(&depot, 9 * DAY).unwrap(), Stock::Unchanged), "what others carried since stays");
}
