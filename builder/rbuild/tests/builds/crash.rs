//! kill -9 at any moment: the next build works, gives what an undisturbed store gives, and nothing is left over.

use crate::common::{Random, context, fsck};
use crate::tool::{EPOCH, Tool, Who};
use std::fs;
use std::time::{Duration, Instant};

const DOCKERFILE: &str = "FROM busybox AS builder
COPY source /source
RUN for n in 1 2 3 4 5 6 7 8; do mkdir -p /out/$n && cat /source/a > /out/$n/all; done
RUN dd if=/dev/zero of=/big bs=64k count=64 2>/dev/null && rm -rf /out/3 && ln /out/4/all /out/4/again
FROM busybox
ARG SOURCE_DATE_EPOCH
RUN echo one > /one && { chown 1:2 /one || true; } && sleep 0.05
COPY --from=builder /out /out
RUN rm -r /out/5 && mkdir /out/5 && echo new > /out/5/new
COPY source /opt
RUN --mount=source=source,target=/m cat /m/a > /done
";

/// How often a build is killed: `RBUILD_TEST_KILLS`, else a number that a minute is enough for.
fn kills() -> u64 {
    std::env::var("RBUILD_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

#[test]
fn a_killed_build_leaves_a_store_that_works() {
    let context = context(&[("Dockerfile", DOCKERFILE), ("source/a", "a\n"), ("source/b/c", "c\n")]);
    let args = ["-t", "x", "--build-arg", EPOCH];
    let whos = Who::all();
    for who in &whos {
        let undisturbed = Tool::new(*who);
        let expected = undisturbed.build(context.path(), &args).id;
        let began = Instant::now();
        undisturbed.build(context.path(), &[&args[..], &["--no-cache"]].concat());
        let whole = began.elapsed();
        let mut random = Random::new("crash");
        let (mut killed, mut late, wanted) = (0, 0, kills() / whos.len() as u64);
        while killed < wanted {
            let tool = Tool::new(*who);
            for _ in 0..5 {
                let (mut child, moment) = (tool.start(context.path(), &args), random.below(whole.as_micros() as u64));
                std::thread::sleep(Duration::from_micros(moment));
                child.kill().unwrap();
                if child.wait().unwrap().success() {
                    late += 1;
                    break;
                }
                killed += 1;
                assert_eq!(tool.traces(), Vec::<String>::new(), "after a kill");
                // A store without blobs may be half made, and is its user's to make whole.
                if fs::read_dir(tool.root().join("blobs/sha256")).is_ok_and(|mut blobs| blobs.next().is_some()) {
                    fsck::check(&tool.root());
                }
            }
            let next = tool.build(context.path(), &args);
            assert_eq!(next.id, expected);
            let checked = fsck::check(&tool.root());
            assert_eq!(checked.tags, 1);
            assert_eq!(tool.build(context.path(), &args).started(), Vec::<String>::new());
            tool.age_leftovers();
            // Whoever has work to do sweeps; a build that finds everything does not even look.
            tool.build(context.path(), &[&args[..], &["--no-cache"]].concat());
            assert_eq!(tool.leftovers(), Vec::<String>::new());
        }
        println!("{who:?}: {killed} builds killed, {late} were done before; a whole one takes {whole:?}");
    }
}

#[test]
fn what_belongs_to_subordinate_ids_is_swept_by_who_may() {
    if !Who::all().contains(&Who::User) {
        eprintln!("SKIP: subordinate ids need root");
        return;
    }
    let tool = Tool::new(Who::User);
    let context = context(&[("Dockerfile", "FROM busybox\nRUN true\n")]);
    tool.build(context.path(), &[]);
    let trash = tool.root().join("tmp.v1/1-1");
    fs::create_dir_all(trash.join("deep")).unwrap();
    fs::write(trash.join("deep/file"), "x").unwrap();
    for path in [trash.join("deep/file"), trash.join("deep"), trash] {
        std::os::unix::fs::chown(path, Some(700_005), Some(700_005)).unwrap();
    }
    tool.age_leftovers();
    tool.build(context.path(), &["--no-cache"]);
    assert_eq!(tool.leftovers(), Vec::<String>::new());
}
