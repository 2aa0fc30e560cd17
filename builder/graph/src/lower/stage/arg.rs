//! ARG: declares a variable of the build. Knows nothing of who uses it.

use super::Stage;
use crate::error::Result;
use dockerfile_parser::instruction::ArgItem;
use dockerfile_parser::lint::Seen;

/// Arguments for attestations: declared, but never in the environment.
const UNSEEN: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

impl Stage<'_, '_, '_> {
    /// Each argument sees those before it. A given value wins over the default here, that over the global one.
    pub(super) fn arg(&mut self, items: &[ArgItem]) -> Result<()> {
        let mut shown = Vec::new();
        for item in items {
            let name = item.name.to_str_lossy().into_owned();
            self.see(&item.name, &Seen::Variable { keyword: "ARG", name: &name });
            let globals = self.job.globals;
            let value = match (globals.build_args.get(&name), &item.default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(self.expand(default)?),
                (None, None) => globals.variables.get(&name).map(str::to_owned),
            };
            if let Some(value) = value.as_ref().filter(|_| !UNSEEN.contains(&name.as_str())) {
                self.state.variables.set(&name, value);
            }
            shown.push(value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}")));
            self.state.declare(&name, value);
        }
        self.commit_config(&format!("ARG {}", shown.join(" ")));
        Ok(())
    }
}
