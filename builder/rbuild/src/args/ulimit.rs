//! `--ulimit NAME=SOFT[:HARD]`.

use super::usage;
use crate::error::Result;
use rbuild_runner::{Limit, Resource};

/// One limit; -1 is unlimited. Without a hard value it is the soft one.
pub(crate) fn parse(text: &str) -> Result<Limit> {
    let (name, values) = text.split_once('=').ok_or_else(|| invalid(text))?;
    let resource = resource(name).ok_or_else(|| {
        usage(format!(
            "--ulimit: there is no limit {name:?}: there are core, cpu, data, fsize, locks, memlock, msgqueue, nice, \
             nofile, nproc, rss, rtprio, rttime, sigpending and stack"
        ))
    })?;
    let (soft, hard) = values.split_once(':').map_or((values, values), |(soft, hard)| (soft, hard));
    let (soft, hard) = (value(soft).ok_or_else(|| invalid(text))?, value(hard).ok_or_else(|| invalid(text))?);
    if soft.unwrap_or(u64::MAX) > hard.unwrap_or(u64::MAX) {
        return Err(usage(format!("--ulimit {text}: the soft limit is above the hard limit")));
    }
    Ok(Limit { resource, soft, hard })
}

fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "core" => Resource::Core,
        "cpu" => Resource::Cpu,
        "data" => Resource::Data,
        "fsize" => Resource::Fsize,
        "locks" => Resource::Locks,
        "memlock" => Resource::Memlock,
        "msgqueue" => Resource::Msgqueue,
        "nice" => Resource::Nice,
        "nofile" => Resource::Nofile,
        "nproc" => Resource::Nproc,
        "rss" => Resource::Rss,
        "rtprio" => Resource::Rtprio,
        "rttime" => Resource::Rttime,
        "sigpending" => Resource::Sigpending,
        "stack" => Resource::Stack,
        _ => return None,
    })
}

/// The outer option is whether it is a value at all.
#[allow(clippy::option_option)]
fn value(text: &str) -> Option<Option<u64>> {
    if text == "-1" { Some(None) } else { text.parse().ok().map(Some) }
}

fn invalid(text: &str) -> crate::error::Error {
    usage(format!("--ulimit {text:?} is not valid: write NAME=SOFT[:HARD], -1 for unlimited"))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn every_form() {
        check(
            parse,
            &[
                ("nofile=1024", "Limit { resource: Nofile, soft: Some(1024), hard: Some(1024) }"),
                ("nofile=1024:4096", "Limit { resource: Nofile, soft: Some(1024), hard: Some(4096) }"),
                ("core=0:-1", "Limit { resource: Core, soft: Some(0), hard: None }"),
                ("core=-1", "Limit { resource: Core, soft: None, hard: None }"),
                ("nofile", "--ulimit \"nofile\" is not valid: write NAME=SOFT[:HARD], -1 for unlimited"),
                ("nofile=", "--ulimit \"nofile=\" is not valid: write NAME=SOFT[:HARD], -1 for unlimited"),
                ("nofile=1:2:3", "--ulimit \"nofile=1:2:3\" is not valid: write NAME=SOFT[:HARD], -1 for unlimited"),
                ("nofile=-2", "--ulimit \"nofile=-2\" is not valid: write NAME=SOFT[:HARD], -1 for unlimited"),
                ("nofile=5:4", "--ulimit nofile=5:4: the soft limit is above the hard limit"),
                ("nofile=-1:4", "--ulimit nofile=-1:4: the soft limit is above the hard limit"),
                (
                    "files=5",
                    "--ulimit: there is no limit \"files\": there are core, cpu, data, fsize, locks, memlock, msgqueue, \
                 nice, nofile, nproc, rss, rtprio, rttime, sigpending and stack",
                ),
            ],
        );
    }
}
