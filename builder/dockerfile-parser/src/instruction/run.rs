//! `RUN` with its flags. Knows nothing of the shell that runs it.
use super::{Command, Kind};
use crate::error::{Error, ErrorKind};
use crate::flags::{self, Flags, Type};
use crate::mount::MountFlag;
use crate::span::Text;
use crate::tree::{Heredoc, Node};
use crate::{csv, heredoc, unicode};

/// A command run in the build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The command line; heredocs are not yet part of it, see [`Run::script`].
    pub command: Command,
    /// `--mount`, in order.
    pub mounts: Vec<MountFlag>,
    /// `--network`.
    pub network: Network,
    /// `--security`.
    pub security: Security,
    /// `--device`, in order.
    pub devices: Vec<Device>,
    /// Heredocs, in order.
    pub heredocs: Vec<Heredoc>,
}

/// `--network`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// What the builder gives.
    #[default]
    Default,
    /// Loopback only.
    None,
    /// The host's.
    Host,
}

/// `--security`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Confined.
    #[default]
    Sandbox,
    /// Unconfined.
    Insecure,
}

/// `--device`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// CDI name; may be empty.
    pub name: Text,
    /// Fail when it is not there.
    pub required: bool,
}

/// What is run, heredocs taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script<'a> {
    /// These arguments, without a shell.
    Exec(&'a [Text]),
    /// This text, as the argument of the shell.
    Shell(Vec<u8>),
    /// A sole heredoc that begins with `#!`: written to `/dev/pipes/NAME`, mode 0755, and that path handed to the shell.
    File {
        /// The heredoc's name.
        name: &'a Text,
        /// The file's content.
        body: Vec<u8>,
    },
}

const FLAGS: [(&str, Type); 4] =
    [("mount", Type::List), ("network", Type::Text), ("security", Type::Text), ("device", Type::List)];

pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    let mut flags = Flags::check(node, &FLAGS)?;
    let command = Command::of(node);
    if let Some(heredoc) = node.heredocs.first().filter(|_| command.is_empty()) {
        return Err(Error::new(ErrorKind::HeredocWithoutCommand, heredoc.name.span));
    }
    Ok(Kind::Run(Box::new(Run {
        command,
        mounts: flags.list("mount").iter().map(MountFlag::parse).collect::<Result<_, _>>()?,
        network: choice("--network", flags.list("network").pop(), &NETWORKS, "must be default, none or host")?,
        security: choice("--security", flags.list("security").pop(), &SECURITIES, "must be sandbox or insecure")?,
        devices: flags.list("device").iter().map(device).collect::<Result<_, _>>()?,
        heredocs: node.heredocs.clone(),
    })))
}

const NETWORKS: [(&str, Network); 3] =
    [("default", Network::Default), ("none", Network::None), ("host", Network::Host)];
const SECURITIES: [(&str, Security); 2] = [("sandbox", Security::Sandbox), ("insecure", Security::Insecure)];

/// One of a few words, in this very case; absent is the default.
fn choice<T: Copy + Default>(
    flag: &str,
    value: Option<Text>,
    names: &[(&'static str, T)],
    expected: &'static str,
) -> Result<T, Error> {
    let Some(value) = value else { return Ok(T::default()) };
    let found = names.iter().find(|(name, _)| name.as_bytes() == value.bytes).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        flags::invalid(flag, &value, expected).suggesting(&value.to_str_lossy(), names.iter().map(|(name, _)| *name))
    })
}

fn device(text: &Text) -> Result<Device, Error> {
    let mut device = Device::default();
    for field in csv::fields("--device", text)? {
        device_field(&mut device, &field)?;
    }
    Ok(device)
}

/// `name=N`, `required`, `required=B`; the first field that is none of these is the name.
fn device_field(device: &mut Device, field: &Text) -> Result<(), Error> {
    let pair = field.split_once(b'=');
    let key = unicode::lower(&pair.as_ref().map_or(field, |(key, _)| key).bytes);
    match (&key[..], pair) {
        ("required", None) => device.required = true,
        ("required", Some((_, value))) => {
            let required = flags::go_bool(&value.bytes);
            device.required = required.ok_or_else(|| flags::invalid("required", &value, "must be true or false"))?;
        }
        ("name", Some(_)) if !device.name.is_empty() => {
            let name = device.name.to_str_lossy().into_owned();
            return Err(Error::new(ErrorKind::DeviceNamedTwice(name), field.span));
        }
        ("name", Some((_, value))) => device.name = value,
        _ if device.name.is_empty() => device.name = field.clone(),
        (_, None) => {
            return Err(Error::new(ErrorKind::FieldValueMissing(field.to_str_lossy().into_owned()), field.span));
        }
        (_, Some((written, _))) => {
            let kind = ErrorKind::UnknownKey { key: written.to_str_lossy().into_owned(), flag: "--device" };
            return Err(Error::new(kind, written.span).suggesting(&key, ["name", "required"]));
        }
    }
    Ok(())
}

impl Run {
    /// What is to be run. A sole heredoc is the script itself; others are handed to the shell with the line.
    pub fn script(&self) -> Script<'_> {
        let line = match &self.command {
            Command::Exec(args) => return Script::Exec(args),
            Command::Shell(line) => line,
        };
        let Some(first) = self.heredocs.first() else { return Script::Shell(line.bytes.clone()) };
        if heredoc::as_argument(line).is_none() {
            return Script::Shell(heredoc::rebuilt(&line.bytes, &self.heredocs));
        }
        let body = first.body();
        if body.starts_with(b"#!") { Script::File { name: &first.name, body } } else { Script::Shell(body) }
    }
}
