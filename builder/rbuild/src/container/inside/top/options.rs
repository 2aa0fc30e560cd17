//! PURE. The options of ps(1) that `top` understands, as columns.

use super::columns::Column;
use crate::error::{Error, Result};

/// As `ps -ef`, which is Docker's choice too.
const FULL: &str = "uid,pid,ppid,c,stime,tty,time,cmd";

/// As `ps aux`.
const BY_USER: &str = "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,time,command";

/// As `ps -e`.
const SHORT: &str = "pid,tty,time,ucmd";

/// The columns; the number of a process has to be one of them.
pub(super) fn parse(words: &[String]) -> Result<Vec<Column>> {
    let (mut columns, mut rest) = (Vec::new(), words.iter());
    let mut shape = None;
    while let Some(word) = rest.next() {
        let list = ["--format=", "-o=", "-eo=", "-o", "-eo"].iter().find_map(|start| word.strip_prefix(start));
        match (word.as_str(), list) {
            ("-o" | "o" | "-eo" | "-Ao" | "--format" | "axo", _) => {
                let list = rest.next().ok_or_else(|| Error::Usage(format!("{word} needs a list of columns")))?;
                listed(list, &mut columns)?;
            }
            (_, Some(list)) => listed(list, &mut columns)?,
            ("-e" | "-A" | "-a" | "-x" | "-w" | "-ww" | "ax" | "a" | "x" | "w" | "ww", _) => {
                shape = shape.or(Some(SHORT));
            }
            ("-f" | "-ef" | "-Af" | "-fe" | "f" | "-eww" | "-efww", _) => shape = Some(FULL),
            ("aux" | "-aux" | "auxw" | "auxww" | "axu" | "u" | "ux" | "-u", _) => shape = Some(BY_USER),
            _ => return Err(unknown(word)),
        }
    }
    if columns.is_empty() {
        listed(shape.unwrap_or(FULL), &mut columns)?;
    }
    if !columns.iter().any(Column::is_pid) {
        return Err(Error::Usage("the columns have to have pid among them".to_owned()));
    }
    Ok(columns)
}

/// `name`, or `name=HEADING`, separated by commas or spaces; a heading may hold both and ends the list.
fn listed(list: &str, columns: &mut Vec<Column>) -> Result<()> {
    let (list, heading) = match list.split_once('=') {
        Some((list, heading)) => (list, Some(heading)),
        None => (list, None),
    };
    for name in list.split([',', ' ']).filter(|name| !name.is_empty()) {
        columns.push(Column::named(name).ok_or_else(|| no_column(name))?);
    }
    match (columns.last_mut(), heading) {
        (Some(last), Some(heading)) => last.rename(heading),
        (None, _) => return Err(Error::Usage("the list of columns is empty".to_owned())),
        _ => {}
    }
    Ok(())
}

fn no_column(name: &str) -> Error {
    Error::Usage(format!("top has no column {name:?}: there are {}", Column::names().collect::<Vec<_>>().join(", ")))
}

fn unknown(word: &str) -> Error {
    Error::Usage(format!(
        "top does not know {word:?}: of the options of ps there are -e, -f, aux and -o with a list of columns"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_columns() {
        let show = |text: &str| {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let columns =
                parse(&words).map(|columns| columns.iter().map(Column::heading).collect::<Vec<_>>().join(" "));
            columns.unwrap_or_else(|error| error.to_string())
        };
        for (text, expected) in [
            ("", "UID PID PPID C STIME TTY TIME CMD"),
            ("-ef", "UID PID PPID C STIME TTY TIME CMD"),
            ("-e -f", "UID PID PPID C STIME TTY TIME CMD"),
            ("aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
            ("-e", "PID TTY TIME CMD"),
            ("-o pid,cmd", "PID CMD"),
            ("-eo pid,comm,args", "PID COMMAND COMMAND"),
            ("-opid", "PID"),
            ("--format=pid -o user", "PID USER"),
            ("-o pid=Number", "Number"),
            ("-o cmd", "the columns have to have pid among them"),
            ("-o", "-o needs a list of columns"),
            ("-o ,", "the list of columns is empty"),
            (
                "-Z",
                "top does not know \"-Z\": of the options of ps there are -e, -f, aux and -o with a list of columns",
            ),
        ] {
            assert_eq!(show(text), expected, "of {text:?}");
        }
        assert!(show("-o pid,nosuch").starts_with("top has no column \"nosuch\": there are "));
    }
}
