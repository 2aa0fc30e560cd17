//! One value by one verb: a list or an object is shown element by element. Knows no format.

use super::super::escape::{quoted, quoted_char};
use super::directive::Directive;
use serde_json::{Map, Value};

/// The value as the verb shows it.
pub(super) fn one(directive: &Directive, verb: char, value: &Value) -> String {
    match value {
        Value::Null if verb == 'T' => directive.pad("<nil>"),
        _ if verb == 'T' => directive.text(go_type(value)),
        Value::Null if verb == 'v' => directive.pad("<nil>"),
        Value::Null => format!("%!{verb}(<nil>)"),
        // `%+v` would name the fields of structures.
        value => inner(&Directive { plus: directive.plus && verb != 'v', ..*directive }, verb, value),
    }
}

/// The same within a list or an object.
fn inner(directive: &Directive, verb: char, value: &Value) -> String {
    match value {
        Value::Null if verb == 'v' && directive.sharp => "interface {}(nil)".to_owned(),
        Value::Null => "<nil>".to_owned(),
        Value::Bool(truth) if matches!(verb, 't' | 'v') => directive.pad(&truth.to_string()),
        Value::String(text) => of_text(directive, verb, text).unwrap_or_else(|| bad(directive, verb, value)),
        Value::Number(number) => {
            let shown = match number.as_i64() {
                Some(integer) => of_integer(directive, verb, integer),
                None => of_float(directive, verb, number.as_f64().unwrap_or_default()),
            };
            shown.unwrap_or_else(|| bad(directive, verb, value))
        }
        Value::Array(items) => {
            let shown: Vec<String> = items.iter().map(|item| inner(directive, verb, item)).collect();
            if is_source(directive, verb) {
                return format!("{}{{{}}}", go_type(value), shown.join(", "));
            }
            format!("[{}]", shown.join(" "))
        }
        Value::Object(map) => of_map(directive, verb, map, go_type(value)),
        Value::Bool(_) => bad(directive, verb, value),
    }
}

/// Whether values are shown as source of Go.
const fn is_source(directive: &Directive, verb: char) -> bool {
    directive.sharp && verb == 'v'
}

fn of_text(directive: &Directive, verb: char, text: &str) -> Option<String> {
    Some(match verb {
        'v' if directive.sharp => Directive { sharp: false, ..*directive }.pad(&quoted(text, false)),
        'v' | 's' => directive.text(text),
        'q' => directive.quoted(text),
        'x' | 'X' => directive.hex(text, verb == 'X'),
        _ => return None,
    })
}

fn of_integer(directive: &Directive, verb: char, number: i64) -> Option<String> {
    let char = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    Some(match verb {
        'v' | 'd' | 'b' | 'o' | 'O' | 'x' | 'X' => directive.integer(verb, number),
        'c' => directive.pad(&char.to_string()),
        'q' => directive.pad(&quoted_char(char, directive.plus)),
        'U' => {
            let code = format!("U+{number:0least$X}", least = directive.precision.unwrap_or_default().max(4));
            let picture = if directive.sharp { format!(" '{char}'") } else { String::new() };
            Directive { zero: false, ..*directive }.pad(&(code + &picture))
        }
        _ => return None,
    })
}

fn of_float(directive: &Directive, verb: char, number: f64) -> Option<String> {
    let verb = if verb == 'v' { 'g' } else { verb };
    matches!(verb, 'e' | 'E' | 'f' | 'F' | 'g' | 'G').then(|| directive.float(verb, number))
}

fn of_map(directive: &Directive, verb: char, map: &Map<String, Value>, kind: &str) -> String {
    let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
    pairs.sort_by_key(|(key, _)| *key);
    let key = |key: &str| inner(directive, verb, &Value::from(key));
    let shown: Vec<String> =
        pairs.iter().map(|(name, item)| format!("{}:{}", key(name), inner(directive, verb, item))).collect();
    if is_source(directive, verb) {
        return format!("{kind}{{{}}}", shown.join(", "));
    }
    format!("map[{}]", shown.join(" "))
}

/// How a value that a verb cannot show is marked.
fn bad(directive: &Directive, verb: char, value: &Value) -> String {
    let plain = Directive { sharp: false, ..*directive };
    format!("%!{verb}({}={})", go_type(value), inner(&plain, 'v', value))
}

/// What Go calls the type. Lists and objects that hold texts alone count as lists and maps of texts.
pub(super) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => "[]string",
        Value::Array(_) => "[]interface {}",
        Value::Object(map) if !map.is_empty() && map.values().all(Value::is_string) => "map[string]string",
        Value::Object(_) => "map[string]interface {}",
    }
}
