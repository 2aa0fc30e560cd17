//! Signals as the command line and images name them: a number, or a name with or without SIG in any case. Sends none.

use super::usage;
use crate::error::Result;

/// Linux's on the processors that rbuild runs on (signal(7)); the first of two names for one number is the usual one.
const NAMES: [(&str, i32); 36] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("RTMIN", RTMIN),
    ("RTMAX", RTMAX),
];

/// The real-time signals that a C library leaves to programs.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// The number of a signal.
pub(crate) fn parse(text: &str) -> Result<i32> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Ok(number) = name.parse::<i32>() {
        return if (1..=RTMAX).contains(&number) { Ok(number) } else { Err(unknown(text, name)) };
    }
    let distance = |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.parse::<i32>().ok());
    let real_time = distance("RTMIN+").map(|above| RTMIN + above).or(distance("RTMAX-").map(|below| RTMAX - below));
    let named = NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    let known = named.or(real_time.filter(|number| (RTMIN..=RTMAX).contains(number)));
    known.ok_or_else(|| unknown(text, name))
}

fn unknown(text: &str, name: &str) -> crate::error::Error {
    let near = dockerfile_parser::did_you_mean(name, NAMES.iter().map(|(known, _)| *known));
    let near =
        near.map_or_else(|| "give a name such as TERM, or a number".to_owned(), |near| format!("did you mean {near}?"));
    usage(format!("{text:?} is no signal: {near}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_and_numbers() {
        crate::args::check(
            super::parse,
            &[
                ("TERM", "15"),
                ("sigterm", "15"),
                ("SIGKILL", "9"),
                ("9", "9"),
                ("iot", "6"),
                ("RTMIN", "34"),
                ("SIGRTMIN+3", "37"),
                ("rtmax-1", "63"),
                ("64", "64"),
                ("0", "\"0\" is no signal: give a name such as TERM, or a number"),
                ("65", "\"65\" is no signal: give a name such as TERM, or a number"),
                ("-9", "\"-9\" is no signal: give a name such as TERM, or a number"),
                ("TREM", "\"TREM\" is no signal: did you mean TERM?"),
                ("RTMAX+1", "\"RTMAX+1\" is no signal: did you mean RTMAX?"),
                ("", "\"\" is no signal: give a name such as TERM, or a number"),
            ],
        );
    }
}
