//! Build arguments that no ARG takes, which are typing errors more often than not. Knows no value.

use super::globals::EPOCH;
use super::outline::Outline;
use super::stage::PROXIES;
use super::variables::Variables;
use crate::request::Request;
use dockerfile_parser::lint::{Linter, Seen, Site};
use dockerfile_parser::{Instruction, Kind};
use std::collections::BTreeSet;

/// What ARGs declare, those of stages that are not built included.
#[derive(Debug, Default)]
pub(super) struct Declared(BTreeSet<String>);

impl Declared {
    /// Takes in what an instruction declares.
    pub(super) fn take(&mut self, instruction: &Instruction) {
        if let Kind::Arg(items) = &instruction.kind {
            self.0.extend(items.iter().map(|item| item.name.to_str_lossy().into_owned()));
        }
    }

    /// Shows the linter the build arguments that nothing takes, if there are any. `automatic` are those that are declared
    /// without an ARG.
    pub(super) fn see_unconsumed(
        mut self,
        outline: &Outline<'_>,
        request: &Request,
        automatic: &Variables,
        linter: &mut Linter,
    ) {
        outline.globals.iter().for_each(|(instruction, _)| self.take(instruction));
        outline.sections.iter().flat_map(|section| section.body).for_each(|instruction| self.take(instruction));
        let known = |name: &str| {
            self.0.contains(name)
                || name == EPOCH
                || name.starts_with("BUILDKIT_")
                || automatic.get(name).is_some()
                || PROXIES.iter().any(|proxy| proxy.eq_ignore_ascii_case(name))
        };
        let names: Vec<&str> = request.build_args.keys().map(String::as_str).filter(|name| !known(name)).collect();
        if let Some(first) = names.first() {
            let near = dockerfile_parser::did_you_mean(first, self.0.iter().map(String::as_str));
            linter.see(&Site::NOWHERE, &Seen::Unconsumed { names: &names, near });
        }
    }
}
