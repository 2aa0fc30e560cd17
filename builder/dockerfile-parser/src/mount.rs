//! `RUN --mount`: keys and values as written, and their meaning once variables are known.
//! Knows nothing of where a mount's content comes from.
use crate::error::{Error, ErrorKind};
use crate::span::{Span, Text};
use crate::{csv, duration, flags};

const FLAG: &str = "--mount";

/// One `--mount` flag, split but not expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountFlag {
    /// The flag's value.
    pub span: Span,
    /// Its fields, in order.
    pub fields: Vec<MountField>,
}

/// `key=value` or `key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountField {
    /// As written.
    pub key: Text,
    /// Unexpanded.
    pub value: Option<Text>,
}

/// A mount with every key understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// `type`.
    pub kind: MountKind,
    /// `from`; empty when absent.
    pub from: String,
    /// `source`; empty when absent.
    pub source: String,
    /// `target`; empty when absent.
    pub target: String,
    /// `readonly`, `readwrite`; without them cache and tmpfs may be written.
    pub read_only: bool,
    /// `id`; empty when absent.
    pub id: String,
    /// `sharing`.
    pub sharing: Option<Sharing>,
    /// `required`.
    pub required: bool,
    /// `size` in bytes; 0 is without limit.
    pub size: u64,
    /// `mode`.
    pub mode: Option<u32>,
    /// `uid`.
    pub uid: Option<u32>,
    /// `gid`.
    pub gid: Option<u32>,
    /// `env`: the variable that holds a secret; empty names the default.
    pub env: Option<String>,
}

/// `type` of a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MountKind {
    /// Files of the context, a stage or an image.
    #[default]
    Bind,
    /// A directory kept between builds.
    Cache,
    /// Memory.
    Tmpfs,
    /// A secret's file or variable.
    Secret,
    /// An agent's socket.
    Ssh,
}

impl MountKind {
    const NAMES: [(&'static str, MountKind); 5] = [
        ("bind", MountKind::Bind),
        ("cache", MountKind::Cache),
        ("tmpfs", MountKind::Tmpfs),
        ("secret", MountKind::Secret),
        ("ssh", MountKind::Ssh),
    ];

    /// The name as written after `type=`.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// `sharing` of a cache mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// By several writers at once.
    #[default]
    Shared,
    /// A copy for each writer.
    Private,
    /// One writer waits for the other.
    Locked,
}

const SHARINGS: [(&str, Sharing); 3] =
    [("shared", Sharing::Shared), ("private", Sharing::Private), ("locked", Sharing::Locked)];

/// The keys that exist.
const KEYS: [&str; 19] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "env",
];

impl MountFlag {
    /// Splits the flag's value. Only what no variable can change is refused here.
    pub(crate) fn parse(text: &Text) -> Result<MountFlag, Error> {
        let fields: Vec<MountField> = csv::fields(FLAG, text)?.into_iter().map(MountField::new).collect();
        for field in &fields {
            let Some(value) = field.value.as_ref().filter(|_| field.name() == "from") else { continue };
            if value.bytes.iter().position(|b| *b == b'$').is_some_and(|at| at + 1 < value.bytes.len()) {
                return Err(Error::new(ErrorKind::VariableInFrom, value.span));
            }
        }
        Ok(MountFlag { span: text.span, fields })
    }

    /// The stage or image named by `from=`; the last one counts.
    pub fn from(&self) -> Option<&Text> {
        self.fields.iter().rev().find(|field| field.name() == "from").and_then(|field| field.value.as_ref())
    }

    /// Expands the values with `expand` and applies all rules on keys, values and their combinations.
    pub fn resolve(&self, expand: &mut dyn FnMut(&Text) -> Result<String, Error>) -> Result<Mount, Error> {
        let mut resolver = Resolver::default();
        for field in &self.fields {
            match &field.value {
                None => resolver.bare(field)?,
                Some(value) => resolver.keyed(field, &Text::new(expand(value)?, value.span))?,
            }
        }
        resolver.finish(self)
    }

    /// Where a key is given, the last place first.
    fn place(&self, name: &str) -> Span {
        self.fields.iter().rev().find(|field| field.name() == name).map_or(self.span, |field| field.key.span)
    }
}

impl MountField {
    fn new(field: Text) -> Self {
        match field.split_once(b'=') {
            Some((key, value)) => MountField { key, value: Some(value) },
            None => MountField { key: field, value: None },
        }
    }

    /// The key in lower case.
    fn name(&self) -> String {
        crate::unicode::lower(&self.key.bytes)
    }
}

/// Keys take effect in order, as `type=` decides what later keys may be.
#[derive(Default)]
struct Resolver {
    mount: Mount,
    read_only: Option<bool>,
}

impl Resolver {
    /// A key without a value.
    fn bare(&mut self, field: &MountField) -> Result<(), Error> {
        match &field.name()[..] {
            "readonly" | "ro" => self.read_only = Some(true),
            "readwrite" | "rw" => self.read_only = Some(false),
            "required" => {
                self.only(field, &[MountKind::Secret, MountKind::Ssh])?;
                self.mount.required = true;
            }
            name => {
                let written = field.key.to_str_lossy().into_owned();
                let error = Error::new(ErrorKind::FieldValueMissing(written.clone()), field.key.span);
                if name.starts_with('/') {
                    return Err(error.with_hint(format!("did you mean target={written}?")));
                }
                return Err(error.suggesting(name, KEYS));
            }
        }
        Ok(())
    }

    fn keyed(&mut self, field: &MountField, value: &Text) -> Result<(), Error> {
        let name = field.name();
        let text = || value.to_str_lossy().into_owned();
        let mount = &mut self.mount;
        match &name[..] {
            "type" => {
                mount.kind = one_of(&name, value, &MountKind::NAMES, "must be bind, cache, tmpfs, secret or ssh")?;
            }
            "from" => mount.from = text(),
            "source" | "src" => mount.source = text(),
            "target" | "dst" | "destination" => mount.target = text(),
            "readonly" | "ro" => self.read_only = Some(bool_value(&name, value)?),
            "readwrite" | "rw" => self.read_only = Some(!bool_value(&name, value)?),
            "required" => {
                self.only(field, &[MountKind::Secret, MountKind::Ssh])?;
                self.mount.required = bool_value(&name, value)?;
            }
            "size" => {
                self.only(field, &[MountKind::Tmpfs])?;
                let size = duration::size(&value.to_str_lossy());
                self.mount.size = size.ok_or_else(|| flags::invalid(&name, value, "must be a size, such as 64m"))?;
            }
            "id" => mount.id = text(),
            "sharing" => {
                mount.sharing = Some(one_of(&name, value, &SHARINGS, "must be shared, private or locked")?);
            }
            "mode" => mount.mode = Some(number(&name, value, 8)?),
            "uid" => mount.uid = Some(number(&name, value, 10)?),
            "gid" => mount.gid = Some(number(&name, value, 10)?),
            "env" => mount.env = Some(text()),
            _ => {
                let kind = ErrorKind::UnknownKey { key: field.key.to_str_lossy().into_owned(), flag: FLAG };
                return Err(Error::new(kind, field.key.span).suggesting(&name, KEYS));
            }
        }
        Ok(())
    }

    fn only(&self, field: &MountField, kinds: &[MountKind]) -> Result<(), Error> {
        if kinds.contains(&self.mount.kind) { Ok(()) } else { Err(self.misplaced(&field.name(), field.key.span)) }
    }

    fn misplaced(&self, key: &str, span: Span) -> Error {
        let error = Error::new(ErrorKind::KeyForType { key: key.to_owned(), mount: self.mount.kind.name() }, span);
        let takers = match key {
            "required" => "secret and ssh",
            "size" => "tmpfs",
            "sharing" => "cache",
            "from" => "bind and cache",
            _ => "cache, secret and ssh",
        };
        error.with_hint(format!("it is a key of {takers} mounts"))
    }

    /// The rules on combinations of keys.
    fn finish(mut self, flag: &MountFlag) -> Result<Mount, Error> {
        use MountKind::{Bind, Cache, Secret, Tmpfs};
        let mount = &self.mount;
        let refused = [
            ("mode", mount.mode.is_some() && matches!(mount.kind, Bind | Tmpfs)),
            ("uid", mount.uid.is_some() && matches!(mount.kind, Bind | Tmpfs)),
            ("gid", mount.gid.is_some() && matches!(mount.kind, Bind | Tmpfs)),
            ("from", !mount.from.is_empty() && mount.kind == Secret),
            ("sharing", mount.sharing.is_some() && mount.kind != Cache),
        ];
        if let Some((key, _)) = refused.iter().find(|(_, refused)| *refused) {
            return Err(self.misplaced(key, flag.place(key)));
        }
        if mount.kind == Secret && mount.source.is_empty() && mount.target.is_empty() && mount.id.is_empty() {
            return Err(Error::new(ErrorKind::SecretUnnamed, flag.span));
        }
        if mount.kind == Secret && !mount.source.is_empty() && !mount.id.is_empty() {
            return Err(Error::new(ErrorKind::SecretNamedTwice, flag.place("id")));
        }
        let usual = !matches!(self.mount.kind, Cache | Tmpfs);
        self.mount.read_only = self.read_only.unwrap_or(usual);
        Ok(self.mount)
    }
}

fn one_of<T: Copy>(key: &str, value: &Text, names: &[(&'static str, T)], expected: &'static str) -> Result<T, Error> {
    let wanted = crate::unicode::lower(&value.bytes);
    let found = names.iter().find(|(name, _)| *name == wanted).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| flags::invalid(key, value, expected).suggesting(&wanted, names.iter().map(|(name, _)| *name)))
}

fn bool_value(key: &str, value: &Text) -> Result<bool, Error> {
    flags::go_bool(&value.bytes).ok_or_else(|| flags::invalid(key, value, "must be true or false"))
}

/// An unsigned number of 32 bits; as in Go no sign is taken.
fn number(key: &str, value: &Text, radix: u32) -> Result<u32, Error> {
    let expected = if radix == 8 { "must be an octal number" } else { "must be a number" };
    let text = value.to_str_lossy();
    let parsed = if text.starts_with('+') { None } else { u32::from_str_radix(&text, radix).ok() };
    parsed.ok_or_else(|| flags::invalid(key, value, expected))
}
