//! Classic BPF, written from its end: every jump goes forward, so all that it can reach is already there and its
//! distance known. It knows no system call.

use super::error::Error;
use super::profile::Action;

/// One instruction of a filter, as the kernel's `struct sock_filter` (`linux/filter.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SockFilter {
    /// Operation.
    pub code: u16,
    /// Instructions to skip if the comparison holds.
    pub jt: u8,
    /// Instructions to skip if it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// The longest filter the kernel takes (`BPF_MAXINSNS`).
const MOST: usize = 4096;
/// The longest conditional jump, less one for a detour that may still come between.
const NEAR: usize = u8::MAX as usize - 1;

/// Load the word at byte `k` of `struct seccomp_data`.
const LOAD: u16 = 0x20;
const JUMP_ALWAYS: u16 = 0x05;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;

/// Comparisons of the loaded word with the operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jump {
    /// Equal.
    Equal = 0x15,
    /// Greater, unsigned.
    Greater = 0x25,
    /// At least, unsigned.
    AtLeast = 0x35,
}

/// A place in the program: how many instructions there are from it to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// A program in the making, last instruction first.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    reversed: Vec<SockFilter>,
    returns: Vec<(Action, Label)>,
}

impl Assembler {
    /// Where the filter ends with `action`.
    pub(super) fn returning(&mut self, action: Action) -> Label {
        let known = self.returns.iter().find(|(known, _)| *known == action).map(|(_, label)| *label);
        if let Some(label) = known.filter(|label| self.distance(*label) <= NEAR) {
            return label;
        }
        self.push(RETURN, action.code());
        let label = self.here();
        self.returns.retain(|(known, _)| *known != action);
        self.returns.push((action, label));
        label
    }

    /// Compares the loaded word with `operand` and goes to `yes` or `no`.
    pub(super) fn jump(&mut self, jump: Jump, operand: u32, yes: Label, no: Label) -> Label {
        if yes == no {
            return yes;
        }
        let (yes, no) = (self.near(yes), self.near(no));
        let (jt, jf) = (self.distance(yes) as u8, self.distance(no) as u8);
        self.reversed.push(SockFilter { code: jump as u16, jt, jf, k: operand });
        self.here()
    }

    /// Clears the bits of the loaded word that `mask` lacks, then goes to `next`.
    pub(super) fn mask(&mut self, mask: u32, next: Label) -> Label {
        self.before(AND, mask, next)
    }

    /// Loads the word at byte `offset` of `struct seccomp_data`, then goes to `next`.
    pub(super) fn load(&mut self, offset: u32, next: Label) -> Label {
        self.before(LOAD, offset, next)
    }

    /// The program, first instruction first.
    pub(super) fn finish(mut self) -> Result<Vec<SockFilter>, Error> {
        if self.reversed.len() > MOST {
            return Err(Error::TooLong { instructions: self.reversed.len(), most: MOST });
        }
        self.reversed.reverse();
        Ok(self.reversed)
    }

    /// The instruction written last, which is the first to run.
    fn here(&self) -> Label {
        Label(self.reversed.len())
    }

    /// How many instructions the next one would skip to get to `label`.
    fn distance(&self, label: Label) -> usize {
        self.reversed.len() - label.0
    }

    /// An instruction that falls through to `next`.
    fn before(&mut self, code: u16, k: u32, next: Label) -> Label {
        if next != self.here() {
            self.push(JUMP_ALWAYS, self.distance(next) as u32);
        }
        self.push(code, k);
        self.here()
    }

    /// `label`, or a detour to it that a conditional jump can reach.
    fn near(&mut self, label: Label) -> Label {
        if self.distance(label) <= NEAR {
            return label;
        }
        self.push(JUMP_ALWAYS, self.distance(label) as u32);
        self.here()
    }

    fn push(&mut self, code: u16, k: u32) {
        self.reversed.push(SockFilter { code, jt: 0, jf: 0, k });
    }
}
