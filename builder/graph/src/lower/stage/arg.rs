//! ARG: declares a variable of the build. Knows nothing of who uses it.

use super::Stage;
use crate::error::Result;
use crate::parameters::Argument;
use dockerfile_parser::instruction::ArgItem;
use dockerfile_parser::lint::Seen;
use dockerfile_parser::{Instruction, Text};

/// Arguments for attestations: declared, but never in the environment.
const UNSEEN: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

impl Stage<'_, '_, '_> {
    /// Each argument sees those before it. A given value wins over the default here, that over the global one.
    pub(super) fn arg(&mut self, items: &[ArgItem], instruction: &Instruction) -> Result<()> {
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
            self.note(&name, item.default.is_some(), value.as_deref(), instruction);
            shown.push(value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}")));
            self.state.declare(&name, value);
        }
        self.commit_config(&format!("ARG {}", shown.join(" ")));
        Ok(())
    }

    /// Notes what the builder can give; an ARG that only repeats a global one is that one.
    fn note(&mut self, name: &str, has_default: bool, value: Option<&str>, instruction: &Instruction) {
        let globals = self.job.globals;
        if !has_default && !globals.build_args.contains_key(name) && globals.variables.get(name).is_some() {
            return globals.note(name, &mut self.state.parameters);
        }
        let description = instruction.description(name.as_bytes()).map(|text| text.to_str_lossy().into_owned());
        let place = self.site.place(&Text::default());
        let argument = Argument { value: value.unwrap_or_default().to_owned(), description, place };
        self.state.parameters.args.insert(name.to_owned(), argument);
    }
}
