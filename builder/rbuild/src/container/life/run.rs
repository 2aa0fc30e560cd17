//! A container lives in this very process, which shows what it prints: `rbuild run`, `rbuild start -a`. Knows no step
//! of its life.

use super::live::live;
use super::make::create;
use super::signals::{Forwarder, Proxy};
use super::stdio::{Foreground, Shown};
use crate::container::create::Request;
use crate::container::model::Image;
use crate::container::shelf::{Containers, Held};
use crate::ctx::Ctx;
use crate::error::Result;
use rbuild_store::VolumeDriver;

/// How a container is attended in the foreground.
#[derive(Clone, Copy, Debug)]
pub struct Attendance {
    /// Which of this process's streams are the container's.
    pub shown: Shown,
    /// What becomes of signals.
    pub proxy: Proxy,
}

/// Runs the image's command, or the request's, in a new container, to its end; the exit code for the shell. Needs to be
/// inside the namespace that work is done in. [`super::exit_code`] has the number of an error.
pub fn run(
    ctx: Ctx<'_>,
    request: &Request,
    image: &Image,
    volumes: &dyn VolumeDriver,
    attendance: Attendance,
) -> Result<u8> {
    ctx.executor.runs(&image.config.platform())?;
    Containers::new(ctx.store).sweep(volumes)?;
    let signals = Forwarder::start(ctx.cancel, request.terminal, attendance.proxy)?;
    let held = create(ctx, request, image, volumes)?;
    live(ctx, held, volumes, &signals, &mut Foreground::new(attendance.shown))
}

/// Runs a container that there is, to its end; the exit code for the shell.
pub fn run_again(ctx: Ctx<'_>, held: Held, volumes: &dyn VolumeDriver, attendance: Attendance) -> Result<u8> {
    let signals = Forwarder::start(ctx.cancel, held.config().terminal, attendance.proxy)?;
    live(ctx, held, volumes, &signals, &mut Foreground::new(attendance.shown))
}
