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
use std::sync::mpsc::{Receiver, Sender, channel};

/// Listens for as long as this process lives.
#[derive(Debug)]
pub(super) struct Ears {
    /// What is written here wakes the thread.
    bell: UnixStream,
    doors: Sender<Door>,
}

type Delivery = SignalDelivery<UnixStream, SignalOnly>;

impl Ears {
    /// Begins to listen; `take` is called with each of these signals that comes.
    pub(super) fn open(signals: impl Iterator<Item = i32>, take: impl FnMut(i32) + Send + 'static) -> io::Result<Self> {
        let (heard, bell) = UnixStream::pair()?;
        let delivery = Delivery::with_pipe(heard, bell.try_clone()?, SignalOnly, signals)?;
        let (doors, opened) = channel();
        std::thread::Builder::new().name("ears".to_owned()).spawn(move || listen(delivery, &opened, take))?;
        Ok(Self { bell, doors })
    }

    /// From now on whoever comes to the door is let in.
    pub(super) fn attend(&self, door: Door) {
        // A thread that listens no more lets nobody in. Where there is no room in the pipe it has been woken already.
        drop(self.doors.send(door));
        let _ = send(&self.bell, b"!", SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}

fn listen(mut delivery: Delivery, opened: &Receiver<Door>, mut take: impl FnMut(i32)) {
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
        door = opened.try_recv().ok().or(door);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::control::{Attached, Control, Manner, Served, Server, Size, Wants};
    use signal_hook::consts::SIGURG;
    use std::path::Path;
    use std::sync::{Arc, Mutex, PoisonError};
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
        ears.attend(door);
        assert!(knocks(place.path()).is_some() && knocks(place.path()).is_some());
        hears(&signals);
        drop(server);
        hears(&signals);
        assert!(knocks(place.path()).is_none());
        let (_server, door) = Server::start(place.path(), Arc::new(Quiet)).unwrap();
        ears.attend(door);
        assert!(knocks(place.path()).is_some());
        hears(&signals);
    }

    #[test]
    fn a_client_that_reads_nothing_keeps_no_signal_back() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let place = tempfile::tempdir().unwrap();
        let (ears, signals) = ears();
        let (server, door) = Server::start(place.path(), Arc::new(Quiet)).unwrap();
        ears.attend(door);
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
