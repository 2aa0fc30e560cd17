//! Cache mounts that travel: machines that share nothing but a cache in a directory.

use std::fs;
use std::path::Path;

use crate::world::{Ended, World, for_everyone};

/// A build of a step with a cache mount that asks the cache in `depot` and tells it of these mounts.
fn step(world: &World, depot: &Path, to: &str, step: &str) -> Ended {
    let depot = depot.display();
    let from = format!("type=local,src={depot}");
    let build = world.steps(&format!("RUN --mount=type=cache,target=/c {step}"));
    if to.is_empty() {
        return build.args(["--cache-from", &from]).ok();
    }
    build.args(["--cache-from", &from, "--cache-to", &format!("type=local,dest={depot},{to}")]).ok()
}

/// What was said about cache mounts.
fn about_mounts(ended: &Ended) -> Vec<&str> {
    ended.shown.lines().filter(|line| line.contains("cache mount") || line.contains("mounts=")).collect()
}

#[test]
fn a_cache_goes_to_another_machine_and_back() {
    for_everyone(|here| {
        let (there, depot) = (here.another(), here.own_dir("depot"));
        let make = "sh -c 'head -c 3000000 /dev/urandom > /c/large; echo 1 > /c/log; mkdir -m 700 /c/d; ln -s log /c/link; \
             ln /c/log /c/hard; chown 1234:1235 /c/log 2>/dev/null; stat -c %u:%g /c/log; md5sum < /c/large > /sum; cat /sum'";
        let made = step(here, &depot, "mounts=all", make);
        assert!(about_mounts(&made)[0].contains("pieces sent to"), "{}", made.shown);
        let look = "sh -c 'stat -c %u:%g /c/log; md5sum < /c/large'";
        let found = step(&there, &depot, "", look);
        assert_eq!(found.said(), made.said(), "as {:?}: {}", here.user, found.shown);
        assert!(
            about_mounts(&found)[0].contains("cache mount /c: ") && found.shown.contains("brought from"),
            "{}",
            found.shown
        );

        let more = step(&there, &depot, "mounts=/c", "sh -c 'echo 2 >> /c/hard; cat /c/link; stat -c %a /c/d'");
        assert_eq!(more.said(), "1\n2\n700\n", "as {:?}", here.user);
        let sent = about_mounts(&more)[0].to_owned();
        let pieces: usize = sent.split("/c: ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!((1..3).contains(&pieces), "{sent}");
        let back = step(here, &depot, "mounts=all", "cat /c/log");
        assert_eq!(back.said(), "1\n2\n", "as {:?}: {}", here.user, back.shown);
        assert!(
            back.shown.contains("brought from") && back.shown.contains("unchanged since it travelled"),
            "{}",
            back.shown
        );
    });
}

#[test]
fn what_is_not_wanted_unknown_or_too_large_stays_and_is_named() {
    for_everyone(|here| {
        let depot = here.own_dir("depot");
        let ended = step(here, &depot, "mounts=/d;other", "sh -c 'echo 1 > /c/log'");
        let said = about_mounts(&ended).join("\n");
        assert!(
            said.contains("mounts=/d: no step has a cache mount of that id; did you mean /c?")
                || said.contains("mounts=/d: no step"),
            "{said}"
        );
        assert!(said.contains("mounts=other: no step") && !said.contains("sent"), "{said}");
        let ended = step(here, &depot, "mounts=all,mounts-max-size=1m", "sh -c 'head -c 2000000 /dev/zero > /c/zeros'");
        let said = about_mounts(&ended).join("\n");
        assert!(said.contains("/c is not carried: it has 2") && said.contains("mounts-max-size"), "{said}");
        let there = here.another();
        assert_eq!(step(&there, &depot, "", "ls -A /c").said(), "", "as {:?}", here.user);
    });
}

#[test]
fn a_damaged_cache_of_mounts_costs_a_warning() {
    for_everyone(|here| {
        let (there, depot) = (here.another(), here.own_dir("depot"));
        step(here, &depot, "mounts=all", "sh -c 'head -c 1020000 /dev/urandom > /c/f'");
        for piece in pieces(&depot) {
            fs::write(piece, "damaged").unwrap();
        }
        let found = step(&there, &depot, "", "sh -c 'ls -A /c; echo went on'");
        assert_eq!(found.said(), "went on\n", "as {:?}: {}", here.user, found.shown);
        assert!(found.shown.contains("the cache mount /c cannot be brought"), "{}", found.shown);
    });
}

/// The blobs that documents about mounts speak of.
fn pieces(depot: &Path) -> Vec<std::path::PathBuf> {
    let (mut ahead, mut found) = (vec![depot.join("mount")], Vec::new());
    while let Some(path) = ahead.pop() {
        if path.is_dir() {
            ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let named = text.split("sha256:").skip(1).map(|rest| depot.join("blobs/sha256").join(&rest[..64]));
        found.extend(named.filter(|path| path.exists()));
    }
    assert!(!found.is_empty(), "no piece in {}", depot.display());
    found
}

#[test]
fn builds_that_share_a_cache_that_comes_see_all_of_it() {
    for_everyone(|here| {
        let (there, depot) = (here.another(), here.own_dir("depot"));
        step(here, &depot, "mounts=all", "sh -c 'for n in $(seq 300); do echo $n > /c/$n; done'");
        let from = format!("type=local,src={}", depot.display());
        for sharing in ["shared", "locked", "private"] {
            let there = if sharing == "shared" { &there } else { &here.another() };
            let build = |n: u32| {
                let step = format!(
                    "RUN --mount=type=cache,target=/c,sharing={sharing} test $(ls /c | wc -l) = 300 && echo {n} ok"
                );
                there.steps(&step).args(["--cache-from", &from]).spawn()
            };
            let builds: Vec<_> = (0..3).map(build).collect();
            for (child, _file) in builds {
                let output = child.wait_with_output().unwrap();
                let shown = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "as {:?}, {sharing}: {shown}", here.user);
            }
        }
    });
}
