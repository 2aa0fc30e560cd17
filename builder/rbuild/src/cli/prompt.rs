//! Questions to whoever sits at the terminal. Knows no verb.

use super::out::complain;
use crate::error::{Error, Result};
use rbuild_oci::Canceled;
use rbuild_runner::RawMode;
use std::io::BufRead;

/// The answer, one line.
pub(super) fn line(question: &str) -> Result<String> {
    complain(question);
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Error::io("read", "the answer"))?;
    Ok(answer.trim().to_owned())
}

/// The answer, which the terminal does not show. Ctrl-C and the end of input end the work.
pub(super) fn hidden(question: &str) -> Result<String> {
    complain(question);
    let raw = RawMode::enter(std::io::stdin()).map_err(Error::io("hide what is typed on", "the terminal"))?;
    let answer = typed(std::io::stdin().lock());
    drop(raw);
    complain("\n");
    answer
}

/// What keys make of a line; none are shown.
fn typed(keys: impl BufRead) -> Result<String> {
    let mut answer = Vec::new();
    for key in keys.bytes() {
        match key.map_err(Error::io("read", "the answer"))? {
            b'\r' | b'\n' => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            CTRL_C | CTRL_D => return Err(Canceled.into()),
            CTRL_U => answer.clear(),
            BACKSPACE | DELETE => drop_last(&mut answer),
            byte => answer.push(byte),
        }
    }
    Err(Canceled.into())
}

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const CTRL_U: u8 = 0x15;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;

/// Takes back a character, which may have several bytes.
fn drop_last(text: &mut Vec<u8>) {
    while text.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_a_line() {
        for (keys, line) in [
            ("abc\r", Some("abc")),
            ("abx\u{7f}c\rmore", Some("abc")),
            ("aü\u{8}b\n", Some("ab")),
            ("wrong\u{15}right\r", Some("right")),
            ("\r", Some("")),
            ("abc\u{3}", None),
            ("abc", None),
        ] {
            assert_eq!(typed(keys.as_bytes()).ok().as_deref(), line, "{keys:?}");
        }
    }
}
