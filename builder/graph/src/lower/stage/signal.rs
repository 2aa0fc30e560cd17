//! Names of Linux signals. Knows nothing of processes.

const NAMES: [&str; 36] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];

/// Whether `text` is a signal's number or, with or without SIG, its name.
pub(super) fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i64>() {
        return number > 0;
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let distance = |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.parse::<u32>().ok());
    NAMES.contains(&name)
        || distance("RTMIN+").is_some_and(|above| (1..=15).contains(&above))
        || distance("RTMAX-").is_some_and(|below| (1..=14).contains(&below))
}

/// The signal whose name is nearest, written as `text` is: with or without SIG.
pub(super) fn nearest(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let (prefix, name) = upper.strip_prefix("SIG").map_or(("", &upper[..]), |name| ("SIG", name));
    dockerfile_parser::did_you_mean(name, NAMES).map(|near| format!("{prefix}{near}"))
}

#[cfg(test)]
mod tests {
    use super::is_signal;

    #[test]
    fn names_and_numbers() {
        for text in ["SIGTERM", "term", "9", "SIGRTMIN+3", "rtmax-14", "Int"] {
            assert!(is_signal(text), "{text}");
        }
        for text in ["", "0", "-9", "SIGNONE", "RTMIN+16", "SIG", "RTMIN+x"] {
            assert!(!is_signal(text), "{text}");
        }
    }
}
