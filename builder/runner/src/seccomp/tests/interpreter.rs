//! Classic BPF as the kernel runs it on a system call; anything its checker would refuse is a panic.

use crate::seccomp::SockFilter;

/// A call as a filter sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) audit: u32,
    pub(super) number: u32,
    pub(super) args: [u64; 6],
}

/// How a filter ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) value: u32,
    pub(super) steps: usize,
}

pub(super) fn run(filter: &[SockFilter], call: &Call) -> Outcome {
    let (mut at, mut loaded, mut steps) = (0, 0, 0);
    loop {
        let instruction = *filter.get(at).expect("no jump beyond the end");
        at += 1;
        steps += 1;
        match instruction.code {
            0x20 => loaded = call.word(instruction.k),
            0x54 => loaded &= instruction.k,
            0x05 => at += instruction.k as usize,
            0x15 => at += skip(instruction, loaded == instruction.k),
            0x25 => at += skip(instruction, loaded > instruction.k),
            0x35 => at += skip(instruction, loaded >= instruction.k),
            0x06 => return Outcome { value: instruction.k, steps },
            code => panic!("unknown instruction {code:#x}"),
        }
    }
}

fn skip(instruction: SockFilter, holds: bool) -> usize {
    usize::from(if holds { instruction.jt } else { instruction.jf })
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        let arg = |at: u32| self.args[(at / 8) as usize];
        match offset {
            0 => self.number,
            4 => self.audit,
            16..64 if offset.is_multiple_of(8) => arg(offset - 16) as u32,
            20..64 if offset % 8 == 4 => (arg(offset - 20) >> 32) as u32,
            _ => panic!("no word at {offset}"),
        }
    }
}
