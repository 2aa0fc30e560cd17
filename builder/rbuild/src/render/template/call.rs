//! The functions of templates: Go's own, and docker's `json`, `join`, `split`, `lower`, `upper`, `title`, `pad`,
//! `truncate`. Knows values only.

use super::printf::printf;
use super::show::{inner, is_true, kind, show};
use super::{LARGEST, escape};
use serde_json::{Number, Value};
use std::cmp::Ordering;

/// The value, or what is wrong with the arguments.
type Outcome = Result<Value, String>;

const NAMES: [&str; 26] = [
    "and", "eq", "ge", "gt", "html", "index", "join", "js", "json", "le", "len", "lower", "lt", "ne", "not", "or",
    "pad", "print", "printf", "println", "slice", "split", "title", "truncate", "upper", "urlquery",
];

/// Whether there is such a function.
pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// For functions that stop at an argument: the truth of that argument.
pub(super) fn short_circuit(name: &str) -> Option<bool> {
    match name {
        "and" => Some(false),
        "or" => Some(true),
        _ => None,
    }
}

/// Whether the function's result is a form of its first argument, which a heading is shown without.
pub(super) fn changes_text(name: &str) -> bool {
    matches!(name, "json" | "join" | "split" | "lower" | "upper" | "title" | "truncate")
}

/// Calls a function.
pub(super) fn call(name: &str, arguments: &[Value]) -> Outcome {
    let large = arguments.iter().filter_map(Value::as_str).map(str::len).sum::<usize>() > LARGEST;
    match (name, arguments) {
        _ if large => Err(format!("it works on no more than {LARGEST} bytes")),
        ("json", [value]) => {
            serde_json::to_string(value).map(|text| escape::json(&text).into()).map_err(|error| error.to_string())
        }
        ("join", [items, separator]) => join(items, text(separator)?),
        ("split", [value, separator]) => split(text(value)?, text(separator)?),
        ("lower", [value]) => Ok(text(value)?.to_lowercase().into()),
        ("upper", [value]) => Ok(text(value)?.to_uppercase().into()),
        ("title", [value]) => Ok(title(text(value)?).into()),
        ("pad", [value, before, after]) => pad(text(value)?, count(before)?, count(after)?),
        ("truncate", [value, length]) => Ok(text(value)?.chars().take(count(length)?).collect::<String>().into()),
        ("print", values) => Ok(print(values).into()),
        ("println", values) => {
            let words: Vec<String> = values.iter().map(inner).collect();
            Ok(format!("{}\n", words.join(" ")).into())
        }
        ("printf", [format, values @ ..]) => printf(text(format)?, values).map(Value::from),
        ("html", values @ [_, ..]) => Ok(escape::html(&whole(values)).into()),
        ("js", values @ [_, ..]) => Ok(escape::js(&whole(values)).into()),
        ("urlquery", values @ [_, ..]) => Ok(escape::query(&whole(values)).into()),
        ("not", [value]) => Ok((!is_true(value)).into()),
        ("len", [value]) => len(value),
        ("index", [value, keys @ ..]) => keys.iter().try_fold(value.clone(), |value, key| index(&value, key)),
        ("slice", [value, bounds @ ..]) if bounds.len() <= 3 => slice(value, bounds),
        ("eq", [first, others @ ..]) if !others.is_empty() => {
            others.iter().try_fold(false, |found, other| Ok(found || equal(first, other)?)).map(Value::from)
        }
        ("ne", [left, right]) => Ok((!equal(left, right)?).into()),
        ("lt", [left, right]) => Ok(compare(left, right)?.is_lt().into()),
        ("le", [left, right]) => Ok(compare(left, right)?.is_le().into()),
        ("gt", [left, right]) => Ok(compare(left, right)?.is_gt().into()),
        ("ge", [left, right]) => Ok(compare(left, right)?.is_ge().into()),
        _ => Err(format!("it does not take {} arguments", arguments.len())),
    }
}

/// A text; nothing counts as the empty one.
fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Ok(""),
        other => Err(format!("it needs a text and got {}", kind(other))),
    }
}

fn count(value: &Value) -> Result<usize, String> {
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| format!("it needs a count and got {}", show(value)))
}

fn join(items: &Value, separator: &str) -> Outcome {
    match items {
        Value::Array(items) => Ok(items.iter().map(show).collect::<Vec<_>>().join(separator).into()),
        Value::Null => Ok("".into()),
        other => Err(format!("it needs a list and got {}", kind(other))),
    }
}

/// The most parts that a text is split into.
const PARTS: usize = 1 << 20;

fn split(value: &str, separator: &str) -> Outcome {
    let parts: Vec<Value> = if separator.is_empty() {
        value.chars().take(PARTS + 1).map(|char| char.to_string().into()).collect()
    } else {
        value.split(separator).take(PARTS + 1).map(Value::from).collect()
    };
    if parts.len() > PARTS { Err(format!("it makes no more than {PARTS} parts")) } else { Ok(parts.into()) }
}

/// The first letter of each word in upper case.
fn title(text: &str) -> String {
    let mut inside = false;
    let raise = |char: char| {
        let raised = if inside { char.to_string() } else { char.to_uppercase().to_string() };
        inside = char.is_alphanumeric() || matches!(char, '_' | '\'');
        raised
    };
    text.chars().map(raise).collect()
}

/// The most spaces on either side.
const MOST_SPACES: usize = 1 << 16;

fn pad(text: &str, before: usize, after: usize) -> Outcome {
    if before.max(after) > MOST_SPACES {
        return Err(format!("at most {MOST_SPACES} spaces may be on a side"));
    }
    let padded = if text.is_empty() { String::new() } else { [&" ".repeat(before), text, &" ".repeat(after)].concat() };
    Ok(padded.into())
}

/// Values as Go's `Print`: a space between two of which neither is a text.
fn print(values: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        if at > 0 && !value.is_string() && !values[at - 1].is_string() {
            out.push(' ');
        }
        out.push_str(&inner(value));
    }
    out
}

/// Values as they would be printed outside of functions.
fn whole(values: &[Value]) -> String {
    let shown = |value: &Value| if value.is_null() { Value::from(show(value)) } else { value.clone() };
    print(&values.iter().map(shown).collect::<Vec<_>>())
}

fn len(value: &Value) -> Outcome {
    let length = match value {
        Value::Null => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        other => return Err(format!("{} has no length", kind(other))),
    };
    Ok(length.into())
}

fn index(value: &Value, key: &Value) -> Outcome {
    match (value, key) {
        (Value::Array(items), Value::Number(number)) => {
            let item = number.as_u64().and_then(|at| items.get(usize::try_from(at).ok()?));
            item.cloned().ok_or_else(|| format!("there is no {number} in a list of {}", items.len()))
        }
        (Value::Object(map), Value::String(key)) => Ok(map
            .get(key)
            .cloned()
            .unwrap_or_else(|| if map.values().all(Value::is_string) { "".into() } else { Value::Null })),
        (Value::Null, Value::String(_)) => Ok("".into()),
        (Value::String(text), Value::Number(number)) => {
            let byte = number.as_u64().and_then(|at| text.as_bytes().get(usize::try_from(at).ok()?));
            byte.map(|byte| Value::from(*byte)).ok_or_else(|| format!("there is no {number} in {text:?}"))
        }
        (value, key) => Err(format!("{} cannot be indexed by {}", kind(value), kind(key))),
    }
}

fn slice(value: &Value, bounds: &[Value]) -> Outcome {
    let length = count(&len(value)?)?;
    let bound = |at: usize, default| bounds.get(at).map_or(Ok(default), count);
    let (from, to) = (bound(0, 0)?, bound(1, length)?);
    if from > to || to > bound(2, length)? || bound(2, length)? > length {
        return Err(format!("{from} to {to} is not within {length}"));
    }
    match value {
        Value::String(_) if bounds.len() > 2 => Err("of a text it takes two bounds".to_owned()),
        Value::Array(items) => Ok(items[from..to].to_vec().into()),
        Value::String(text) => {
            let part = text.get(from..to).ok_or("it would cut a character in two")?;
            Ok(part.into())
        }
        other => Err(format!("{} cannot be sliced", kind(other))),
    }
}

fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Ok(numbers(left, right).is_some_and(Ordering::is_eq)),
        (Value::Null, _)
        | (_, Value::Null)
        | (Value::String(_), Value::String(_))
        | (Value::Bool(_), Value::Bool(_)) => Ok(left == right),
        _ => Err(format!("{} cannot be compared with {}", kind(left), kind(right))),
    }
}

fn compare(left: &Value, right: &Value) -> Result<Ordering, String> {
    let order = match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => numbers(left, right),
        _ => None,
    };
    order.ok_or_else(|| format!("{} and {} have no order", kind(left), kind(right)))
}

fn numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
