//! More layers than the kernel stacks.

use crate::common::{context, fsck};
use crate::tool::{Tool, Who};
use std::time::Instant;

const STEPS: usize = 600;

#[test]
#[ignore = "takes minutes; .ci/full runs it"]
fn six_hundred_steps_build() {
    let steps: String = (0..STEPS)
        .map(|at| format!("RUN echo {at} > /last && echo {at} > /d/{at} && rm -f /d/$(({at} - 2))\n"))
        .collect();
    let last = STEPS - 1;
    let check =
        format!("RUN [ $(cat /last) = {last} ] && [ \"$(ls /d | sort -n | xargs)\" = \"{} {last}\" ]\n", last - 1);
    let context = context(&[("Dockerfile", &format!("FROM busybox\nWORKDIR /d\n{steps}{check}"))]);
    for who in Who::all() {
        let tool = Tool::new(who);
        let began = Instant::now();
        let first = tool.build(context.path(), &["-t", "deep"]);
        let built = began.elapsed();
        let began = Instant::now();
        let second = tool.build(context.path(), &["-t", "deep"]);
        println!("{who:?}: {STEPS} steps in {built:?}, again in {:?}", began.elapsed());
        assert_eq!((second.started(), second.id), (Vec::new(), first.id));
        // Its snapshots gone, a step on top of all needs them again.
        std::fs::remove_dir_all(tool.root().join("snapshots.v1")).unwrap();
        std::fs::write(context.path().join("Dockerfile"), format!("FROM deep\n{check}RUN echo more > /more\n"))
            .unwrap();
        let began = Instant::now();
        tool.build(context.path(), &[]);
        println!("{who:?}: unpacked again in {:?}", began.elapsed());
        std::fs::write(context.path().join("Dockerfile"), format!("FROM busybox\nWORKDIR /d\n{steps}{check}")).unwrap();
        fsck::check(&tool.root());
        assert_eq!((tool.leftovers(), tool.traces()), (Vec::new(), Vec::new()));
    }
}
