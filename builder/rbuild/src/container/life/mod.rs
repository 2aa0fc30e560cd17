//! A container while it lives: what the runner is given, the process's streams and signals, its end; in this process or
//! in one of its own. Keeps nothing itself.

mod attach;
mod attendant;
mod ears;
mod end;
mod growth;
mod inlets;
mod launch;
mod live;
mod make;
mod network;
mod null;
pub(crate) mod plan;
mod run;
pub(crate) mod signals;
pub(crate) mod stdio;
mod stops;
mod supervise;
pub(crate) mod user;

pub use attach::{Attach, Left, attach};
pub(crate) use attendant::{Attendant, Listener};
pub use end::{KILL, Stop, Timeout, end, kill, not_running, stop, stop_and_hold, wait};
pub use growth::Growth;
pub use launch::{Handed, Launch};
pub use live::{FAILED, exit_code};
pub use make::{create, furnish};
pub(crate) use null::null;
pub use run::{Attendance, run, run_again};
pub(crate) use signals::Forwarder;
pub use signals::Proxy;
pub use stdio::Shown;
pub(crate) use stdio::attended;
pub use supervise::supervise;
