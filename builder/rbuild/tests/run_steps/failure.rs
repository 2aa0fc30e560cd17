//! How steps fail: exit codes, signals, programs that are not there, and what the error says.

use std::io::{BufRead, BufReader, Read};
use std::process::Command;

use crate::world::{World, for_everyone};

/// Whether the error shows the line of the Dockerfile.
fn shows_line(shown: &str, line: u32, text: &str) -> bool {
    shown.lines().any(|shown| shown.trim_start().starts_with(&format!("{line} | {text}")))
}

#[test]
fn exit_codes_are_told() {
    for_everyone(|world| {
        for code in [1, 2, 42, 125, 126, 127, 128, 137, 254, 255] {
            let shown = world.steps(&format!("RUN exit {code}")).fails();
            assert!(shown.contains(&format!("exit code: {code}\n")), "{shown}");
            assert!(shows_line(&shown, 3, &format!("RUN exit {code}")), "{shown}");
        }
        world.steps("RUN exit 0").ok();
        world.steps("RUN exit 256").ok();
    });
}

#[test]
fn a_signal_of_a_child_is_the_shells_exit_code() {
    for_everyone(|world| {
        let shown = world.steps("RUN sh -c 'kill -9 $$'; exit $?").fails();
        assert!(shown.contains("exit code: 137"), "{shown}");
        let shown = world.steps("RUN sh -c 'kill -TERM $$'; exit $?").fails();
        assert!(shown.contains("exit code: 143"), "{shown}");
    });
}

#[test]
fn the_signal_that_ends_a_step_is_told() {
    for_everyone(|world| {
        let (mut child, _file) = world.steps("RUN echo up as $(id -u); exec sleep 86414").spawn();
        let mut shown = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(" up as 0") || line.contains("RUN") {
            line.clear();
            assert_ne!(shown.read_line(&mut line).unwrap(), 0, "the step started");
        }
        let victim = loop {
            let found = Command::new("pidof").arg("sleep").output().unwrap().stdout;
            let pids = String::from_utf8_lossy(&found).into_owned();
            let is_ours = |pid: &&str| {
                std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.ends_with(b"sleep\x0086414\0"))
            };
            if let Some(pid) = pids.split_whitespace().find(is_ours) {
                break pid.to_owned();
            }
        };
        assert!(Command::new("kill").args(["-9", &victim]).status().unwrap().success());
        let mut rest = String::new();
        shown.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1));
        assert!(rest.contains("killed by signal 9") && rest.contains("exit code: 137"), "{rest}");
    });
}

#[test]
fn programs_that_cannot_start_are_named() {
    for_everyone(|world| {
        world.write("plain", "text\n");
        world.write("dangling", "#!/no/such/shell\n");
        let copy = "COPY plain /plain\nCOPY --chmod=755 dangling plain /x/\n";
        for (program, words, code) in [
            ("missing", "executable file not found in $PATH", 127),
            ("/no/such", "no such file or directory", 127),
            ("/plain", "permission denied", 126),
            ("/bin", "directory", 126),
            ("/x/dangling", "interpreter", 127),
            ("/x/plain", "exec format error", 126),
        ] {
            let shown = world.steps(&format!("{copy}RUN [\"{program}\", \"arg\"]")).fails();
            assert!(shown.contains(words) && shown.contains(&format!("{program:?}")), "{program}: {shown}");
            assert!(shown.contains(&format!("exit code: {code}")), "{program}: {shown}");
            assert!(shows_line(&shown, 5, &format!("RUN [\"{program}\"")), "{program}: {shown}");
        }
    });
}

#[test]
fn a_shell_that_is_not_there_is_named() {
    for_everyone(|world| {
        let shown = world.build("FROM scratch\nRUN echo hello\n").fails();
        assert!(shown.contains("\"/bin/sh\"") && shown.contains("no such file or directory"), "{shown}");
        let shown = world.steps("SHELL [\"/bin/bash\", \"-c\"]\nRUN echo hello").fails();
        assert!(shown.contains("\"/bin/bash\"") && shown.contains("no such file or directory"), "{shown}");
    });
}

#[test]
fn a_working_directory_that_is_a_file_is_named() {
    for_everyone(|world| {
        let shown = world.steps("RUN mkdir /w\nWORKDIR /w\nRUN cd / && rmdir /w && echo x > /w\nRUN true").fails();
        assert!(shown.contains("/w"), "{shown}");
    });
}

#[test]
fn insecure_steps_need_to_be_allowed() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let held = status.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap();
    let held = u64::from_str_radix(held.trim(), 16).unwrap();
    for_everyone(|world| {
        let step = "RUN --security=insecure grep -E '^(CapEff|Seccomp):' /proc/self/status";
        let shown = world.steps(step).fails();
        assert!(shown.contains("--allow security.insecure"), "{shown}");
        assert!(shows_line(&shown, 3, step), "{shown}");
        refuses_before_any_step(world);
        let said = world.steps(step).args(["--allow", "security.insecure"]).ok().said();
        let status: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(status[3], "0", "no filter: {said}");
        let has = u64::from_str_radix(status[1], 16).unwrap();
        assert_eq!(has & held, held, "all that there is, as {:?}: {said}", world.user);
        world.steps("RUN --security=sandbox true").ok();
    });
}

/// What is not allowed is refused before anything ran, also from the cache.
fn refuses_before_any_step(world: &World) {
    let steps = "RUN echo ran\nRUN --security=insecure true";
    let ended = world.steps(steps).end();
    assert_eq!((ended.code, ended.logs.len()), (Some(1), 0), "{}", ended.shown);
    world.steps(steps).args(["--allow", "security.insecure"]).ok();
    assert!(world.steps(steps).fails().contains("--allow security.insecure"));
}

#[test]
fn devices_that_are_required_are_missed() {
    for_everyone(|world| {
        let shown = world.steps("RUN --device=vendor.com/gpu=all,required true").fails();
        assert!(shown.contains("vendor.com/gpu=all"), "{shown}");
        world.steps("RUN --device=vendor.com/gpu=all true").ok();
    });
}

#[test]
fn unknown_entitlements_are_named() {
    for_everyone(|world| {
        let ended = world.steps("RUN true").args(["--allow", "security.nonsense"]).end();
        assert_eq!(ended.code, Some(2), "{}", ended.shown);
        assert!(
            ended.shown.contains("security.nonsense") && ended.shown.contains("security.insecure"),
            "{}",
            ended.shown
        );
    });
}
