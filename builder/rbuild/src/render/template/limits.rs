//! How much a run of a template may do: what somebody wrote by mistake ends with an error, not with the memory. Knows no
//! template.

use std::cell::Cell;

/// The most bytes that a text may grow to, printed or passed to a function.
pub(super) const LARGEST: usize = 16 << 20;

/// The most values that are worked out.
const STEPS: usize = 2_000_000;

/// How deep templates, branches and parentheses may be within each other.
const DEPTH: usize = 250;

/// What a run has done so far.
#[derive(Debug, Default)]
pub(super) struct Limits {
    steps: Cell<usize>,
    depth: Cell<usize>,
}

impl Limits {
    /// One step deeper; what is wrong with that. To be followed by [`Limits::up`].
    pub(super) fn down(&self) -> Result<(), &'static str> {
        self.steps.set(self.steps.get() + 1);
        self.depth.set(self.depth.get() + 1);
        match () {
            () if self.depth.get() > DEPTH => Err("it is nested too deeply"),
            () if self.steps.get() > STEPS => Err("it takes too many steps"),
            () => Ok(()),
        }
    }

    /// Back from a step.
    pub(super) fn up(&self) {
        self.depth.set(self.depth.get() - 1);
    }
}
