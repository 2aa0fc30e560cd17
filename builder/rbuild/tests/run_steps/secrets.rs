//! Secrets of a step: files and variables that only it sees.

use std::fs;
use std::path::Path;

use crate::image::{Image, contains};
use crate::world::{World, for_everyone, set_mode};

const SECRET: &str = "hush-8f2c\nsecond line";

/// `--secret` for a file with [`SECRET`] in it.
fn given(world: &World) -> String {
    let path = world.path("scratch/the-secret");
    fs::write(&path, SECRET).unwrap();
    set_mode(&path, 0o644);
    format!("id=token,src={}", path.display())
}

#[test]
fn a_secret_is_a_file_or_a_variable() {
    for_everyone(|world| {
        let given = given(world);
        let said = world
            .steps(
                "RUN --mount=type=secret,id=token stat -c '%n %a %u %g' /run/secrets/token; sha256sum < /run/secrets/token\n\
                 RUN --mount=type=secret,id=token,target=/etc/token,mode=0444,uid=1234,gid=1235 stat -c '%n %a %u %g' /etc/token\n\
                 RUN --mount=type=secret,id=token,env=TOKEN printf '%s' \"$TOKEN\" | sha256sum; ls /run/secrets 2>&1 | grep -c token || true\n\
                 RUN --mount=type=secret,id=token,env=TOKEN,target=/t cmp /t /t && printf '%s' \"$TOKEN\" | cmp - /t && echo same\n\
                 RUN --mount=type=secret,id=other,env=OTHER echo $OTHER | wc -c",
            )
            .args(["--secret", &given, "--secret", "id=other,env=OTHER_SECRET"])
            .env("OTHER_SECRET", "value")
            .ok()
            .said();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "/run/secrets/token 400 0 0");
        assert_eq!(lines[1], lines[3], "the variable is the file: {said}");
        let owner = if world.user.has_one_id() { "0 0" } else { "1234 1235" };
        assert_eq!(lines[2], format!("/etc/token 444 {owner}"), "as {:?}", world.user);
        assert_eq!(lines[4..], ["0", "same", "6"], "as {:?}", world.user);
    });
}

#[test]
fn a_secret_variable_takes_the_place_of_others() {
    for_everyone(|world| {
        let given = given(world);
        let steps = "ENV TOKEN=public\nRUN --mount=type=secret,id=token,env=TOKEN [\"/bin/env\"]";
        let said = world.steps(steps).args(["--secret", &given]).ok().said();
        let tokens = said.lines().filter(|line| line.starts_with("TOKEN=")).collect::<Vec<_>>();
        assert_eq!(tokens, ["TOKEN=hush-8f2c"], "as {:?}", world.user);
    });
}

#[test]
fn an_agent_is_a_socket_for_its_step_only() {
    for_everyone(|world| {
        let socket = world.path("scratch/agent");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        set_mode(&socket, 0o666);
        let steps = "RUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo $SSH_AUTH_SOCK\n\
             RUN --mount=type=ssh,target=/agent,id=default test -S /agent && echo $SSH_AUTH_SOCK\n\
             RUN echo \"<$SSH_AUTH_SOCK>\"; test ! -e /agent && test ! -e /run/buildkit && echo gone";
        let said = world.steps(steps).args(["--ssh", &format!("default={}", socket.display())]).ok().said();
        assert_eq!(said, "/run/buildkit/ssh_agent.0\n/agent\n<>\ngone\n", "as {:?}", world.user);
        let shown = world.steps("RUN --mount=type=ssh,required=true true").fails();
        assert!(shown.contains("--ssh default") && !shown.contains("id="), "{shown}");
    });
}

#[test]
fn an_agents_socket_has_the_owner_and_mode_asked_for() {
    for_everyone(|world| {
        let socket = world.path("scratch/agent");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        set_mode(&socket, 0o666);
        let said = world
            .steps(
                "RUN --mount=type=ssh,mode=0620,uid=1234,gid=1235 stat -c '%a %u %g' $SSH_AUTH_SOCK\n\
                 RUN --mount=type=ssh stat -c '%a %u %g' $SSH_AUTH_SOCK",
            )
            .args(["--ssh", &format!("default={}", socket.display())])
            .ok()
            .said();
        let owner = if world.user.has_one_id() { "0 0" } else { "1234 1235" };
        assert_eq!(said, format!("620 {owner}\n600 0 0\n"), "as {:?}", world.user);
    });
}

#[test]
fn a_secret_is_for_its_step_only() {
    for_everyone(|world| {
        let given = given(world);
        let said = world
            .steps(
                "RUN --mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=token test -n \"$TOKEN\" && test -s /run/secrets/token\n\
                 RUN echo \"<$TOKEN>\"; ls -A /run 2>&1 | grep -v 'No such'; env | grep -c hush || true",
            )
            .args(["--secret", &given])
            .end()
            .said();
        assert_eq!(said, "<>\n0\n", "as {:?}", world.user);
    });
}

#[test]
fn a_secret_is_kept_nowhere() {
    for_everyone(|world| {
        let given = given(world);
        let step = "RUN --mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=token \
             grep -q '^second line' /run/secrets/token && test -n \"$TOKEN\" && echo done > /done";
        let ended = world.steps(step).args(["--secret", &given, "-t", "result"]).ok();
        assert!(!ended.shown.contains("hush-8f2c"), "{}", ended.shown);
        let image = Image::read(&world.store(), "result");
        assert_eq!(image.last_paths(), ["done"]);
        let leaks = leaks(&world.store(), b"hush-8f2c");
        assert!(leaks.is_empty(), "as {:?}: {leaks:?}", world.user);
        fs::write(world.path("scratch/the-secret"), "another").unwrap();
        let again = world.steps(step).args(["--secret", &given]).ok();
        assert!(again.shown.contains("CACHED"), "a secret is not in the key: {}", again.shown);
    });
}

#[test]
fn a_secret_that_is_missing_is_named() {
    for_everyone(|world| {
        let said = world.said("RUN --mount=type=secret,id=absent ls /run/secrets/absent 2>&1 | grep -c 'No such'");
        assert_eq!(said, "1\n");
        let shown = world.steps("RUN --mount=type=secret,id=absent,required=true true").fails();
        assert!(shown.contains("absent") && shown.contains("--secret id=absent"), "{shown}");
    });
}

/// Files below a directory that contain these bytes.
fn leaks(dir: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type().unwrap())).unwrap();
        if kind.is_dir() {
            found.extend(leaks(&path, bytes));
        } else if kind.is_file() && contains(&fs::read(&path).unwrap(), bytes) {
            found.push(path.display().to_string());
        }
    }
    found
}
