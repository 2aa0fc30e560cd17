//! Many processes, one store.

use crate::common::{context, fsck};
use crate::tool::{EPOCH, Tool, Who, events, started};
use std::io::{BufRead, BufReader, Read};

#[test]
fn eight_builds_at_once_give_what_each_gives_alone() {
    let shared = "FROM busybox AS a\nCOPY file /file\nRUN cat /file /file > /twice && sleep 0.05\nRUN rm /file\n";
    let ends =
        ["RUN echo 0 > /end\n", "RUN echo 1 > /end\n", "COPY file /end\n", "FROM busybox\nCOPY --from=a /twice /\n"];
    let context = context(&[("file", "text\n")]);
    for (number, end) in ends.iter().enumerate() {
        std::fs::write(context.path().join(format!("Dockerfile.{number}")), format!("{shared}{end}")).unwrap();
    }
    let path = |number: usize| context.path().join(format!("Dockerfile.{number}")).display().to_string();
    for who in Who::all() {
        let quiet = Tool::new(who);
        let alone: Vec<String> = (0..ends.len())
            .map(|number| quiet.build(context.path(), &["-f", &path(number), "--build-arg", EPOCH]).id)
            .collect();
        let tool = Tool::new(who);
        for round in 0..3 {
            let ids = tool.path("home");
            let running: Vec<_> = (0..8)
                .map(|at| {
                    let (file, tag) = (path(at % ends.len()), format!("app:{}", at % 5));
                    let id = ids.join(format!("id.{at}")).display().to_string();
                    let fixed = ["-f", &file, "-t", &tag, "--build-arg", EPOCH, "--iidfile", &id];
                    let mut args = fixed.to_vec();
                    args.extend((round == 2).then_some("--no-cache"));
                    tool.command_with_id(context.path(), &args).spawn().unwrap()
                })
                .collect();
            for (at, child) in running.into_iter().enumerate() {
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success(), "{who:?} {round}: {}", String::from_utf8_lossy(&output.stderr));
                let id = std::fs::read_to_string(ids.join(format!("id.{at}"))).unwrap();
                assert_eq!(id, alone[at % ends.len()], "{who:?} {round} {at}");
            }
            assert_eq!(fsck::check(&tool.root()).tags, 5);
        }
        assert_eq!((tool.leftovers(), tool.traces()), (Vec::new(), Vec::new()));
    }
}

#[test]
fn racing_builds_of_one_random_step_each_get_a_whole_history() {
    let dockerfile =
        "FROM busybox\nRUN head -c 8 /dev/urandom | md5sum > /a\nRUN cp /a /b\nRUN cmp /a /b && cp /b /c\n";
    let context = context(&[("Dockerfile", dockerfile)]);
    let tool = Tool::new(Who::Caller);
    let running: Vec<_> = (0..6).map(|at| tool.start(context.path(), &["-t", &format!("x:{at}")])).collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let check = "FROM x:0\nRUN cmp /a /b && cmp /b /c\n";
    for at in 0..6 {
        std::fs::write(context.path().join("Dockerfile"), check.replace("x:0", &format!("x:{at}"))).unwrap();
        tool.build(context.path(), &[]);
    }
    fsck::check(&tool.root());
}

#[test]
fn an_image_goes_while_a_build_and_a_container_are_at_work() {
    let dockerfile = |text| context(&[("Dockerfile", text)]);
    let gone = dockerfile("FROM busybox\nRUN echo gone > /gone\nRUN echo too > /too\n");
    let slow = dockerfile("FROM busybox\nRUN sleep 5 && echo slow > /slow\nRUN cat /slow > /end\n");
    let late = dockerfile("FROM busybox\nRUN echo late > /late\n");
    for who in Who::all() {
        let tool = Tool::new(who);
        tool.build(gone.path(), &["-t", "gone"]);
        tool.build(dockerfile("FROM busybox\nRUN echo kept > /kept\n").path(), &["-t", "kept"]);
        let before = fsck::check(&tool.root()).blobs;
        let go = tool.path("home/go");
        std::fs::create_dir(&go).unwrap();
        let mount = format!("{}:/go:ro", go.display());
        let script = "echo up; while ! test -e /go/on; do sleep 0.02; done; cat /kept";
        let words = ["run", "--rm", "-v", &mount, "kept", "sh", "-c", script];
        let mut container = tool.command(&words).spawn().unwrap();
        let mut up = [0; 3];
        container.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
        let mut build = tool.start(slow.path(), &["-t", "slow"]);
        let mut lines = BufReader::new(build.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| events(&line).any(|event| started(&event).is_some())));
        let rmi = |name: &str| {
            let output = tool.command(&["rmi", name]).output().unwrap();
            assert!(output.status.success(), "{who:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let said = rmi("gone");
        assert!(said.contains("Deleted: ") && !said.contains("Kept"), "{who:?}: {said}");
        assert!(fsck::check(&tool.root()).blobs < before);
        // What came after the build began it might use.
        let late = tool.build(late.path(), &["-t", "late"]).id;
        let said = rmi("late");
        assert!(said.contains("Kept: ") && !said.contains("Deleted: "), "{who:?}: {said}");
        let at_work = build.try_wait().unwrap().is_none() && container.try_wait().unwrap().is_none();
        assert!(at_work, "nothing was tested");
        std::fs::write(go.join("on"), "").unwrap();
        // What the build still says has to go somewhere.
        lines.for_each(drop);
        for process in [container, build] {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "{who:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let said = rmi(&late);
        assert!(said.contains("Deleted: ") && !said.contains("Kept"), "{who:?}: {said}");
        assert_eq!(fsck::check(&tool.root()).tags, 2);
    }
}
