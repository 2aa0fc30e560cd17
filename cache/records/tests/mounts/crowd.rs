//! Several at once, and some that are killed.

use crate::world::{Machine, noise, tree};
use rbuild_records::depot::MemoryDepot;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn of_several_writers_one_wins_whole() {
    let depot = &MemoryDepot::default();
    let machines: Vec<Machine> = (0..4).map(|_| Machine::new()).collect();
    for (number, machine) in machines.iter().enumerate() {
        machine.write("common", noise(6_000_000, 1));
        machine.write("own", noise(3_000_000, 10 + number as u64));
    }
    std::thread::scope(|scope| {
        for (number, machine) in machines.iter().enumerate() {
            scope.spawn(move || machine.carry(depot, number as i64));
        }
    });
    let there = Machine::new();
    there.bring(depot);
    let own = std::fs::read(there.mount().join("own")).unwrap();
    assert!((0..4).any(|number| own == noise(3_000_000, 10 + number)), "it is what one of them wrote");
    assert_eq!(std::fs::read(there.mount().join("common")).unwrap(), noise(6_000_000, 1));
}

#[test]
fn of_several_who_bring_one_settles() {
    let (here, there, depot) = (Machine::new(), Machine::new(), MemoryDepot::default());
    here.write("f", noise(3_000_000, 1));
    here.carry(&depot, 1);
    let settled = std::thread::scope(|scope| {
        let bring = || {
            let arrived = there.try_bring(&depot).unwrap().unwrap();
            arrived.settle(&there.ground(), &there.mount())
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(bring)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(settled.iter().any(|done| matches!(done, Ok(true))), "{settled:?}");
    assert_eq!(tree(&there.mount()), tree(&here.mount()));
    assert_eq!(there.left_over(), 0);
}

/// The content of the mount of which a half must never be seen, with the same times in every process.
fn content() -> (Machine, MemoryDepot) {
    let (here, depot) = (Machine::new(), MemoryDepot::default());
    for number in 0..300 {
        here.write(&format!("{}/{number}", number % 7), noise(10_000, number));
    }
    let then = std::time::UNIX_EPOCH + Duration::from_secs(1);
    let directories = std::fs::read_dir(here.mount()).unwrap().map(|entry| entry.unwrap().path());
    for directory in directories {
        for file in std::fs::read_dir(&directory).unwrap() {
            std::fs::File::open(file.unwrap().path()).unwrap().set_modified(then).unwrap();
        }
        std::fs::File::open(directory).unwrap().set_modified(then).unwrap();
    }
    here.carry(&depot, 1);
    (here, depot)
}

const PLACE: &str = "RBUILD_TEST_MOUNTS_PLACE";

/// Not a test by itself: brings a mount again and again, until it is killed.
#[test]
fn brings_until_it_is_killed() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let (_here, depot) = content();
    let mut there = Machine::new();
    there.store = rbuild_store::Store::open(Path::new(&place)).unwrap();
    loop {
        let began = Instant::now();
        there.bring(&depot);
        // Its place is full for as long as it is empty, and who waits knows how long that is.
        println!("{} ready", began.elapsed().as_millis());
        std::thread::sleep(began.elapsed());
        drop(there.store.discard(&there.mount()).unwrap());
    }
}

#[test]
fn who_is_killed_leaves_no_half_of_a_mount() {
    let (here, depot) = content();
    let expected = tree(&here.mount());
    let mut there = Machine::new();
    let place = there.place.path().join("killed");
    there.store = rbuild_store::Store::open(&place).unwrap();
    let (mut whole, mut absent) = (0, 0);
    for round in 0..200 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crowd::brings_until_it_is_killed", "--nocapture"])
            .env(PLACE, &place)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        let took: u64 = lines
            .find_map(|line| line.unwrap().strip_suffix(" ready").map(|line| line.rsplit(' ').next().unwrap().parse()))
            .unwrap()
            .unwrap();
        std::thread::sleep(Duration::from_millis(took * (round % 12) / 6));
        child.kill().unwrap();
        child.wait().unwrap();
        if there.mount().exists() {
            whole += 1;
            assert!(tree(&there.mount()) == expected, "round {round}");
            drop(there.store.discard(&there.mount()).unwrap());
        } else {
            absent += 1;
        }
        if whole.min(absent) >= 6 {
            break;
        }
    }
    eprintln!("killed: {whole} times whole, {absent} times absent");
    assert!(whole.min(absent) > 0, "{whole} times whole, {absent} times absent");
    there.bring(&depot);
    assert_eq!(tree(&there.mount()), expected);
}
