//! `--chmod`: octal, or clauses as the chmod(1) of FreeBSD takes them, and BuildKit with it. Pure.

use crate::error::{Error, Result};
use rbuild_graph::Chmod;

/// The mode that `change` makes of `mode`.
pub(super) fn apply(change: &Chmod, mode: u32, directory: bool) -> Result<u32> {
    match change {
        Chmod::Octal(bits) => Ok(*bits),
        Chmod::Symbolic(text) => {
            let search = directory || mode & 0o111 != 0;
            text.split(',').try_fold(mode, |mode, clause| apply_clause(clause, mode, search)).ok_or_else(|| {
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

/// `search` is what `X` goes by: whether the file is a directory or could be executed before any clause.
fn apply_clause(clause: &str, mut mode: u32, search: bool) -> Option<u32> {
    let at = clause.find(OPERATORS)?;
    let who = who(&clause[..at])?;
    let mut rest = &clause[at..];
    while let Some(operator) = rest.chars().next() {
        let end = rest[1..].find(OPERATORS).map_or(rest.len(), |next| next + 1);
        mode = Action { operator, who }.apply(&rest[1..end], mode, search)?;
        rest = &rest[end..];
    }
    Some(mode)
}

const OPERATORS: [char; 3] = ['+', '-', '='];

/// The bits that belong to the named classes, set-id bits with them; none for no class.
fn who(text: &str) -> Option<u32> {
    text.chars().try_fold(0, |mask, char| {
        Some(
            mask | match char {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o0007,
                'a' => 0o6777,
                _ => return None,
            },
        )
    })
}

/// An operator and whom it is about; nobody named is everybody.
#[derive(Clone, Copy)]
struct Action {
    operator: char,
    who: u32,
}

impl Action {
    fn apply(mut self, letters: &str, mut mode: u32, search: bool) -> Option<u32> {
        let (mut bits, mut on_search) = (0, 0);
        let mut replaces = self.operator == '=';
        let not_only_others = self.who & !0o007 != 0 || self.who == 0;
        for letter in letters.chars() {
            match letter {
                'r' => bits |= 0o444,
                'w' => bits |= 0o222,
                'X' if self.operator != '-' => on_search = 0o111,
                'x' | 'X' => bits |= 0o111,
                's' | 't' if !not_only_others => {}
                's' => bits |= 0o6000,
                't' => {
                    self.who |= 0o1000;
                    bits |= 0o1000;
                }
                'u' | 'g' | 'o' => {
                    mode = self.add_search(self.change(mode, bits, false), on_search, search);
                    mode = self.copy(mode, letter);
                    (bits, on_search, replaces) = (0, 0, false);
                }
                _ => return None,
            }
        }
        Some(self.add_search(self.change(mode, bits, replaces), on_search, search))
    }

    /// Changes bits; where there are none, only an `=` that `replaces` does something.
    const fn change(self, mode: u32, bits: u32, replaces: bool) -> u32 {
        let (clears, may) = if self.who == 0 { (0o6777, 0o7777) } else { (self.who, self.who) };
        match self.operator {
            '+' => mode | bits & may,
            '-' => mode & !(bits & may),
            _ if bits == 0 && !replaces => mode,
            _ => mode & !clears | bits & may,
        }
    }

    const fn add_search(self, mode: u32, bits: u32, search: bool) -> u32 {
        let may = if self.who == 0 { 0o7777 } else { self.who };
        if search { mode | bits & may } else { mode }
    }

    /// Takes over what another class may do.
    const fn copy(self, mode: u32, from: char) -> u32 {
        let shift = match from {
            'u' => 6,
            'g' => 3,
            _ => 0,
        };
        let classes = if self.who == 0 { 0o777 } else { self.who & 0o777 };
        let bits = (((mode >> shift) & 7) * 0o111) & classes;
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => mode & !classes | bits,
        }
    }
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
            ("g=rx", 0o2755, true, 0o755),
            ("+t", 0o777, true, 0o1777),
            ("u-w+x", 0o600, false, 0o500),
            ("a=X", 0o644, false, 0),
            ("a-x,a+X", 0o755, false, 0o755),
            ("a=,a+X", 0o600, false, 0),
            ("g=u", 0o6750, false, 0o6770),
            ("o=t", 0o1777, true, 0o1770),
            ("=t", 0o755, true, 0o1755),
            ("a+s", 0o755, false, 0o6755),
            ("o+s", 0o755, false, 0o755),
            ("ug=rwo", 0o4641, false, 0o111),
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
