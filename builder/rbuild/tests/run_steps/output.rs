//! What a step writes: live, whole, byte for byte; and what is left running.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use crate::world::for_everyone;

#[test]
fn lines_come_while_the_command_still_runs() {
    for_everyone(|world| {
        let (mut child, _file) = world.steps("RUN echo first; sleep 2; echo second").spawn();
        let shown = BufReader::new(child.stderr.take().unwrap());
        let mut times = Vec::new();
        for line in shown.lines().map(Result::unwrap) {
            if !line.contains("RUN") && (line.ends_with(" first") || line.ends_with(" second")) {
                times.push(Instant::now());
            }
        }
        assert!(child.wait().unwrap().success());
        assert_eq!(times.len(), 2, "as {:?}", world.user);
        assert!(times[1] - times[0] > Duration::from_millis(1500), "as {:?}: {:?}", world.user, times[1] - times[0]);
    });
}

#[test]
fn ten_megabytes_are_kept_whole() {
    for_everyone(|world| {
        let ended = world.steps("RUN dd if=/dev/zero bs=65536 count=160 2>/dev/null | tr '\\0' x; seq 1 100000").ok();
        let expected = [vec![b'x'; 160 * 65_536], (1..=100_000).map(|n| format!("{n}\n")).collect::<String>().into()];
        assert!(ended.logs == [expected.concat()], "{} bytes as {:?}", ended.logs.concat().len(), world.user);
        assert!(ended.shown.contains(" 100000\n"), "nothing is clipped");
    });
}

#[test]
fn bytes_are_kept_as_they_are() {
    for_everyone(|world| {
        let ended = world.steps("RUN printf '\\377\\000\\376\\r\\n\\033[1mno end'").ok();
        assert_eq!(ended.logs, [b"\xff\0\xfe\r\n\x1b[1mno end"], "as {:?}", world.user);
        assert!(ended.shown.contains("no end\n"), "{}", ended.shown);
    });
}

#[test]
fn both_streams_are_kept_each_in_its_order() {
    for_everyone(|world| {
        let said = world.said("RUN for n in 1 2 3; do echo out $n; echo err $n >&2; done");
        let of = |stream: &str| said.lines().filter(|line| line.starts_with(stream)).collect::<Vec<_>>().join(",");
        assert_eq!((of("out").as_str(), of("err").as_str()), ("out 1,out 2,out 3", "err 1,err 2,err 3"), "{said}");
        assert_eq!(said.lines().count(), 6, "as {:?}", world.user);
    });
}

#[test]
fn what_is_left_running_ends_with_the_step() {
    for_everyone(|world| {
        let began = Instant::now();
        let said = world.said("RUN sleep 86413 & (setsid sleep 86413 >/dev/null 2>&1 </dev/null &) ; echo over");
        assert_eq!(said, "over\n");
        assert!(began.elapsed() < Duration::from_secs(20), "as {:?}: {:?}", world.user, began.elapsed());
        assert!(!is_running("86413"), "as {:?}", world.user);
    });
}

#[test]
fn closed_output_is_no_failure() {
    for_everyone(|world| {
        let image = world.steps("RUN exec >&- 2>&-; sleep 0.2; : > /done").image();
        assert_eq!(image.last_paths(), ["done"], "as {:?}", world.user);
    });
}

#[test]
fn a_failed_step_keeps_its_log_and_shows_its_end() {
    for_everyone(|world| {
        let ended = world.steps("RUN seq 1 1000; exit 3").end();
        assert_eq!(ended.code, Some(1));
        assert_eq!(ended.said().lines().count(), 1000);
        let error = ended.shown.split("last lines of its output").nth(1).expect("the end of the output");
        assert!(error.contains("  1000\n") && !error.contains("  900\n") && error.contains("exit code: 3"), "{error}");
    });
}

/// Whether some process has this word in its command line.
fn is_running(word: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let mut line = Vec::new();
        std::fs::File::open(entry.path().join("cmdline")).is_ok_and(|mut file| file.read_to_end(&mut line).is_ok())
            && line.split(|byte| *byte == 0).any(|part| part == word.as_bytes())
    })
}
