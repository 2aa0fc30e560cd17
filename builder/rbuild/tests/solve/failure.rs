//! Failures: the first one counts, siblings stop, nothing half-done stays, and a stop that is asked for comes at once.

use crate::common::context;
use crate::world::{Told, World, Writes, shell};
use rbuild::error::Error;
use rbuild_oci::Cancel;
use rbuild_records::testing::FailingBackend;
use rbuild_records::{CacheBackend, CacheKey, Record};
use rbuild_runner::Exit;
use rbuild_runner::testing::Scripted;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const NONE: Vec<PathBuf> = Vec::new();

/// A program that waits until it is asked to stop.
fn waits(
    cancel: &Cancel,
) -> impl Fn(&rbuild_runner::Container, &std::path::Path, &mut dyn rbuild_runner::Output) -> std::io::Result<Exit> + use<>
{
    let cancel = cancel.clone();
    move |_, _, _| {
        let began = Instant::now();
        while !cancel.is_canceled() {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody stopped it");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Exit::Code(0))
    }
}

#[test]
fn the_first_failure_stops_its_siblings_and_is_what_is_told() {
    let dockerfile = "FROM scratch AS a\nRUN wait\nFROM scratch AS b\nRUN boom\nRUN after\nFROM scratch\n\
                      COPY --from=a /x /a\nCOPY --from=b /x /b\n";
    let context = context(&[("Dockerfile", dockerfile)]);
    let world = World::new();
    let executor = Scripted::new().on(&shell("wait"), waits(&world.cancel)).fails("boom").writes("after", "x", "x");
    let (error, told) = world.attempt(&context, &executor, &[]).unwrap_err();
    let Error::At { step, span, source, .. } = &error else { panic!("{error:?}") };
    assert!(step.ends_with("RUN boom"), "{step}");
    assert_eq!(&dockerfile[span.start as usize..span.end as usize], "RUN boom");
    let Error::Command { code: 7, tail, .. } = &**source else { panic!("{source:?}") };
    assert_eq!(tail, &["it went wrong"]);
    assert!(!told.started.contains(&"RUN after".to_owned()));
    assert_eq!((world.leftovers(), world.blob_count()), (NONE, 0));
}

#[test]
fn a_step_that_cannot_run_here_is_refused_before_any_other_runs() {
    let dockerfile = "FROM scratch AS a\nRUN make\nFROM --platform=$BUILDPLATFORM scratch\nCOPY --from=a /made /\n";
    let context = context(&[("Dockerfile", dockerfile)]);
    let executor = Scripted::new().writes("make", "made", "m").not_for("linux/s390x".parse().unwrap());
    let mut world = World::new();
    let (error, told) = world.attempt(&context, &executor, &["--platform", "local,linux/s390x"]).unwrap_err();
    assert!(matches!(&error, Error::At { step, .. } if step == "[linux/s390x a 1/1] RUN make"), "{error:?}");
    assert!(error.to_string().contains("programs of linux/s390x do not run"), "{error}");
    assert_eq!((executor.ran(), told), (Vec::new(), Told::default()));
    let able = Scripted::new().writes("make", "made", "m");
    world.again();
    world.build(&context, &able, &["--platform", "linux/s390x"]);
    world.build(&context, &executor, &["--platform", "linux/s390x"]);
    assert_eq!((able.ran().len(), executor.ran().len()), (1, 0), "what is known does not have to run");
}

#[test]
fn what_was_done_before_a_failure_is_kept() {
    let context = context(&[("Dockerfile", "FROM scratch\nRUN make\nRUN boom\n")]);
    let mut world = World::new();
    world.attempt(&context, &Scripted::new().writes("make", "made", "m").fails("boom"), &["-t", "x"]).unwrap_err();
    assert!(world.store.refs().list().unwrap().is_empty(), "a failed build sets no tag");
    world.cancel = Cancel::new();
    let mended = Scripted::new().writes("boom", "boom", "b");
    let report = world.build(&context, &mended, &["-t", "x"]);
    assert_eq!((report.told.cached, report.told.started), (vec!["RUN make".to_owned()], vec!["RUN boom".to_owned()]));
}

#[test]
fn a_program_that_stops_on_request_ends_the_build_as_stopped() {
    let context = context(&[("Dockerfile", "FROM scratch\nRUN wait\n")]);
    let world = World::new();
    let executor = Scripted::new().on(&shell("wait"), waits(&world.cancel));
    let cancel = world.cancel.clone();
    let (error, took) = std::thread::scope(|scope| {
        let stop = scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            let now = Instant::now();
            cancel.cancel();
            now
        });
        let (error, _) = world.attempt(&context, &executor, &[]).unwrap_err();
        (error, stop.join().unwrap().elapsed())
    });
    assert!(error.is_canceled(), "{error:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!((world.leftovers(), world.blob_count()), (NONE, 0));
}

/// When a build is stopped: so long after something was told; after nothing for its very beginning.
struct Stop(&'static str, u64);

/// Stopped while it walks, hashes and packs a context, unpacks it, runs, compares and packs again: it ends within a
/// second and leaves nothing half-done. The files take no room on disk but are read in full.
#[test]
fn every_phase_ends_within_a_second() {
    const SIZE: u64 = 600 << 20;
    let context = context(&[("Dockerfile", "FROM scratch\nCOPY . /\nRUN big\n")]);
    fs::create_dir(context.path().join("small")).unwrap();
    for number in 0..5000 {
        fs::write(context.path().join(format!("small/{number}")), "").unwrap();
    }
    fs::File::create(context.path().join("big")).unwrap().set_len(SIZE).unwrap();
    let program = |_: &_, root: &std::path::Path, _: &mut dyn rbuild_runner::Output| {
        fs::File::create(root.join("bigger"))?.set_len(SIZE)?;
        Ok(Exit::Code(0))
    };
    let stops = [("", 1), ("", 30), ("", 300), ("start COPY", 0), ("start COPY", 100), ("start COPY", 500)];
    let later = [("start RUN", 0), ("start RUN", 30), ("start RUN", 300), ("start RUN", 1000), ("start RUN", 1800)];
    for Stop(when, delay) in stops.into_iter().chain(later).map(|(when, delay)| Stop(when, delay)) {
        let mut world = World::new();
        let (sender, stopped) = std::sync::mpsc::channel();
        let cancel = world.cancel.clone();
        let stop = move || {
            let (cancel, sender) = (cancel.clone(), sender.clone());
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(delay));
                // Nobody may be listening: the build was faster.
                let _ = sender.send(Instant::now());
                cancel.cancel();
            });
        };
        if when.is_empty() {
            stop();
        } else {
            world.hook = std::sync::Arc::new(move |told| told.starts_with(when).then(&stop).unwrap_or_default());
        }
        let result = world.attempt(&context, &Scripted::new().on(&shell("big"), program), &[]);
        let took = stopped.try_recv().map_or(Duration::ZERO, |at| at.elapsed());
        let told = match result {
            Ok(report) => report.told,
            Err((error, told)) => {
                assert!(error.is_canceled(), "{error:?}");
                told
            }
        };
        println!("{delay} ms after {when:?}: {took:?} {:?}", told.started);
        assert!(took < Duration::from_secs(1), "{delay} ms after {when:?} it took {took:?}");
        assert_eq!(world.leftovers(), NONE);
    }
}

#[test]
fn records_that_cannot_be_kept_are_a_clear_error() {
    let context = context(&[("Dockerfile", "FROM scratch\nRUN make\n")]);
    let (mut world, executor) = (World::new(), Scripted::new().writes("make", "made", "m"));
    let mut failing = |cache: &dyn CacheBackend| {
        world.cancel = Cancel::new();
        let (error, _) = world.attempt_with(context.path(), &executor, &[], cache).unwrap_err();
        let file = crate::world::request(context.path(), &[]).dockerfile;
        rbuild::report::with_source(&error, &file.name, &file.bytes).on(rbuild::report::Look::PLAIN)
    };
    let text = failing(&FailingBackend);
    assert!(text.contains("RUN make") && text.contains("failing") && text.contains("read"), "{text}");
    let text = failing(&ReadOnly);
    assert!(text.contains("RUN make") && text.contains("write"), "{text}");
    assert_eq!(world.leftovers(), NONE);
}

/// Has nothing and takes nothing.
struct ReadOnly;

impl CacheBackend for ReadOnly {
    fn name(&self) -> &'static str {
        "read-only"
    }

    fn get(&self, _: &CacheKey) -> rbuild_records::Result<Option<Record>> {
        Ok(None)
    }

    fn put(&self, record: &Record) -> rbuild_records::Result<()> {
        FailingBackend.put(record)
    }
}
