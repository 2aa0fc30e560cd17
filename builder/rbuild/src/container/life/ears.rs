//! The one thread of a life that listens: to the signals of this process and, from when it is opened, at the container's
//! door. Knows neither what a signal does nor what is said at the door.

use crate::container::control::Door;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

/// Listens for as long as this process lives.
#[derive(Debug)]
pub(super) struct Ears {
    /// What is written here wakes the thread.
    bell: UnixStream,
    door: Arc<Mutex<Option<Door>>>,
}

type Delivery = SignalDelivery<UnixStream, SignalOnly>;

impl Ears {
    /// Begins to listen; `take` is called with each of these signals that comes.
    pub(super) fn open(signals: impl Iterator<Item = i32>, take: impl FnMut(i32) + Send + 'static) -> io::Result<Self> {
        let (heard, bell) = UnixStream::pair()?;
        let delivery = Delivery::with_pipe(heard, bell.try_clone()?, SignalOnly, signals)?;
        let door = Arc::<Mutex<Option<Door>>>::default();
        let shared = door.clone();
        std::thread::Builder::new().name("ears".to_owned()).spawn(move || listen(delivery, &shared, take))?;
        Ok(Self { bell, door })
    }

    /// From now on whoever comes to the door is let in.
    pub(super) fn attend(&self, door: Door) {
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) = Some(door);
        // Where there is no room the thread has been woken already.
        let _ = send(&self.bell, b"!", SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}

fn listen(mut delivery: Delivery, shared: &Mutex<Option<Door>>, mut take: impl FnMut(i32)) {
    let mut door: Option<Door> = None;
    loop {
        let mut watched = vec![PollFd::new(delivery.get_read(), PollFlags::IN)];
        watched.extend(door.iter().map(|door| PollFd::new(door, PollFlags::IN)));
        if poll(&mut watched, None).is_err_and(|errno| errno != Errno::INTR) {
            return;
        }
        let knocked = watched.get(1).is_some_and(|door| !door.revents().is_empty());
        delivery.pending().for_each(&mut take);
        if knocked {
            door = door.filter(Door::answer);
        }
        door = shared.lock().unwrap_or_else(PoisonError::into_inner).take().or(door);
    }
}
