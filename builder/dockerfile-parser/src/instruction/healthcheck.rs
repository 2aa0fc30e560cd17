//! `HEALTHCHECK NONE` and `HEALTHCHECK [flags] CMD …`. Knows nothing of engines' defaults.
use super::{Command, Kind, missing, some_arguments};
use crate::error::{Error, ErrorKind};
use crate::flags::{self, Flags, Type};
use crate::span::Text;
use crate::tree::Node;
use crate::{duration, unicode};
use std::time::Duration;

/// How to tell that a container is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Healthcheck {
    /// `NONE`: drop what the base image says.
    None,
    /// `CMD`.
    Cmd(Command, Timing),
}

/// `HEALTHCHECK`'s flags; zero and absent are the same: the engine's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// `--interval`.
    pub interval: Duration,
    /// `--timeout`.
    pub timeout: Duration,
    /// `--start-period`.
    pub start_period: Duration,
    /// `--start-interval`.
    pub start_interval: Duration,
    /// `--retries`.
    pub retries: u32,
}

const FLAGS: [(&str, Type); 5] = [
    ("interval", Type::Text),
    ("timeout", Type::Text),
    ("start-period", Type::Text),
    ("start-interval", Type::Text),
    ("retries", Type::Text),
];

/// Shorter than this only zero will do.
const SHORTEST: Duration = Duration::from_millis(1);

/// `NONE` does not look at flags, as in BuildKit.
pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    let args = some_arguments(node)?;
    let (kind, command) = (&args[0], &args[1..]);
    let name = unicode::lower(&kind.bytes).to_ascii_uppercase();
    if name == "NONE" {
        return match command.first() {
            Some(extra) => Err(Error::new(ErrorKind::HealthcheckNone, extra.span)),
            None => Ok(Kind::Healthcheck(Healthcheck::None)),
        };
    }
    let flags = Flags::check(node, &FLAGS)?;
    if name != "CMD" {
        let error = Error::new(ErrorKind::HealthcheckType(kind.to_str_lossy().into_owned()), kind.span);
        return Err(error.suggesting(&name, ["CMD", "NONE"]));
    }
    if command.is_empty() {
        let error = Error::new(ErrorKind::HealthcheckCommand, missing(node));
        return Err(error.with_hint("as in HEALTHCHECK CMD curl -f http://localhost/"));
    }
    Ok(Kind::Healthcheck(Healthcheck::Cmd(Command::of(node), timing(flags)?)))
}

fn timing(mut flags: Flags) -> Result<Timing, Error> {
    let mut interval = |name: &str| flags.text(name).map_or(Ok(Duration::ZERO), |value| duration(name, &value));
    let (every, timeout) = (interval("interval")?, interval("timeout")?);
    let (start_period, start_interval) = (interval("start-period")?, interval("start-interval")?);
    let retries = flags.text("retries").map_or(Ok(0), |value| retries(&value))?;
    Ok(Timing { interval: every, timeout, start_period, start_interval, retries })
}

fn duration(name: &str, value: &Text) -> Result<Duration, Error> {
    let flag = format!("--{name}");
    let invalid = |expected| flags::invalid(&flag, value, expected);
    let amount = duration::go_duration(&value.to_str_lossy());
    let amount = amount.ok_or_else(|| {
        let (error, is_number) =
            (invalid("must be a duration, such as 1m30s"), value.bytes.iter().all(u8::is_ascii_digit));
        if is_number { error.with_hint(format!("did you mean {}s?", value.to_str_lossy())) } else { error }
    })?;
    let fits = amount.is_zero() || amount >= SHORTEST;
    if fits { Ok(amount) } else { Err(invalid("must be 0 or at least 1ms")) }
}

fn retries(value: &Text) -> Result<u32, Error> {
    let parsed = value.to_str_lossy().parse::<i32>().ok().and_then(|count| u32::try_from(count).ok());
    parsed.ok_or_else(|| flags::invalid("--retries", value, "must be a number, 0 or more"))
}
