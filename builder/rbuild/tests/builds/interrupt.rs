//! Ctrl-C: every phase ends within a second with exit code 130, and what was done stays done.

use crate::common::base::Content;
use crate::common::{context, fsck};
use crate::tool::{Tool, Who, events, started};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// To whom the signal goes: a terminal sends it to all of the group, `kill` to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Process,
    Group,
}

/// Waits until a step of that kind has begun, or its program has said something.
fn wait_for(child: &mut Child, word: &str) {
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        let told = events(&line).any(|event| {
            started(&event).is_some_and(|text| text.starts_with(word))
                || log(&event).is_some_and(|data| data.contains(word))
        });
        if told {
            return;
        }
        line.clear();
    }
    panic!("{word} never began");
}

/// What a program wrote, if the event tells of that.
fn log(event: &serde_json::Value) -> Option<String> {
    let bytes = STANDARD.decode(event["logs"][0]["data"].as_str()?).unwrap();
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Interrupts a build so long after a word was told, and sees that it ends well.
fn interrupt(tool: &Tool, mut command: Command, (word, after): (&str, u64), to: To) {
    let mut child = command.process_group(0).spawn().unwrap();
    if !word.is_empty() {
        wait_for(&mut child, word);
    }
    std::thread::sleep(Duration::from_millis(after));
    let pid = Pid::from_child(&child);
    let began = Instant::now();
    match to {
        To::Process => kill_process(pid, Signal::INT),
        To::Group => kill_process_group(pid, Signal::INT),
    }
    .unwrap();
    let mut rest = String::new();
    child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    let status = child.wait().unwrap();
    let took = began.elapsed();
    println!("{after} ms after {word:?}, to the {to:?}: {took:?}");
    assert_eq!(status.code(), Some(130), "{word}: {rest}");
    assert!(took < Duration::from_secs(1), "{word}: {took:?}");
    assert_eq!((tool.traces(), tool.leftovers()), (Vec::new(), Vec::new()), "{word}");
    fsck::check(&tool.root());
}

/// A file of many bytes that takes no room.
fn large(path: &Path, size: u64) {
    fs::File::create(path).unwrap().set_len(size).unwrap();
}

#[test]
fn a_run_ends_and_what_came_before_stays() {
    let dockerfile = "FROM busybox\nRUN echo before > /before\nRUN trap '' INT TERM; echo ready; sleep 60\n";
    let context = context(&[("Dockerfile", dockerfile)]);
    for who in Who::all() {
        for to in [To::Process, To::Group] {
            let tool = Tool::new(who);
            interrupt(&tool, tool.build_command(context.path(), &["-t", "x"]), ("ready", 20), to);
            let edited = dockerfile.replace("sleep 60", "sleep 0");
            let other = crate::common::context(&[("Dockerfile", &edited)]);
            let next = tool.build(other.path(), &["-t", "x"]);
            assert_eq!(next.started().len(), 1, "the step before is cached: {:?}", next.started());
        }
    }
}

#[test]
fn a_copy_of_a_large_context_ends() {
    let context = context(&[("Dockerfile", "FROM busybox\nCOPY . /x/\n")]);
    large(&context.path().join("big"), 4 << 30);
    for who in Who::all() {
        let tool = Tool::new(who);
        // First while it is hashed, then, its digest being known, while it is packed.
        interrupt(&tool, tool.build_command(context.path(), &["-t", "x"]), ("", 400), To::Process);
    }
    fs::remove_file(context.path().join("big")).unwrap();
    large(&context.path().join("big"), 512 << 20);
    for who in Who::all() {
        let tool = Tool::new(who);
        interrupt(&tool, tool.build_command(context.path(), &["-t", "x"]), ("COPY", 50), To::Group);
        tool.build(context.path(), &["-t", "x"]);
    }
}

#[test]
fn the_import_of_a_base_ends() {
    let context = context(&[("Dockerfile", "FROM large\nRUN true\n")]);
    for who in Who::all() {
        let tool = Tool::new(who);
        let body = vec![0; 700 << 20];
        let layout = Content::new().file("big", 0o644, &body).layout("large", &tool.path("large"));
        drop(body);
        let command = tool.build_command(context.path(), &["--build-context", &layout]);
        interrupt(&tool, command, ("", 300), To::Process);
    }
}
