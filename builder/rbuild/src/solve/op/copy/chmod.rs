//! `--chmod`: octal, or clauses as chmod(1) takes them. Pure.

use crate::error::{Error, Result};
use rbuild_graph::Chmod;

/// The mode that `change` makes of `mode`.
pub(super) fn apply(change: &Chmod, mode: u32, directory: bool) -> Result<u32> {
    match change {
        Chmod::Octal(bits) => Ok(*bits),
        Chmod::Symbolic(text) => {
            text.split(',').try_fold(mode, |mode, clause| apply_clause(clause, mode, directory)).ok_or_else(|| {
                Error::Step(format!("invalid chmod {text:?}: write an octal mode or clauses such as u=rwX,go-w"))
            })
        }
    }
}

/// The mode of directories made on the way to a destination: the octal permissions, without set-id and sticky bits;
/// clauses say nothing of them.
pub(super) const fn of_made_directories(change: &Chmod) -> u32 {
    match change {
        Chmod::Octal(bits) => *bits & 0o777,
        Chmod::Symbolic(_) => 0o755,
    }
}

fn apply_clause(clause: &str, mut mode: u32, directory: bool) -> Option<u32> {
    let at = clause.find(['+', '-', '='])?;
    let who = who(&clause[..at])?;
    let mut rest = &clause[at..];
    while let Some(operator) = rest.chars().next() {
        let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |next| next + 1);
        let bits = bits(&rest[1..end], who, mode, directory)?;
        mode = match operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => mode & !(who | special(who, directory)) | bits,
        };
        rest = &rest[end..];
    }
    Some(mode)
}

/// The permission bits that belong to the named classes.
fn who(text: &str) -> Option<u32> {
    if text.is_empty() {
        return Some(0o777);
    }
    text.chars().try_fold(0, |mask, char| {
        Some(
            mask | match char {
                'u' => 0o700,
                'g' => 0o070,
                'o' => 0o007,
                'a' => 0o777,
                _ => return None,
            },
        )
    })
}

/// Set-id and sticky bits that `=` clears with those classes; directories keep theirs, as with chmod(1).
const fn special(who: u32, directory: bool) -> u32 {
    if directory {
        return 0;
    }
    let mut bits = 0;
    if who & 0o700 != 0 {
        bits |= 0o4000;
    }
    if who & 0o070 != 0 {
        bits |= 0o2000;
    }
    bits
}

fn bits(text: &str, who: u32, mode: u32, directory: bool) -> Option<u32> {
    if let "u" | "g" | "o" = text {
        let shift = match text {
            "u" => 6,
            "g" => 3,
            _ => 0,
        };
        return Some(((mode >> shift & 7) * 0o111) & who);
    }
    text.chars().try_fold(0, |bits, char| {
        Some(
            bits | match char {
                'r' => 0o444 & who,
                'w' => 0o222 & who,
                'x' => 0o111 & who,
                'X' if directory || mode & 0o111 != 0 => 0o111 & who,
                'X' => 0,
                's' => special(who, false),
                't' => 0o1000,
                _ => return None,
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_do_what_chmod_does() {
        for (text, mode, directory, expected) in [
            ("u=rwX,go-w", 0o666, false, 0o644),
            ("u=rwX,go=rX", 0o700, true, 0o755),
            ("a+x", 0o644, false, 0o755),
            ("+x", 0o600, false, 0o711),
            ("go=", 0o777, false, 0o700),
            ("g=u", 0o640, false, 0o660),
            ("u+s,g+s", 0o755, false, 0o6755),
            ("u=rx", 0o4755, false, 0o555),
            ("g=rx", 0o2755, true, 0o2755),
            ("+t", 0o777, true, 0o1777),
            ("u-w+x", 0o600, false, 0o500),
            ("a=X", 0o644, false, 0),
        ] {
            let change = Chmod::Symbolic(text.to_owned());
            assert_eq!(apply(&change, mode, directory).unwrap(), expected, "{text} on {mode:o}");
        }
        assert_eq!(apply(&Chmod::Octal(0o4711), 0o600, false).unwrap(), 0o4711);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "rwx", "z+x", "u+q", "u=rw;"] {
            assert!(apply(&Chmod::Symbolic(text.to_owned()), 0, false).is_err(), "{text}");
        }
    }
}
