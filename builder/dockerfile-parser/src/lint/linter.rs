//! Shows what was seen to every rule, leaves out what the file or the command line does not want to hear, and keeps the
//! rest. Knows no rule by name.
use super::{Finding, Hits, RULES, Rule, Seen, Severity, Site};
use crate::directives::{Check, Directives};
use crate::error::Error;
use std::collections::BTreeSet;

/// Finds and keeps. To be shown the same thing twice changes nothing, so that a build may be planned in several rounds.
#[derive(Clone, Debug, Default)]
pub struct Linter {
    given: Option<Check>,
    check: Check,
    findings: BTreeSet<Finding>,
}

impl Linter {
    /// One that follows these options and not the file's `# check=`.
    pub fn with(check: Check) -> Self {
        Self { check: check.clone(), given: Some(check), ..Self::default() }
    }

    /// Takes over the file's `# check=`, unless other options were given.
    pub(crate) fn configure(&mut self, directives: &Directives) -> Result<(), Error> {
        if self.given.is_none() {
            self.check = directives.check.as_ref().map(Check::parse).transpose()?.unwrap_or_default();
        }
        Ok(())
    }

    /// Lets every rule look.
    pub fn see(&mut self, site: &Site<'_>, seen: &Seen<'_>) {
        for rule in &RULES {
            let mut hits = Hits::default();
            (rule.look)(seen, &mut hits);
            if !hits.0.is_empty() && self.wants(rule, site, seen) {
                let finding = |(place, message): (Option<_>, _)| Finding { rule, message, place: place.or(site.place) };
                self.findings.extend(hits.0.into_iter().map(finding));
            }
        }
    }

    /// What was found, in the order of the file.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter()
    }

    /// What fails a check, in the order of the file.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings().filter(|finding| finding.rule.severity > Severity::Notice)
    }

    /// The rules that the file breaks though it has `error=true`; sorted.
    pub fn violated(&self) -> BTreeSet<&'static str> {
        self.warnings().filter(|_| self.check.error).map(|finding| finding.rule.name).collect()
    }

    /// Whether the options, or a comment above the instruction, ask for a rule or against it.
    fn wants(&self, rule: &Rule, site: &Site<'_>, seen: &Seen<'_>) -> bool {
        let comments = if heeds_comments(seen) { site.comments } else { &[] };
        let local = Check::from_comments(comments).unwrap_or_default();
        let name = rule.name;
        match rule.severity {
            Severity::Experimental => self.check.experimental.contains(name) || local.experimental.contains(name),
            _ => !self.check.skip.contains(name) && !local.skip.contains(name),
        }
    }
}

/// BuildKit does not read the comments above FROM for these two.
const fn heeds_comments(seen: &Seen<'_>) -> bool {
    !matches!(seen, Seen::DefaultImage { .. } | Seen::BaseImage { .. })
}
