//! A build that finds everything in its cache writes nothing.

use crate::common::{context, fsck};
use crate::tool::{Tool, Who};

const DOCKERFILE: &str = r#"# syntax=docker/dockerfile:1
FROM busybox AS tools
COPY --chmod=755 <<EOF /hello
#!/bin/sh
echo hello
EOF
FROM busybox AS builder
WORKDIR /src
COPY source .
RUN --mount=type=bind,source=shared,target=/shared cat main /shared/data > /out
RUN --mount=type=bind,from=tools,target=/tools --mount=type=cache,target=/c /tools/hello >> /out && date >> /c/log
FROM busybox
ARG WHO=world
ENV GREETING=hello
RUN <<EOF
echo $GREETING $WHO > /greeting
EOF
RUN true
COPY --from=builder /out /out
COPY --link source /source
ADD shared/data /data
WORKDIR /work/deep
CMD ["cat", "/out"]
"#;

#[test]
fn a_build_that_finds_all_its_results_writes_nothing() {
    let context = context(&[
        ("Dockerfile", DOCKERFILE),
        ("source/main", "main\n"),
        ("source/more/file", "more\n"),
        ("shared/data", "data\n"),
    ]);
    // Long enough ago for the files' digests to be remembered.
    std::thread::sleep(std::time::Duration::from_millis(50));
    for who in Who::all() {
        let tool = Tool::new(who);
        let first = tool.build(context.path(), &["-t", "x", "-t", "y:1"]);
        let before = tool.stamps();
        for _ in 0..2 {
            let second = tool.build(context.path(), &["-t", "x", "-t", "y:1"]);
            assert_eq!(second.id, first.id);
            let after = tool.stamps();
            let changed: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
            assert!(changed.is_empty(), "{who:?}: {changed:#?}");
            assert_eq!(before.len(), after.len());
        }
        assert_eq!(fsck::check(&tool.root()).tags, 2);
        assert_eq!(tool.traces(), Vec::<String>::new());
    }
}

#[test]
fn a_file_that_got_another_time_is_read_once_more_and_no_oftener() {
    let settle = || std::thread::sleep(std::time::Duration::from_millis(50));
    let context = context(&[("Dockerfile", "FROM scratch\nCOPY file /\n"), ("file", "data\n")]);
    settle();
    let tool = Tool::new(Who::Caller);
    let first = tool.build(context.path(), &["-t", "x"]);
    let before = tool.stamps();
    let file = std::fs::File::options().append(true).open(context.path().join("file")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    settle();
    let [second, third] = [(), ()].map(|()| {
        assert_eq!(tool.build(context.path(), &["-t", "x"]).id, first.id);
        tool.stamps()
    });
    let is_digests = |line: &&String| line.split("/files.v1/").nth(1).is_some_and(|name| !name.starts_with('.'));
    let remembered = |stamps: &[String]| stamps.iter().find(is_digests).cloned().unwrap();
    assert_ne!(remembered(&second), remembered(&before));
    assert_eq!(second, third);
}
