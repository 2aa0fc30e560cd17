//! Builds and prunes at once, and prunes that are killed: nothing that is needed is lost, and everything goes on working.

use crate::common::{Random, context, fsck};
use crate::tool::{EPOCH, Tool, Who};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What removes, in turn.
const PRUNES: [&[&str]; 6] = [
    &["builder", "prune", "-f"],
    &["image", "prune", "-f"],
    &["builder", "prune", "-a", "-f"],
    &["system", "prune", "-f"],
    &["builder", "prune", "-f", "--keep-storage", "100kB"],
    &["builder", "prune", "--dry-run", "-v"],
];

const SHARED: &str = "FROM busybox AS a\nCOPY file /file\nRUN cat /file /file > /twice\nRUN rm /file && echo $$ > /pid\n\
                      FROM busybox\nCOPY --from=a /twice /\n";

/// Builds until told to stop, each time one of some images; how often.
fn build(tool: &Tool, context: &Path, number: usize, stop: &AtomicBool) -> usize {
    let id = tool.path(&format!("home/id.{number}")).display().to_string();
    let (mut rounds, tag) = (0, format!("app:{number}"));
    while !stop.load(Ordering::Relaxed) {
        let file = context.join(format!("Dockerfile.{number}.{}", rounds % 3));
        let word = rounds % 3;
        std::fs::write(&file, format!("{SHARED}RUN echo {number} {word} > /end\n")).unwrap();
        let args = ["-f", file.to_str().unwrap(), "-t", &tag, "--build-arg", EPOCH, "--iidfile", &id];
        let mut command = tool.command_with_id(context, &args);
        // Half of them keep the build cache within next to nothing.
        if number.is_multiple_of(2) {
            command.env("RBUILD_KEEP_STORAGE", "64k");
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "builder {number}, round {rounds}: {said}");
        assert!(!said.contains("is not kept within its limit"), "builder {number}, round {rounds}: {said}");
        rounds += 1;
    }
    rounds
}

fn race(who: Who, time: Duration) {
    let (tool, context, stop) = (Tool::new(who), context(&[("file", "text\n")]), AtomicBool::new(false));
    // Beside the others' temporary files, which a user may not write.
    let place = tool.path("home/context");
    std::fs::create_dir(&place).unwrap();
    std::fs::copy(context.path().join("file"), place.join("file")).unwrap();
    tool.build(context_with(&place, SHARED), &["-t", "kept"]);
    let began = Instant::now();
    let (built, pruned) = std::thread::scope(|scope| {
        let builders: Vec<_> = (0..8)
            .map(|number| {
                scope.spawn({
                    let (tool, place, stop) = (&tool, &place, &stop);
                    move || build(tool, place, number, stop)
                })
            })
            .collect();
        let mut pruned = 0;
        while began.elapsed() < time && !builders.iter().any(std::thread::ScopedJoinHandle::is_finished) {
            let output = tool.command(PRUNES[pruned % PRUNES.len()]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if !output.status.success() {
                stop.store(true, Ordering::Relaxed);
            }
            assert!(output.status.success(), "{:?}: {said}", PRUNES[pruned % PRUNES.len()]);
            pruned += 1;
        }
        stop.store(true, Ordering::Relaxed);
        (builders.into_iter().map(|builder| builder.join().unwrap()).collect::<Vec<_>>(), pruned)
    });
    println!("{who:?}: {built:?} builds and {pruned} prunes in {:?}", began.elapsed());
    assert!(pruned > 0 && built.iter().all(|rounds| *rounds > 0), "nothing was tested");
    assert_eq!(fsck::check(&tool.root()).tags, 9);
    for (number, rounds) in built.into_iter().enumerate() {
        let output =
            tool.command(&["run", "--rm", &format!("app:{number}"), "cat", "/end", "/twice"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            text,
            format!("{number} {}\ntext\ntext\n", (rounds - 1) % 3),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn said(tool: &Tool, args: &[&str]) {
    assert!(tool.command(args).output().unwrap().status.success(), "{args:?}");
}

fn context_with<'a>(place: &'a Path, dockerfile: &str) -> &'a Path {
    std::fs::write(place.join("Dockerfile"), dockerfile).unwrap();
    place
}

#[test]
fn eight_builders_and_a_prune_that_goes_on_and_on() {
    race(Who::Caller, Duration::from_secs(6));
}

#[test]
#[ignore = "takes four minutes; .ci/full runs it"]
fn eight_builders_and_a_prune_for_two_minutes() {
    for who in Who::all() {
        race(who, Duration::from_mins(2));
    }
}

#[test]
fn a_killed_prune_leaves_a_store_where_everything_works() {
    let context = context(&[("file", "text\n")]);
    let place = context.path();
    for who in Who::all() {
        let (tool, mut random) = (Tool::new(who), Random::new("prune"));
        context_with(place, &format!("{SHARED}RUN echo kept > /end\n"));
        let kept = tool.build(place, &["-t", "kept", "--build-arg", EPOCH]).id;
        let began = Instant::now();
        said(&tool, &["image", "prune", "-f"]);
        let whole = began.elapsed();
        let (mut killed, mut late) = (0, 0);
        for round in 0..24 {
            context_with(
                place,
                &format!("{SHARED}RUN echo {round} > /end && dd if=/dev/zero of=/more bs=64k count=8\n"),
            );
            tool.build(place, &["-t", "other", "--build-arg", EPOCH]);
            let prune =
                [&["image", "prune", "-a", "-f"][..], &["system", "prune", "-f"], &["builder", "prune", "-a", "-f"]];
            let mut child = tool.command(prune[round % 3]).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(random.below(2 * whole.as_micros() as u64)));
            child.kill().unwrap();
            if child.wait().unwrap().success() {
                late += 1;
            } else {
                killed += 1;
            }
            // Inside its namespace it may go on for a moment.
            assert_eq!(tool.traces(), Vec::<String>::new(), "after a kill");
            fsck::check(&tool.root());
        }
        tool.age_leftovers();
        said(&tool, &["system", "prune", "-a", "-f"]);
        assert_eq!((fsck::check(&tool.root()).tags, tool.leftovers()), (0, Vec::new()));
        context_with(place, &format!("{SHARED}RUN echo kept > /end\n"));
        assert_eq!(tool.build(place, &["-t", "kept", "--build-arg", EPOCH]).id, kept);
        println!("{who:?}: {killed} prunes killed, {late} were done before");
    }
}
