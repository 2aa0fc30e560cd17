//! The compiler: the convention first, then a binary search over the ranges of numbers, then tests on arguments.
//! It knows no name.

use super::assemble::{Assembler, Jump, Label, SockFilter};
use super::error::Error;
use super::listing::Case;
use super::profile::{Action, ArgTest, Compare, Profile};
use super::ranges::{Range, Section, Verdict};
use super::resolve::{Conditions, sections};

/// The filter that enforces `profile` under `conditions`: the same bytes every time.
///
/// A call by a convention that the profile does not admit kills the process. A call whose number is beyond all those
/// that the profile names fails with ENOSYS (unless the default lets calls run), so that programs fall back as on an
/// older kernel; any other call that no rule matches meets the profile's default.
pub fn compile(profile: &Profile, conditions: &Conditions) -> Result<Vec<SockFilter>, Error> {
    let mut program = Assembler::default();
    let mut next = program.returning(Action::KillProcess);
    for section in sections(profile, conditions).iter().rev() {
        let body = Body::new(&mut program).section(section);
        next = program.jump(Jump::Equal, section.audit, body, next);
    }
    program.load(AUDIT, next);
    program.finish()
}

// Byte offsets in `struct seccomp_data` (`linux/seccomp.h`), little endian.
const NUMBER: u32 = 0;
const AUDIT: u32 = 4;
const ARGUMENTS: u32 = 16;

/// The instructions for one section.
struct Body<'a, 'p> {
    program: &'a mut Assembler,
    written: Vec<(&'a Verdict<'p>, Label)>,
}

impl<'a, 'p> Body<'a, 'p> {
    fn new(program: &'a mut Assembler) -> Body<'a, 'p> {
        Body { program, written: Vec::new() }
    }

    fn section(&mut self, section: &'a Section<'p>) -> Label {
        let search = self.search(&section.ranges);
        self.program.load(NUMBER, search)
    }

    fn search(&mut self, ranges: &'a [Range<'p>]) -> Label {
        match ranges {
            [] => self.program.returning(Action::KillProcess),
            [range] => self.verdict(&range.verdict),
            [around, one, after] if around.verdict == after.verdict && after.first - one.first == 1 => {
                let no = self.verdict(&around.verdict);
                let yes = self.verdict(&one.verdict);
                self.program.jump(Jump::Equal, one.first, yes, no)
            }
            _ => {
                let (low, high) = ranges.split_at(ranges.len() / 2);
                let first = high.first().map_or(0, |range| range.first);
                let no = self.search(low);
                let yes = self.search(high);
                self.program.jump(Jump::AtLeast, first, yes, no)
            }
        }
    }

    fn verdict(&mut self, verdict: &'a Verdict<'p>) -> Label {
        if verdict.cases.is_empty() {
            return self.program.returning(verdict.otherwise);
        }
        if let Some((_, label)) = self.written.iter().find(|(known, _)| *known == verdict) {
            return *label;
        }
        let mut next = self.program.returning(verdict.otherwise);
        for case in verdict.cases.iter().rev() {
            next = self.case(case, next);
        }
        self.written.push((verdict, next));
        next
    }

    fn case(&mut self, case: &Case<'_>, no: Label) -> Label {
        let mut next = self.program.returning(case.action);
        for test in case.tests.iter().rev() {
            next = self.test(test, case.wide, next, no);
        }
        next
    }

    fn test(&mut self, test: &ArgTest, wide: bool, yes: Label, no: Label) -> Label {
        match test.compare {
            Compare::Eq => self.masked(test, u64::MAX, wide, yes, no),
            Compare::Ne => self.masked(test, u64::MAX, wide, no, yes),
            Compare::Masked(mask) => self.masked(test, mask, wide, yes, no),
            Compare::Gt => self.ordered(test, Jump::Greater, wide, yes, no),
            Compare::Le => self.ordered(test, Jump::Greater, wide, no, yes),
            Compare::Ge => self.ordered(test, Jump::AtLeast, wide, yes, no),
            Compare::Lt => self.ordered(test, Jump::AtLeast, wide, no, yes),
        }
    }

    /// Equality under a mask: the high word, if it counts, then the low one.
    fn masked(&mut self, test: &ArgTest, mask: u64, wide: bool, yes: Label, no: Label) -> Label {
        let (low, high) = (Word::low(test, mask), Word::high(test, mask));
        let low = self.word_equals(&low, yes, no);
        if wide && high.mask != 0 { self.word_equals(&high, low, no) } else { low }
    }

    fn word_equals(&mut self, word: &Word, yes: Label, no: Label) -> Label {
        let mut next = self.program.jump(Jump::Equal, word.value, yes, no);
        if word.mask != u32::MAX {
            next = self.program.mask(word.mask, next);
        }
        self.program.load(word.offset, next)
    }

    /// An unsigned order: the high words decide unless they are equal.
    fn ordered(&mut self, test: &ArgTest, jump: Jump, wide: bool, yes: Label, no: Label) -> Label {
        let (low, high) = (Word::low(test, u64::MAX), Word::high(test, u64::MAX));
        let next = self.program.jump(jump, low.value, yes, no);
        let next = self.program.load(low.offset, next);
        if !wide {
            return next;
        }
        let equal = self.program.jump(Jump::Equal, high.value, next, no);
        let next = self.program.jump(Jump::Greater, high.value, yes, equal);
        self.program.load(high.offset, next)
    }
}

/// Half of an argument: where it is, which bits count and what they should be.
struct Word {
    offset: u32,
    mask: u32,
    value: u32,
}

impl Word {
    fn low(test: &ArgTest, mask: u64) -> Word {
        Word { offset: ARGUMENTS + 8 * u32::from(test.index), mask: mask as u32, value: (test.value & mask) as u32 }
    }

    fn high(test: &ArgTest, mask: u64) -> Word {
        let low = Word::low(test, mask >> 32);
        Word { offset: low.offset + 4, value: ((test.value & mask) >> 32) as u32, ..low }
    }
}
