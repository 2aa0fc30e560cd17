//! Many builders at once on one store, killed at random: in the end every tag is right and the store is whole.
//! `RBUILD_TEST_SOAK` says for how many seconds (180).

use crate::common::{Random, context, fsck};
use crate::tool::{EPOCH, Tool, Who};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Processes that build at once.
const BUILDERS: usize = 8;

/// What each build is told besides: the cache below `place` that all share.
fn remote(place: &Path) -> Vec<String> {
    let cache = place.join("cache").display().to_string();
    let (to, from) = (format!("type=local,dest={cache},mode=max"), format!("type=local,src={cache}"));
    ["--cache-to", &to, "--cache-from", &from].map(str::to_owned).into()
}

/// The steps that all builders share, a line that only some do, and their own.
fn dockerfile(number: usize, word: u64) -> String {
    format!(
        "FROM busybox AS a\nCOPY file /file\nRUN cat /file /file > /twice\nRUN echo {} > /some\n\
         FROM busybox\nCOPY --from=a /twice /some /\nRUN echo {number} {word} > /end\nRUN cat /end /some > /all\n",
        word % 3
    )
}

/// What a builder did.
#[derive(Clone, Debug, Default)]
struct Did {
    built: usize,
    killed: usize,
    /// What its image may say: the word of the last build that succeeded, and of those that were killed since, maybe once
    /// their tag was set.
    words: Vec<u64>,
}

impl Did {
    fn build(&mut self, word: u64) {
        (self.built, self.words) = (self.built + 1, vec![word]);
    }

    fn kill(&mut self, word: u64) {
        self.killed += 1;
        self.words.push(word);
    }
}

/// Builds until the time is over, each time one of some images; every third process is killed with all it started, at
/// any moment.
fn builder(tool: &Tool, place: &Path, (number, until): (usize, Instant), usual: &AtomicUsize) -> Did {
    let (mut random, mut did) = (Random::new(&format!("builder {number}")), Did::default());
    let (file, tag) = (place.join(format!("Dockerfile.{number}")), format!("app:{number}"));
    let id = tool.path(&format!("home/id.{number}")).display().to_string();
    let remote = remote(place);
    let mut args = vec!["-f", file.to_str().unwrap(), "-t", &tag, "--build-arg", EPOCH, "--iidfile", &id];
    args.extend(remote.iter().map(String::as_str));
    while Instant::now() < until || did.built == 0 {
        let word = random.below(6);
        std::fs::write(&file, dockerfile(number, word)).unwrap();
        let mut command = tool.command_with_id(place, &args);
        let began = Instant::now();
        let mut child = command.process_group(0).spawn().unwrap();
        if random.below(3) == 0 {
            let most = usual.load(Ordering::Relaxed).max(10_000) as u64;
            std::thread::sleep(Duration::from_micros(random.below(most * 3 / 2)));
            let group = rustix::process::Pid::from_child(&child);
            // That it is gone already is no failure.
            _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            if child.wait().unwrap().success() {
                did.build(word);
            } else {
                did.kill(word);
            }
            continue;
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "builder {number}: {}", String::from_utf8_lossy(&output.stderr));
        usual.store(began.elapsed().as_micros() as usize, Ordering::Relaxed);
        did.build(word);
    }
    did
}

/// Everything for so long.
fn soak(who: Who, time: Duration) {
    let (tool, context, usual) = (Tool::new(who), context(&[("file", "text\n")]), AtomicUsize::new(1_000_000));
    // Beside the others' temporary files, which a user may not write.
    let place = tool.path("home/context");
    std::fs::create_dir(&place).unwrap();
    std::fs::copy(context.path().join("file"), place.join("file")).unwrap();
    let until = Instant::now() + time;
    let did: Vec<Did> = std::thread::scope(|scope| {
        let (tool, place, usual) = (&tool, &*place, &usual);
        let builders: Vec<_> =
            (0..BUILDERS).map(|number| scope.spawn(move || builder(tool, place, (number, until), usual))).collect();
        builders.into_iter().map(|builder| builder.join().unwrap()).collect()
    });
    println!("{who:?}: {did:?}");
    assert!(did.iter().map(|did| did.killed).sum::<usize>() > 0, "nobody was killed");
    assert_eq!(tool.traces(), Vec::<String>::new(), "after the kills");
    for (number, Did { words, .. }) in did.into_iter().enumerate() {
        let name = format!("app:{number}");
        let output = tool.command(&["run", "--rm", &name, "cat", "/all", "/twice"]).output().unwrap();
        let expected: Vec<String> =
            words.iter().map(|word| format!("{number} {word}\n{}\ntext\ntext\n", word % 3)).collect();
        let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(expected.iter().any(|expected| *expected == said), "{name}: {said}{log}, not one of {expected:?}");
    }
    let output = tool.command(&["fsck"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    println!("{said}");
    assert_eq!(fsck::check(&tool.root()).tags, BUILDERS);
}

#[test]
fn eight_builders_that_are_killed_leave_a_whole_store() {
    soak(Who::Caller, Duration::from_secs(6));
}

#[test]
#[ignore = "takes minutes; .ci/full runs it"]
fn eight_builders_that_are_killed_for_minutes_leave_a_whole_store() {
    let seconds = std::env::var("RBUILD_TEST_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(180);
    for who in Who::all() {
        soak(who, Duration::from_secs(seconds));
    }
}
