//! What a Dockerfile may only have when the command line allows it. Knows no process: the graph says what is asked for.

use crate::error::{Error, Result};
use rbuild_graph::{BuildGraph, Network, Op, RunOp, Security};
use std::collections::BTreeSet;
use std::fmt;

/// Something that `--allow` allows; by the names that buildx has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entitlement {
    /// `RUN --network=host`: the network of the machine, by name.
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

/// Parses the values of `--allow`. Who gives every step the network of the machine allows it by that.
pub(super) fn parse(texts: &[String], network: Network) -> Result<BTreeSet<Entitlement>> {
    let parse = |text: &String| {
        let found = Entitlement::ALL.into_iter().find(|entitlement| entitlement.name() == text);
        let known = Entitlement::ALL.map(Entitlement::name).join(", ");
        found.ok_or_else(|| Error::Usage(format!("--allow {text:?} is not known: use {known}")))
    };
    let network = (network == Network::Host).then_some(Ok(Entitlement::NetworkHost));
    texts.iter().map(parse).chain(network).collect()
}

/// Refuses a graph with a step that asks for more than is allowed, whether or not its result is known.
pub fn check(graph: &BuildGraph, allowed: &BTreeSet<Entitlement>) -> Result<()> {
    for (_, vertex) in graph.iter() {
        let Op::Run(run) = &vertex.op else { continue };
        if let Some(entitlement) = asked(run).find(|entitlement| !allowed.contains(entitlement)) {
            let source = Box::new(Error::NotAllowed { entitlement: entitlement.name() });
            return Err(Error::At { step: vertex.place.to_string(), span: vertex.place.span, hint: None, source });
        }
    }
    Ok(())
}

fn asked(run: &RunOp) -> impl Iterator<Item = Entitlement> {
    let insecure = (run.security == Security::Insecure).then_some(Entitlement::SecurityInsecure);
    let host = (run.network == Network::Host).then_some(Entitlement::NetworkHost);
    insecure.into_iter().chain(host)
}
