//! What a process writes, handed on live, its last lines kept for the error.

use crate::events::{Event, Lines, Stream};
use crate::solve::Work;
use rbuild_runner::Output;
use std::collections::VecDeque;
use std::io;

/// How many last lines an error shows.
const TAIL: usize = 20;

/// Hands output to the build's events.
pub(super) struct StepOutput<'a> {
    work: &'a Work<'a>,
    lines: Lines,
    tail: VecDeque<String>,
}

impl<'a> StepOutput<'a> {
    pub(super) fn new(work: &'a Work<'a>) -> Self {
        Self { work, lines: Lines::default(), tail: VecDeque::new() }
    }

    pub(super) fn into_tail(mut self) -> Vec<String> {
        if let Some(rest) = self.lines.finish() {
            keep(&mut self.tail, &rest);
        }
        self.tail.into()
    }
}

impl Output for StepOutput<'_> {
    fn write(&mut self, stream: rbuild_runner::Stream, bytes: &[u8]) -> io::Result<()> {
        let stream = match stream {
            rbuild_runner::Stream::Stdout => Stream::Stdout,
            rbuild_runner::Stream::Stderr => Stream::Stderr,
        };
        let tail = &mut self.tail;
        self.lines.push(bytes, |line| keep(tail, line));
        self.work.ctx.events.send(&Event::Output { step: self.work.step, stream, bytes });
        Ok(())
    }
}

fn keep(tail: &mut VecDeque<String>, line: &[u8]) {
    if tail.len() == TAIL {
        tail.pop_front();
    }
    tail.push_back(String::from_utf8_lossy(line).into_owned());
}
