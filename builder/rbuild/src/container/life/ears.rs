//! The one thread of a life that listens: to the signals of this process and, from when it is opened, at the container's
//! door. Knows neither what a signal does nor what is said at the door.

use crate::container::control::Door;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Listens for as long as this process lives.
#[derive(Debug)]
pub(super) struct Ears(Arc<Heard>);

/// What is listened to.
#[derive(Debug)]
struct Heard {
    watched: OwnedFd,
    door: Mutex<Option<Door>>,
}

type Delivery = SignalDelivery<UnixStream, SignalOnly>;

// Who is heard, as the kernel tells it.
const SIGNALS: u64 = 0;
const DOOR: u64 = 1;

impl Ears {
    /// Begins to listen; `take` is called with each of these signals that comes.
    pub(super) fn open(signals: impl Iterator<Item = i32>, take: impl FnMut(i32) + Send + 'static) -> io::Result<Self> {
        let (heard, bell) = UnixStream::pair()?;
        let delivery = Delivery::with_pipe(heard, bell, SignalOnly, signals)?;
        let watched = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&watched, delivery.get_read(), EventData::new_u64(SIGNALS), EventFlags::IN)?;
        let heard = Arc::new(Heard { watched, door: Mutex::default() });
        let ears = Self(heard.clone());
        std::thread::Builder::new().name("ears".to_owned()).spawn(move || heard.listen(delivery, take))?;
        Ok(ears)
    }

    /// From now on whoever comes to this door is let in, and nobody at a former one.
    pub(super) fn attend(&self, door: Door) -> io::Result<()> {
        let mut attended = self.0.door();
        epoll::add(&self.0.watched, &door, EventData::new_u64(DOOR), EventFlags::IN)?;
        if let Some(former) = attended.replace(door) {
            let _ = epoll::delete(&self.0.watched, &former);
        }
        Ok(())
    }
}

impl Heard {
    fn listen(&self, mut delivery: Delivery, mut take: impl FnMut(i32)) {
        let mut events = Vec::with_capacity(2);
        loop {
            events.clear();
            if epoll::wait(&self.watched, spare_capacity(&mut events), None).is_err_and(|errno| errno != Errno::INTR) {
                return;
            }
            delivery.pending().for_each(&mut take);
            if events.iter().any(|event| event.data.u64() == DOOR) {
                self.answer();
            }
        }
    }

    /// Lets in who waits at the door; one that nobody is to come through any more is left.
    fn answer(&self) {
        let mut attended = self.door();
        if let Some(shut) = attended.take_if(|door| !door.answer()) {
            // The server's own descriptor of the same socket would keep it among what is watched.
            let _ = epoll::delete(&self.watched, &shut);
        }
    }

    fn door(&self) -> MutexGuard<'_, Option<Door>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::control::{Attached, Control, Manner, Served, Server, Size, Wants};
    use signal_hook::consts::SIGURG;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    /// A container that takes every signal and knows nothing else.
    struct Quiet;

    impl Served for Quiet {
        fn manner(&self) -> Manner {
            Manner { terminal: false, input: false }
        }
        fn signal(&self, _: i32) -> io::Result<()> {
            Ok(())
        }
        fn keep(&self) {}
        fn input(&self, _: &[u8]) {}
        fn end_input(&self) {}
        fn resize(&self, _: Size) {}
    }

    fn ears() -> (Ears, Receiver<i32>) {
        let (heard, signals) = channel();
        let ears = Ears::open([SIGURG].into_iter(), move |signal| {
            let _ = heard.send(signal);
        })
        .unwrap();
        (ears, signals)
    }

    /// A signal is the whole process's: one test after the other.
    static TURN: Mutex<()> = Mutex::new(());

    fn hears(signals: &Receiver<i32>) {
        signals.try_iter().for_each(drop);
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::URG).unwrap();
        assert_eq!(signals.recv_timeout(Duration::from_secs(2)), Ok(SIGURG));
    }

    fn knocks(dir: &Path) -> Option<Attached> {
        Control::open(dir).unwrap().and_then(|control| control.attach(Wants::default()).unwrap())
    }

    #[test]
    fn signals_are_heard_before_while_and_after_a_door_is_attended() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let place = tempfile::tempdir().unwrap();
        let (ears, signals) = ears();
        hears(&signals);
        let (server, door) = Server::start(place.path(), Arc::new(Quiet)).unwrap();
        ears.attend(door).unwrap();
        assert!(knocks(place.path()).is_some() && knocks(place.path()).is_some());
        hears(&signals);
        drop(server);
        hears(&signals);
        assert!(knocks(place.path()).is_none());
        let (_server, door) = Server::start(place.path(), Arc::new(Quiet)).unwrap();
        ears.attend(door).unwrap();
        assert!(knocks(place.path()).is_some());
        hears(&signals);
    }

    #[test]
    fn a_client_that_reads_nothing_keeps_no_signal_back() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let place = tempfile::tempdir().unwrap();
        let (ears, signals) = ears();
        let (server, door) = Server::start(place.path(), Arc::new(Quiet)).unwrap();
        ears.attend(door).unwrap();
        let all = Wants { stdout: true, stderr: true };
        let _deaf = Control::open(place.path()).unwrap().unwrap().attach(all).unwrap().unwrap();
        let showing = std::thread::spawn(move || server.show(rbuild_runner::Stream::Stdout, &vec![b'x'; 8 << 20]));
        std::thread::sleep(Duration::from_millis(200));
        assert!(!showing.is_finished(), "it waits for the client");
        let dir = place.path().to_owned();
        let knocking = std::thread::spawn(move || knocks(&dir));
        std::thread::sleep(Duration::from_millis(100));
        hears(&signals);
        showing.join().unwrap();
        drop(knocking.join());
    }
}
