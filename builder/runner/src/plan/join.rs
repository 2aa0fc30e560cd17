//! PURE. A process that joins a running container becomes the ordered list of its steps.
//!
//! The container's processes can see, and with the right capability trace, whatever is in their process namespace. So
//! everything is given up before that is entered, by the fork that comes late: what appears among them holds no more than
//! they do, and nothing of the host but a socket that closes with the last step.

use super::op::SetupOp;
use super::{exec, limits, privileges, stream_count};
use crate::container::Stdio;
use crate::joining::Joining;
use crate::namespaces::Spaces;
use crate::userns::IdMap;

/// Standard streams, or what stands in for them until there is a terminal.
pub(crate) const STREAMS: u32 = 3;

/// Turns a joining process into its steps; `spaces` are the container's own namespaces. Of the passed files the first
/// three are the streams, the fourth is the pidfd of the container's first process.
pub fn plan_joining(joining: &Joining, spaces: Spaces) -> Vec<SetupOp> {
    let owner = if joining.ids == IdMap::Single || stream_count(&joining.stdio) == 0 { 0 } else { joining.user.uid };
    let mut ops: Vec<SetupOp> = joining.cgroups.iter().map(|path| SetupOp::Cgroup { path: path.clone() }).collect();
    ops.push(SetupOp::Enter { process: STREAMS, spaces });
    ops.push(SetupOp::Streams { owner });
    ops.extend(limits(&joining.limits));
    ops.push(SetupOp::Umask { mask: 0o022 });
    ops.push(SetupOp::Chdir { path: joining.cwd.clone() });
    ops.extend(privileges(&joining.confinement, &joining.user, &joining.ids));
    ops.push(SetupOp::Fork {});
    ops.push(SetupOp::Session {});
    if matches!(joining.stdio, Stdio::Terminal(_)) {
        ops.push(SetupOp::Terminal {});
    }
    ops.push(exec(&joining.argv, &joining.env));
    ops
}
