//! Which steps run, and which at the same time, told by files that they leave for one another in a cache mount.

use crate::common::context;
use crate::tool::{Tool, Who};

/// `left` and `right` each wait for the other; both begin with the same step; nobody needs `unused`.
const DOCKERFILE: &str = r"FROM busybox AS unused
RUN --mount=type=cache,id=meet,target=/m touch /m/unused
FROM busybox AS left
ARG ROUNDS
RUN --mount=type=cache,id=meet,target=/m echo once >> /m/count
RUN --mount=type=cache,id=meet,target=/m touch /m/left && n=0 && until [ -e /m/right ]; do \
    n=$((n + 1)); [ $n -lt $ROUNDS ] || exit 7; usleep 10000; done && echo left > /left
FROM busybox AS right
ARG ROUNDS
RUN --mount=type=cache,id=meet,target=/m echo once >> /m/count
RUN --mount=type=cache,id=meet,target=/m touch /m/right && n=0 && until [ -e /m/left ]; do \
    n=$((n + 1)); [ $n -lt $ROUNDS ] || exit 7; usleep 10000; done && echo right > /right
FROM busybox
COPY --from=left /left /
COPY --from=right /right /
RUN --mount=type=cache,id=meet,target=/m [ ! -e /m/unused ] && [ $(wc -l < /m/count) = 1 ]
";

#[test]
fn stages_run_together_shared_steps_once_and_unused_stages_never() {
    let context = context(&[("Dockerfile", DOCKERFILE)]);
    for who in Who::all() {
        let tool = Tool::new(who);
        tool.build(context.path(), &["-t", "x", "--build-arg", "ROUNDS=6000"]);
        let alone = Tool::new(who);
        let built = alone.attempt(context.path(), &["-t", "x", "--jobs", "1", "--build-arg", "ROUNDS=50"]);
        assert!(!built.output.status.success(), "one at a time they cannot meet:\n{}", built.log());
        assert!(built.log().contains("exit code: 7"), "{}", built.log());
    }
}
