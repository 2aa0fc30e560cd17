//! Runs the vertices of a graph, inputs first, several at once. Knows neither keys nor files: what a vertex means is the
//! caller's closure.

use crate::error::{Error, Result};
use rbuild_graph::{BuildGraph, VertexId};
use rbuild_oci::Cancel;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Scope;

/// The values of vertices that are done.
#[derive(Debug)]
pub struct Values<T> {
    slots: Vec<OnceLock<T>>,
}

impl<T> Values<T> {
    /// The value of a vertex, if it is done.
    pub fn get(&self, id: VertexId) -> Option<&T> {
        self.slots.get(id.index()).and_then(OnceLock::get)
    }
}

/// Runs `work` once for every vertex, on at most `jobs` threads at a time, each after all its inputs. The first failure
/// cancels the rest and is what comes back; one that [is lost](Error::is_lost) only keeps more from beginning.
pub fn run<T: Send + Sync>(
    graph: &BuildGraph,
    jobs: usize,
    cancel: &Cancel,
    work: &(dyn Fn(VertexId, &Values<T>) -> Result<T> + Sync),
) -> Result<Values<T>> {
    let values = Values { slots: graph.vertices.iter().map(|_| OnceLock::new()).collect() };
    let plan = Plan::of(graph);
    let shared =
        Shared { state: Mutex::new(State::new(&plan)), changed: Condvar::new(), plan, jobs: jobs.max(1), cancel };
    std::thread::scope(|scope| {
        for _ in 0..Shared::claim(&mut shared.lock(), shared.jobs) {
            scope.spawn(|| worker(scope, &shared, &values, work));
        }
        worker(scope, &shared, &values, work);
    });
    let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failure {
        Some(error) => Err(error),
        None => cancel.check().map(|()| values).map_err(Error::from),
    }
}

/// Who waits for whom.
struct Plan {
    users: Vec<Vec<VertexId>>,
    inputs: Vec<usize>,
}

impl Plan {
    fn of(graph: &BuildGraph) -> Self {
        let mut users = vec![Vec::new(); graph.vertices.len()];
        let mut inputs = vec![0; graph.vertices.len()];
        for (id, vertex) in graph.iter() {
            let needed: BTreeSet<VertexId> = vertex.inputs.iter().copied().chain(vertex.parent).collect();
            inputs[id.index()] = needed.len();
            for input in needed {
                users[input.index()].push(id);
            }
        }
        Self { users, inputs }
    }
}

struct State {
    waiting: Vec<usize>,
    ready: BTreeSet<VertexId>,
    left: usize,
    workers: usize,
    failure: Option<Error>,
}

impl State {
    fn new(plan: &Plan) -> Self {
        let ready = (0..plan.inputs.len()).filter(|at| plan.inputs[*at] == 0).map(|at| VertexId(at as u32)).collect();
        Self { waiting: plan.inputs.clone(), ready, left: plan.inputs.len(), workers: 1, failure: None }
    }
}

struct Shared<'a> {
    state: Mutex<State>,
    changed: Condvar,
    plan: Plan,
    jobs: usize,
    cancel: &'a Cancel,
}

impl Shared<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next vertex to work on, once there is one; none when all is done or something failed.
    fn next(&self) -> Option<VertexId> {
        let mut state = self.lock();
        loop {
            if state.left == 0 || state.failure.is_some() || self.cancel.is_canceled() {
                return None;
            }
            if let Some(id) = state.ready.pop_first() {
                return Some(id);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes that a vertex is done; says how many more threads could work now.
    fn done(&self, id: VertexId) -> usize {
        let mut state = self.lock();
        state.left -= 1;
        for user in &self.plan.users[id.index()] {
            state.waiting[user.index()] -= 1;
            if state.waiting[user.index()] == 0 {
                state.ready.insert(*user);
            }
        }
        let wanted = Self::claim(&mut state, self.jobs);
        drop(state);
        self.changed.notify_all();
        wanted
    }

    fn claim(state: &mut State, jobs: usize) -> usize {
        let more = state.ready.len().saturating_sub(1).min(jobs.saturating_sub(state.workers));
        state.workers += more;
        more
    }

    fn fail(&self, error: Error) {
        // What can be made again ends the walk and stops nobody: what its siblings are at serves the next one.
        let stops = !error.is_lost();
        let mut state = self.lock();
        // What a sibling says once the first failure has canceled it is not the cause.
        if state.failure.as_ref().is_none_or(|before| stops && before.is_lost()) {
            state.failure = Some(error);
        }
        drop(state);
        if stops {
            self.cancel.cancel();
        }
        self.changed.notify_all();
    }
}

type Work<'w, T> = &'w (dyn Fn(VertexId, &Values<T>) -> Result<T> + Sync);

fn worker<'scope, 'env: 'scope, T: Send + Sync>(
    scope: &'scope Scope<'scope, 'env>,
    shared: &'env Shared<'env>,
    values: &'env Values<T>,
    work: Work<'env, T>,
) {
    while let Some(id) = shared.next() {
        match work(id, values) {
            Ok(value) => {
                drop(values.slots[id.index()].set(value));
                for _ in 0..shared.done(id) {
                    scope.spawn(move || worker(scope, shared, values, work));
                }
            }
            Err(error) => return shared.fail(error),
        }
    }
    shared.changed.notify_all();
}
