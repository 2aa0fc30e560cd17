//! What a RUN does to what is mounted stays where it belongs.

use crate::common::{context, fsck};
use crate::tool::{Tool, Who};

const DOCKERFILE: &str = r"FROM busybox AS stage
RUN mkdir /d && echo stage > /d/file
FROM busybox
RUN --mount=type=bind,source=file,target=/m,rw echo changed > /m && [ $(cat /m) = changed ]
RUN --mount=type=bind,source=file,target=/m [ $(cat /m) = context ] && true second
RUN --mount=type=bind,source=dir,target=/m,rw echo changed > /m/file && rm /m/other
RUN --mount=type=bind,source=dir,target=/m [ $(cat /m/file) = context ] && [ -e /m/other ]
RUN --mount=type=bind,from=stage,source=/d/file,target=/m,rw echo changed > /m && [ $(cat /m) = changed ]
RUN --mount=type=bind,from=stage,source=/d/file,target=/m [ $(cat /m) = stage ] && true second
RUN --mount=type=bind,from=stage,target=/m,rw echo changed > /m/d/file
RUN --mount=type=bind,from=stage,target=/m [ $(cat /m/d/file) = stage ] && true third
RUN --mount=type=bind,source=file,target=/etc/new/deep/m cat /etc/new/deep/m
RUN --mount=type=tmpfs,target=/m echo x > /m/x
RUN --mount=type=cache,target=/c echo kept > /c/kept
RUN --mount=type=cache,target=/c [ $(cat /c/kept) = kept ]
RUN [ ! -e /m ] && [ ! -e /c ] && [ ! -e /etc/new ]
";

#[test]
fn writes_to_a_mount_change_neither_the_context_nor_the_cache() {
    let context =
        context(&[("Dockerfile", DOCKERFILE), ("file", "context\n"), ("dir/file", "context\n"), ("dir/other", "")]);
    for who in Who::all() {
        for driver in ["overlay", "copy"] {
            let tool = Tool::new(who);
            let tool = tool.with_driver(driver);
            tool.build(context.path(), &["-t", "x"]);
            assert_eq!(std::fs::read_to_string(context.path().join("file")).unwrap(), "context\n");
            fsck::check(&tool.root());
            assert_eq!((tool.leftovers(), tool.traces()), (Vec::new(), Vec::new()));
        }
    }
}
