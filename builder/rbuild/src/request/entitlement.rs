//! What a Dockerfile may only have when the command line allows it. Knows no process: the graph says what is asked for.

use crate::error::{Error, Result};
use rbuild_graph::{BuildGraph, Op, Security};
use std::collections::BTreeSet;
use std::fmt;

/// Something that `--allow` allows; by the names that buildx has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entitlement {
    /// The network of the machine. Steps have it without being allowed: there is no other.
    NetworkHost,
    /// `RUN --security=insecure`: every capability and no filter of system calls.
    SecurityInsecure,
    /// `--output type=local,mode=delete`: whoever writes that means it, so it is done without being allowed.
    LocalDelete,
}

impl Entitlement {
    const ALL: [Self; 3] = [Self::NetworkHost, Self::SecurityInsecure, Self::LocalDelete];

    const fn name(self) -> &'static str {
        match self {
            Self::NetworkHost => "network.host",
            Self::SecurityInsecure => "security.insecure",
            Self::LocalDelete => "buildx.local.delete",
        }
    }
}

impl fmt::Display for Entitlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Parses the values of `--allow`.
pub(super) fn parse(texts: &[String]) -> Result<BTreeSet<Entitlement>> {
    let parse = |text: &String| {
        let found = Entitlement::ALL.into_iter().find(|entitlement| entitlement.name() == text);
        let known = Entitlement::ALL.map(Entitlement::name).join(", ");
        found.ok_or_else(|| Error::Usage(format!("--allow {text:?} is not known: use {known}")))
    };
    texts.iter().map(parse).collect()
}

/// Refuses a graph with a step that asks for more than is allowed, whether or not its result is known.
pub fn check(graph: &BuildGraph, allowed: &BTreeSet<Entitlement>) -> Result<()> {
    for (_, vertex) in graph.iter() {
        if let Some(entitlement) = asked(&vertex.op).filter(|entitlement| !allowed.contains(entitlement)) {
            let source = Box::new(Error::NotAllowed { entitlement });
            return Err(Error::At { step: vertex.place.to_string(), span: vertex.place.span, hint: None, source });
        }
    }
    Ok(())
}

fn asked(op: &Op) -> Option<Entitlement> {
    match op {
        Op::Run(run) if run.security == Security::Insecure => Some(Entitlement::SecurityInsecure),
        _ => None,
    }
}
