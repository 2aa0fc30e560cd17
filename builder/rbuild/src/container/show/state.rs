//! Where a container is in its life, as docker says it: one word, a line for people, the object of `inspect`.

use crate::container::shelf::{LOST, State, Status};
use crate::render::human;
use rbuild_oci::Timestamp;
use serde_json::{Value, json};

/// Where a container is in its life. One that could not be started counts as created, as with docker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It never ran.
    Created,
    /// It runs.
    Running,
    /// It runs, and is stopped at the moment.
    Paused,
    /// It ended.
    Exited,
}

impl Phase {
    /// Docker's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Exited => "exited",
        }
    }

    /// Whether it has a process.
    pub const fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// The phase that a state is, as its status now tells it.
pub fn phase(state: &State, now: &Status) -> Phase {
    match (now, state) {
        (Status::Paused(_), _) => Phase::Paused,
        (Status::Running(_), _) => Phase::Running,
        (_, State::Created | State::Exited { started: None, .. }) => Phase::Created,
        _ => Phase::Exited,
    }
}

/// The line for people at that time: `Up 5 minutes`, `Exited (0) 3 hours ago`, `Created`.
pub fn status(state: &State, now: &Status, time: Timestamp) -> String {
    let since = |then: Timestamp| human::duration(time.seconds - then.seconds);
    match (phase(state, now), state) {
        (Phase::Running, State::Running { started, .. }) => format!("Up {}", since(*started)),
        (Phase::Paused, State::Running { started, .. }) => format!("Up {} (Paused)", since(*started)),
        (Phase::Exited, State::Exited { code, finished, .. }) => format!("Exited ({code}) {} ago", since(*finished)),
        (Phase::Exited, _) => format!("Exited ({LOST})"),
        _ => "Created".to_owned(),
    }
}

/// The exit code of a container that has one.
pub fn exit_code(state: &State, now: &Status) -> Option<u8> {
    match (now, state) {
        (_, State::Exited { code, .. }) => Some(*code),
        (Status::Lost, _) => Some(LOST),
        _ => None,
    }
}

/// Docker's `State`.
pub(super) fn object(state: &State, now: &Status) -> Value {
    const NEVER: &str = "0001-01-01T00:00:00Z";
    let phase = phase(state, now);
    let time = |time: Option<Timestamp>| time.map_or_else(|| NEVER.to_owned(), |time| time.to_string());
    let pid = now.pid().unwrap_or_default();
    let out_of_memory = matches!(state, State::Exited { out_of_memory: true, .. });
    let (started, finished, error) = match state {
        State::Created => (None, None, None),
        State::Running { started, .. } => (Some(*started), None, None),
        State::Exited { started, finished, error, .. } => (*started, Some(*finished), error.as_deref()),
    };
    json!({
        "Status": phase.word(),
        "Running": phase.is_alive(),
        "Paused": phase == Phase::Paused,
        "Restarting": false,
        "OOMKilled": out_of_memory,
        "Dead": false,
        "Pid": pid,
        "ExitCode": exit_code(state, now).unwrap_or_default(),
        "Error": error.unwrap_or_default(),
        "StartedAt": time(started),
        "FinishedAt": time(finished),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::ProcessMark;

    const AT: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn exited(code: u8, started: Option<Timestamp>) -> State {
        State::Exited { code, started, finished: AT, out_of_memory: false, error: None }
    }

    fn running() -> State {
        let process = ProcessMark { pid: 7, ticks: 8, boot: "b".to_owned() };
        State::Running { process, started: AT, ports: Vec::new() }
    }

    #[test]
    fn states_are_told_as_docker_tells_them() {
        let time = Timestamp::from_seconds(AT.seconds + 3 * 3600);
        for (state, now, word, line) in [
            (State::Created, Status::Created, "created", "Created"),
            (exited(0, Some(AT)), Status::Exited(0), "exited", "Exited (0) 3 hours ago"),
            (exited(137, Some(AT)), Status::Exited(137), "exited", "Exited (137) 3 hours ago"),
            (exited(127, None), Status::Exited(127), "created", "Created"),
            (running(), Status::Running(7), "running", "Up 3 hours"),
            (running(), Status::Paused(7), "paused", "Up 3 hours (Paused)"),
            (running(), Status::Lost, "exited", "Exited (137)"),
        ] {
            assert_eq!((phase(&state, &now).word(), status(&state, &now, time).as_str()), (word, line), "{state:?}");
        }
    }

    #[test]
    fn the_object_has_dockers_fields() {
        let text = object(&exited(3, Some(AT)), &Status::Exited(3)).to_string();
        let expected = concat!(
            r#"{"Status":"exited","Running":false,"Paused":false,"Restarting":false,"OOMKilled":false,"Dead":false,"#,
            r#""Pid":0,"ExitCode":3,"Error":"","StartedAt":"2023-11-14T22:13:20Z","FinishedAt":"2023-11-14T22:13:20Z"}"#
        );
        assert_eq!(text, expected);
        let live = object(&running(), &Status::Paused(7));
        assert_eq!((&live["Pid"], &live["Running"], &live["Paused"]), (&json!(7), &json!(true), &json!(true)));
        assert_eq!(live["FinishedAt"], "0001-01-01T00:00:00Z");
        assert_eq!(object(&running(), &Status::Lost)["ExitCode"], 137);
    }
}
