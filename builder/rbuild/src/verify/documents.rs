//! Two configurations compared, field by field. What the layers are is left to who compares those. PURE.

use super::difference::{Difference, What};
use serde_json::Value;

/// In what the second configuration differs from the first; the fields that follow from the layers are left out.
pub(super) fn compare(first: &Value, second: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    value("", first, second, &mut found);
    found.retain(|difference| !difference.subject.starts_with(LAYERS));
    found
}

/// The digests of the layers.
const LAYERS: &str = "rootfs";

fn value(path: &str, first: &Value, second: &Value, found: &mut Vec<Difference>) {
    match (first, second) {
        (Value::Object(a), Value::Object(b)) => {
            let added = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(added) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                value(&path, a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for at in 0..a.len().max(b.len()) {
                let [one, other] = [a, b].map(|list| list.get(at).unwrap_or(&Value::Null));
                value(&format!("{path}[{at}]"), one, other, found);
            }
        }
        (a, b) if a != b => {
            let what = if path.rsplit('.').next() == Some("created") { What::Time } else { What::Field };
            found.push(Difference::new(what, path, text(a), text(b)));
        }
        _ => {}
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "missing".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_named_by_their_path() {
        let first = json!({"created": "a", "config": {"Env": ["A=1", "B=2"]}, "rootfs": {"diff_ids": ["x"]}});
        let second = json!({"created": "b", "config": {"Env": ["A=1", "B=3", "C=4"], "User": "u"}, "rootfs": {"diff_ids": ["y"]}});
        let found: Vec<(String, What, String, String)> = compare(&first, &second)
            .into_iter()
            .map(|found| (found.subject, found.what, found.first, found.second))
            .collect();
        let row =
            |path: &str, what, first: &str, second: &str| (path.to_owned(), what, first.to_owned(), second.to_owned());
        assert_eq!(
            found,
            [
                row("created", What::Time, "a", "b"),
                row("config.Env[1]", What::Field, "B=2", "B=3"),
                row("config.Env[2]", What::Field, "missing", "C=4"),
                row("config.User", What::Field, "missing", "u"),
            ]
        );
    }
}
