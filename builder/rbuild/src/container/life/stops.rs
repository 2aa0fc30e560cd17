//! While this process is stopped (Ctrl-Z from elsewhere, `kill -TSTP`) the user's terminal is as it was before. Knows
//! neither container nor connection.

use crate::error::{Error, Result};
use rbuild_runner::is_background;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io;

/// From now on, standard input being a terminal: each stop gives it the mode that it has now, and going on the mode
/// that it had then. To be called before raw mode is entered.
pub(super) fn mind_stops() -> Result<()> {
    let failed = || Error::io("watch", "the terminal");
    let before = tcgetattr(io::stdin()).map_err(|errno| failed()(errno.into()))?;
    let mut stops = Signals::new([SIGTSTP]).map_err(failed())?;
    let listen = move || stops.forever().for_each(|_| stop(&before));
    std::thread::Builder::new().name("stops".to_owned()).spawn(listen).map(drop).map_err(failed())
}

/// Back when the process goes on. A terminal that is gone has no mode.
fn stop(before: &Termios) {
    let set = |mode: &Termios| {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, mode);
    };
    let now = tcgetattr(io::stdin());
    set(before);
    drop(emulate_default_handler(SIGTSTP));
    if let (Ok(now), false) = (&now, is_background(io::stdin())) {
        set(now);
    }
}
