//! Which steps run, how often, and which at the same time.

use crate::common::context;
use crate::world::{World, Writes, shell};
use rbuild_runner::Exit;
use rbuild_runner::testing::Scripted;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Waits until `number` have come here; fails after a while.
#[derive(Clone, Default)]
struct Meeting(Arc<(Mutex<usize>, Condvar)>);

impl Meeting {
    fn of(&self, number: usize) -> io::Result<()> {
        let mut here = self.0.0.lock().unwrap();
        *here += 1;
        self.0.1.notify_all();
        let (_here, late) = self.0.1.wait_timeout_while(here, Duration::from_secs(10), |here| *here < number).unwrap();
        if late.timed_out() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

#[test]
fn two_stages_run_at_the_same_time() {
    let dockerfile = "FROM scratch AS a\nRUN left\nFROM scratch AS b\nRUN right\nFROM scratch\n\
                      COPY --from=a /x /a\nCOPY --from=b /x /b\n";
    let context = context(&[("Dockerfile", dockerfile)]);
    let meeting = Meeting::default();
    let program = |meeting: Meeting| {
        move |_: &_, root: &std::path::Path, _: &mut dyn rbuild_runner::Output| {
            meeting.of(2)?;
            std::fs::write(root.join("x"), "x")?;
            Ok(Exit::Code(0))
        }
    };
    let executor =
        Scripted::new().on(&shell("left"), program(meeting.clone())).on(&shell("right"), program(meeting.clone()));
    let world = World::new();
    let report = world.build(&context, &executor, &[]);
    assert_eq!(world.read(&report, "b").as_deref(), Some("x"));
}

#[test]
fn the_same_step_of_two_stages_runs_once() {
    let dockerfile = "FROM scratch AS a\nRUN make\nRUN left\nFROM scratch AS b\nRUN make\nRUN right\nFROM scratch\n\
                      COPY --from=a /l /l\nCOPY --from=b /r /r\n";
    let context = context(&[("Dockerfile", dockerfile)]);
    let executor = Scripted::new()
        .on(&shell("make"), |_, root, _| {
            std::thread::sleep(Duration::from_millis(50));
            std::fs::write(root.join("made"), "m").map(|()| Exit::Code(0))
        })
        .writes("left", "l", "l")
        .writes("right", "r", "r");
    World::new().build(&context, &executor, &[]);
    let ran = executor.ran();
    assert_eq!(ran.iter().filter(|line| line.ends_with(" make")).count(), 1, "{ran:?}");
    assert_eq!(ran.len(), 3);
}

#[test]
fn a_stage_that_nobody_needs_never_runs() {
    let dockerfile = "FROM scratch AS unused\nRUN boom\nFROM scratch AS test\nRUN boom\nFROM scratch\nRUN make\n";
    let context = context(&[("Dockerfile", dockerfile)]);
    let executor = Scripted::new().writes("make", "made", "m").fails("boom");
    World::new().build(&context, &executor, &[]);
    assert_eq!(executor.ran(), [shell("make")]);
    let (error, _) = World::new().attempt(&context, &executor, &["--target", "test"]).unwrap_err();
    assert!(error.to_string().contains("exit code: 7"), "{error}");
    assert_eq!(executor.ran(), [shell("make"), shell("boom")]);
}

#[test]
fn a_wide_graph_is_walked_within_its_jobs() {
    for jobs in [1, 5] {
        walk_wide(jobs);
    }
}

fn walk_wide(jobs: usize) {
    let stages: String = (0..40).map(|at| format!("FROM scratch AS s{at}\nENV N={at}\nRUN make\n")).collect();
    let copies: String = (0..40).map(|at| format!("COPY --from=s{at} /made /{at}\n")).collect();
    let context = context(&[("Dockerfile", &format!("{stages}FROM scratch\n{copies}"))]);
    let busy = Arc::new(Mutex::new((0, 0)));
    let counter = busy.clone();
    let executor = Scripted::new().on(&shell("make"), move |_, root, _| {
        {
            let mut busy = counter.lock().unwrap();
            busy.0 += 1;
            busy.1 = busy.1.max(busy.0);
        }
        std::thread::sleep(Duration::from_millis(5));
        std::fs::write(root.join("made"), "m")?;
        counter.lock().unwrap().0 -= 1;
        Ok(Exit::Code(0))
    });
    World::new().build(&context, &executor, &["--jobs", &jobs.to_string()]);
    assert_eq!(executor.ran().len(), 40);
    let (left, most) = *busy.lock().unwrap();
    assert!(left == 0 && (1..=jobs).contains(&most), "{most} at once, {jobs} allowed");
}
