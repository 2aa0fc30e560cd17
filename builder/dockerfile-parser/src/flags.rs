//! `--flag`, `--flag=value`: names, repetition and types checked against what an instruction takes.
//! Knows nothing of what a flag does.
use crate::error::{Error, ErrorKind};
use crate::span::Text;
use crate::tree::Node;
use std::collections::BTreeMap;

/// How a flag is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// `--flag`, `--flag=true`, `--flag=false`.
    Bool,
    /// `--flag=value`, once.
    Text,
    /// `--flag=value`, any number of times.
    List,
}

/// The flags of one instruction by name, without dashes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    given: BTreeMap<&'static str, Vec<Text>>,
}

impl Flags {
    /// Checks the node's flags against `known`.
    pub(crate) fn check(node: &Node, known: &'static [(&'static str, Type)]) -> Result<Flags, Error> {
        let mut flags = Flags::default();
        for flag in &node.flags {
            flags.add(flag, known)?;
        }
        Ok(flags)
    }

    fn add(&mut self, flag: &Text, known: &'static [(&'static str, Type)]) -> Result<(), Error> {
        let (dashed, value) = match flag.split_once(b'=') {
            Some((dashed, value)) => (dashed, Some(value)),
            None => (flag.clone(), None),
        };
        let shown = dashed.to_str_lossy().into_owned();
        let name = shown.strip_prefix("--").unwrap_or(&shown);
        let Some((name, kind)) = known.iter().find(|(known, _)| *known == name) else {
            let error = Error::new(ErrorKind::UnknownFlag(shown.clone()), dashed.span);
            return Err(suggest_flag(error, name, known));
        };
        let values = self.given.entry(name).or_default();
        if *kind != Type::List && !values.is_empty() {
            return Err(Error::new(ErrorKind::DuplicateFlag(shown), flag.span));
        }
        values.push(checked(*kind, &shown, flag, value)?);
        Ok(())
    }

    /// The value of a text flag; empty counts as absent.
    pub(crate) fn text(&mut self, name: &str) -> Option<Text> {
        self.list(name).pop().filter(|value| !value.is_empty())
    }

    /// All values of a flag, in order.
    pub(crate) fn list(&mut self, name: &str) -> Vec<Text> {
        self.given.remove(name).unwrap_or_default()
    }

    /// The value of a bool flag.
    pub(crate) fn bool(&mut self, name: &str) -> Option<bool> {
        self.list(name).pop().map(|value| !value.bytes.eq_ignore_ascii_case(b"false"))
    }
}

fn suggest_flag(error: Error, name: &str, known: &[(&'static str, Type)]) -> Error {
    let names = || known.iter().map(|(name, _)| *name);
    if let Some(near) = crate::look_alike(name, names()) {
        return error.with_hint(format!("did you mean --{near}?"));
    }
    match names().map(|name| format!("--{name}")).collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => error.with_hint("this instruction takes no flags"),
        all => error.with_hint(format!("this instruction takes {all}")),
    }
}

/// The value if it is of its type; that of a bare bool flag is empty.
fn checked(kind: Type, shown: &str, flag: &Text, value: Option<Text>) -> Result<Text, Error> {
    let missing = || {
        let error = Error::new(ErrorKind::FlagValueMissing(shown.to_owned()), flag.span);
        error.with_hint(format!("without blanks, as in {shown}=VALUE"))
    };
    let Some(value) = value else {
        return if kind == Type::Bool { Ok(Text::new("", flag.span)) } else { Err(missing()) };
    };
    if kind != Type::Bool {
        return Ok(value);
    }
    match &value.bytes.to_ascii_lowercase()[..] {
        b"" => Err(missing()),
        b"true" | b"false" => Ok(value),
        _ => Err(invalid(shown, &value, "must be true or false")),
    }
}

/// A value that is not of its type.
pub(crate) fn invalid(shown: &str, value: &Text, expected: &'static str) -> Error {
    let kind = ErrorKind::FlagValue { flag: shown.to_owned(), value: value.to_str_lossy().into_owned(), expected };
    Error::new(kind, value.span)
}

/// The spellings of a bool that Go's strconv takes.
pub fn go_bool(value: &[u8]) -> Option<bool> {
    match value {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Some(false),
        _ => None,
    }
}
