//! Waits for more of what a container prints, or for its end. Reads nothing of it.

use crate::container::control::{Attached, Control, Wants};
use crate::container::model::ContainerId;
use crate::container::shelf::Containers;
use crate::error::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// A container that may still print.
#[derive(Debug)]
pub struct Growth {
    /// Readable when it ends.
    end: Attached,
    /// Readable when a file in its directory changes; none where the machine has no more of these.
    news: Option<OwnedFd>,
}

/// Without news of files they are looked at so often.
const BEAT: Duration = Duration::from_millis(200);

impl Growth {
    /// Begins to watch a container; none if nobody lives it.
    pub fn watch(containers: &Containers, id: &ContainerId) -> Result<Option<Self>> {
        let Some(control) = Control::connect(containers, id)? else { return Ok(None) };
        let Some(end) = control.attach(Wants::default())? else { return Ok(None) };
        let news = || -> rustix::io::Result<OwnedFd> {
            let news = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
            inotify::add_watch(&news, containers.dir(id), inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE)?;
            Ok(news)
        };
        Ok(Some(Self { end, news: news().ok() }))
    }

    /// Sleeps until there may be more, or until the deadline; false once the container has ended.
    pub fn wait(&self, deadline: Option<Instant>) -> Result<bool> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let beat = self.news.is_none().then_some(BEAT);
        let time = left.into_iter().chain(beat).min().and_then(|time| Timespec::try_from(time).ok());
        let mut watched = vec![PollFd::new(&self.end, PollFlags::IN)];
        watched.extend(self.news.iter().map(|news| PollFd::new(news, PollFlags::IN)));
        match poll(&mut watched, time.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::io("wait for", "the container's output")(errno)),
        }
        let has_ended = !watched[0].revents().is_empty();
        if let Some(news) = &self.news {
            // What happened is found out by looking.
            while rustix::io::read(news, &mut [0; 4096]).is_ok() {}
        }
        Ok(!has_ended)
    }
}
