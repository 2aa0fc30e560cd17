//! `--memory`, `--cpus`, `--pids-limit` and the like, as Docker reads them.

use super::usage;
use crate::args::{LimitArgs, size};
use crate::container::model::Limits;
use crate::error::Result;

/// Docker's smallest.
const LEAST_MEMORY: u64 = 6 << 20;
const NANO: u64 = 1_000_000_000;

/// All limits together; `processors` is how many the machine has, which is asked only where it counts.
pub(crate) fn parse(args: &LimitArgs, processors: &dyn Fn() -> u64) -> Result<Limits> {
    let memory = args.memory.as_deref().map(|text| memory("--memory", text)).transpose()?.flatten();
    let reservation = args.memory_reservation.as_deref().map(|text| self::memory("--memory-reservation", text));
    let memory_reservation = reservation.transpose()?.flatten();
    if let (Some(most), Some(reserved)) = (memory, memory_reservation)
        && reserved > most
    {
        return Err(usage("--memory-reservation has to be smaller than --memory"));
    }
    Ok(Limits {
        memory,
        memory_swap: swap(args.memory_swap.as_deref(), memory)?,
        memory_reservation,
        nano_cpus: args.cpus.as_deref().map(|text| cpus(text, processors())).transpose()?.flatten(),
        cpu_shares: args.cpu_shares.map(shares).transpose()?.flatten(),
        cpuset_cpus: args.cpuset_cpus.as_deref().filter(|text| !text.is_empty()).map(cpuset).transpose()?,
        pids: args.pids_limit.map(pids).transpose()?.flatten(),
        oom_score_adj: args.oom_score_adj.map(score).transpose()?,
    })
}

/// Bytes; 0 is no limit.
fn memory(flag: &str, text: &str) -> Result<Option<u64>> {
    match size::bytes(flag, text)? {
        0 => Ok(None),
        bytes if bytes < LEAST_MEMORY => Err(usage(format!("{flag} {text}: the least memory is 6m"))),
        bytes if bytes > i64::MAX as u64 => Err(usage(format!("{flag} {text} is more than the kernel counts"))),
        bytes => Ok(Some(bytes)),
    }
}

/// With a limit of memory alone, swap may be as much again.
fn swap(text: Option<&str>, memory: Option<u64>) -> Result<Option<i64>> {
    let twice = || memory.map(|memory| i64::try_from(memory.saturating_mul(2)).unwrap_or(i64::MAX));
    match (text, memory) {
        (None | Some("0"), _) => Ok(twice()),
        (Some("-1"), _) => Ok(memory.map(|_| -1)),
        (Some(text), None) => {
            Err(usage(format!("--memory-swap {text} is of memory and swap together: set --memory, too")))
        }
        (Some(text), Some(memory)) => match size::bytes("--memory-swap", text)? {
            both if both < memory => {
                Err(usage(format!("--memory-swap {text} is of memory and swap together, and smaller than --memory")))
            }
            both => Ok(Some(i64::try_from(both).unwrap_or(i64::MAX))),
        },
    }
}

/// A decimal number of processors, in billionths; 0 is no limit.
fn cpus(text: &str, processors: u64) -> Result<Option<u64>> {
    let wrong = || usage(format!("--cpus {text:?} is not a number of processors: write one such as 0.5 or 2"));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || (whole.is_empty() && part.is_empty()) {
        return Err(wrong());
    }
    if part.trim_end_matches('0').len() > 9 {
        return Err(usage(format!("--cpus {text} is too precise: nine decimal places count")));
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| wrong())? };
    let part: u64 = format!("{part:0<9}").get(..9).and_then(|nine| nine.parse().ok()).ok_or_else(wrong)?;
    let nano = whole.checked_mul(NANO).and_then(|nano| nano.checked_add(part)).ok_or_else(wrong)?;
    match nano {
        0 => Ok(None),
        nano if nano < NANO / 100 || nano > processors * NANO => Err(usage(format!(
            "--cpus {text}: the range is from 0.01 to {processors}.00, as there are only {processors} processors"
        ))),
        nano => Ok(Some(nano)),
    }
}

/// 0 is the default; the kernel knows 2 to 262144.
fn shares(number: u64) -> Result<Option<u64>> {
    match number {
        0 => Ok(None),
        2..=262_144 => Ok(Some(number)),
        _ => Err(usage(format!("--cpu-shares {number}: the range is from 2 to 262144"))),
    }
}

/// Numbers and ranges, as the kernel takes them.
fn cpuset(text: &str) -> Result<String> {
    let number = |text: &str| text.parse::<u16>().ok();
    let good = |part: &str| match part.split_once('-') {
        None => number(part).is_some(),
        Some((first, last)) => matches!((number(first), number(last)), (Some(first), Some(last)) if first <= last),
    };
    if text.split(',').all(good) {
        return Ok(text.to_owned());
    }
    Err(usage(format!("--cpuset-cpus {text:?} is not a list of processors: write one such as 0-3,5")))
}

fn pids(number: i64) -> Result<Option<u64>> {
    match number {
        -1 | 0 => Ok(None),
        1.. => Ok(Some(number.unsigned_abs())),
        _ => Err(usage(format!("--pids-limit {number}: write a number, or -1 for no limit"))),
    }
}

fn score(number: i32) -> Result<i32> {
    match number {
        -1000..=1000 => Ok(number),
        _ => Err(usage(format!("--oom-score-adj {number}: the range is from -1000 to 1000"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::typed;

    fn show(line: &str) -> String {
        parse(&typed(line), &|| 4)
            .map_or_else(|error| error.to_string(), |limits| serde_json::to_string(&limits).unwrap().replace('"', ""))
    }

    #[test]
    fn every_form() {
        for (line, expected) in [
            ("", "{}"),
            ("-m 64m", "{memory:67108864,memory_swap:134217728}"),
            ("-m 64m --memory-swap 64m", "{memory:67108864,memory_swap:67108864}"),
            ("-m 64m --memory-swap -1", "{memory:67108864,memory_swap:-1}"),
            (
                "--memory=1g --memory-reservation 512m",
                "{memory:1073741824,memory_swap:2147483648,memory_reservation:536870912}",
            ),
            ("-m 0 --memory-swap -1", "{}"),
            ("--cpus 1.5", "{nano_cpus:1500000000}"),
            ("--cpus .5", "{nano_cpus:500000000}"),
            ("--cpus 0", "{}"),
            ("--cpus 4.000000000", "{nano_cpus:4000000000}"),
            ("-c 512 --cpuset-cpus 0-1,3", "{cpu_shares:512,cpuset_cpus:0-1,3}"),
            ("--pids-limit 100", "{pids:100}"),
            ("--pids-limit -1 --cpu-shares 0", "{}"),
            ("--oom-score-adj -500", "{oom_score_adj:-500}"),
        ] {
            assert_eq!(show(line), expected, "of {line:?}");
        }
    }

    #[test]
    fn every_refusal() {
        for (line, expected) in [
            ("-m 1m", "--memory 1m: the least memory is 6m"),
            ("-m x", "--memory: \"x\" is not a size: write bytes, or a number with b, k, m, g, t"),
            ("-m 9000p", "--memory 9000p is more than the kernel counts"),
            ("--memory-swap 1g", "--memory-swap 1g is of memory and swap together: set --memory, too"),
            ("-m 64m --memory-swap 32m", "--memory-swap 32m is of memory and swap together, and smaller than --memory"),
            ("-m 64m --memory-reservation 65m", "--memory-reservation has to be smaller than --memory"),
            ("--cpus 5", "--cpus 5: the range is from 0.01 to 4.00, as there are only 4 processors"),
            ("--cpus 0.001", "--cpus 0.001: the range is from 0.01 to 4.00, as there are only 4 processors"),
            ("--cpus 1.0000000001", "--cpus 1.0000000001 is too precise: nine decimal places count"),
            ("--cpus x", "--cpus \"x\" is not a number of processors: write one such as 0.5 or 2"),
            ("--cpus .", "--cpus \".\" is not a number of processors: write one such as 0.5 or 2"),
            ("--cpu-shares 1", "--cpu-shares 1: the range is from 2 to 262144"),
            ("--cpuset-cpus 3-1", "--cpuset-cpus \"3-1\" is not a list of processors: write one such as 0-3,5"),
            ("--cpuset-cpus a", "--cpuset-cpus \"a\" is not a list of processors: write one such as 0-3,5"),
            ("--pids-limit -2", "--pids-limit -2: write a number, or -1 for no limit"),
            ("--oom-score-adj 1001", "--oom-score-adj 1001: the range is from -1000 to 1000"),
        ] {
            assert_eq!(show(line), expected, "of {line:?}");
        }
    }
}
