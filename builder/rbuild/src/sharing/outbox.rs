//! What goes out to caches while a build runs: a few threads that send records one by one. Knows no medium.

use super::{Destination, Origin, Scope, Tally, Telling};
use crate::error::Result;
use rbuild_records::{CacheKey, Record, StepName, Trace};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Records that are sent at once.
const AT_ONCE: usize = 4;

/// The caches that are told, and those who tell them. Dropping it gives up what has not been sent.
#[derive(Debug, Default)]
pub struct Outbox {
    destinations: Vec<Arc<Destination>>,
    office: Mutex<Option<Office>>,
    /// Raised once what waits is not to be sent any more.
    closed: Arc<AtomicBool>,
    /// Raised once a clerk broke off in the middle of something.
    broken: AtomicBool,
}

/// Something to send, and to whom.
#[derive(Debug)]
struct Job {
    to: Arc<Destination>,
    item: Item,
}

/// Something to send.
#[derive(Debug)]
enum Item {
    Record(Record, Scope, Telling),
    Trace(StepName, Box<Trace>),
}

/// Those who send.
#[derive(Debug)]
struct Office {
    inlet: Sender<Job>,
    outlet: Arc<Mutex<Receiver<Job>>>,
    clerks: Vec<JoinHandle<()>>,
}

impl Outbox {
    /// An outbox for these.
    pub fn new(destinations: Vec<Destination>) -> Self {
        let destinations = destinations.into_iter().map(Arc::new).collect();
        Self { destinations, office: Mutex::default(), closed: Arc::default(), broken: AtomicBool::default() }
    }

    /// Notes that the cache of that name has a record, so that it is not told of it.
    pub fn known(&self, name: &str, key: &CacheKey) {
        self.destinations.iter().filter(|to| to.name() == name).for_each(|to| to.has(*key));
    }

    /// Sends a record to the caches that want it; returns at once.
    pub fn offer(&self, record: &Record, scope: Scope, origin: Origin) {
        for to in &self.destinations {
            if let Some(telling) = to.wants(record, scope, origin) {
                self.post(to, Item::Record(record.clone(), scope, telling));
            }
        }
    }

    /// Sends what a step was executed with, for who wants to know why it is not found.
    pub fn offer_trace(&self, step: &StepName, trace: &Trace) {
        for to in &self.destinations {
            self.post(to, Item::Trace(*step, Box::new(trace.clone())));
        }
    }

    fn post(&self, to: &Arc<Destination>, item: Item) {
        let mut office = self.office.lock().unwrap_or_else(PoisonError::into_inner);
        let office = office.get_or_insert_with(|| Office::open(&self.closed));
        // The outlet lives as long as the office.
        drop(office.inlet.send(Job { to: to.clone(), item }));
    }

    /// Waits until everything was sent that was offered so far; what no clerk took is sent here.
    pub fn empty(&self) {
        let office = self.office.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Office { inlet, outlet, clerks }) = office else { return };
        drop(inlet);
        for clerk in clerks {
            self.broken.fetch_or(clerk.join().is_err(), Ordering::Relaxed);
        }
        work(&outlet, &self.closed);
    }

    /// Keeps the caches within their bounds.
    pub fn trim(&self) {
        self.destinations.iter().for_each(|to| to.trim());
    }

    /// Waits until everything was sent; what each cache was told, none where something went wrong, or the first failure of
    /// one that must not fail.
    pub fn finish(&self) -> Result<Vec<(String, Option<Tally>)>> {
        self.empty();
        let is_broken = self.broken.load(Ordering::Relaxed);
        let told = |to: &Arc<Destination>| Ok((to.name().to_owned(), to.tally()?.filter(|_| !is_broken)));
        self.destinations.iter().map(told).collect()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

impl Office {
    /// With as many clerks as there can be; with none, what is offered waits until it is asked for.
    fn open(closed: &Arc<AtomicBool>) -> Self {
        let (inlet, outlet) = channel::<Job>();
        let outlet = Arc::new(Mutex::new(outlet));
        let clerk = |_| {
            let (outlet, closed) = (outlet.clone(), closed.clone());
            std::thread::Builder::new().spawn(move || work(&outlet, &closed)).ok()
        };
        let clerks = (0..AT_ONCE).filter_map(clerk).collect();
        Self { inlet, outlet, clerks }
    }
}

fn work(outlet: &Mutex<Receiver<Job>>, closed: &AtomicBool) {
    loop {
        let next = outlet.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) if !closed.load(Ordering::Relaxed) => match job.item {
                Item::Record(record, scope, telling) => job.to.send(&record, scope, telling),
                Item::Trace(step, trace) => job.to.send_trace(&step, &trace),
            },
            _ => return,
        }
    }
}
