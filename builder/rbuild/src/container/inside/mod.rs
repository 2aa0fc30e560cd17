//! What is done in a container that runs, by others than whoever lives it: a further process, a look at its processes.
//! Changes nothing of its state.

mod exec;
mod plan;
mod request;
mod running;
mod top;

pub use exec::{exec, exit_code};
pub use request::ExecRequest;
pub use running::Running;
pub use top::top;
