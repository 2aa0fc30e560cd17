//! Rows as a table, as JSON lines or through a template: what `--format` of every listing command means. Knows no
//! command.

use super::table::align;
use super::template::{Problem, Template};
use serde_json::{Map, Value};

/// A field of a row, and the heading of its column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The field, as templates name it.
    pub field: &'static str,
    /// What stands above it in tables.
    pub heading: &'static str,
}

/// Rows and how they are shown where nothing else is asked for.
#[derive(Clone, Debug)]
pub struct Listing<'a> {
    /// All fields that a row has.
    pub columns: &'a [Column],
    /// The fields of the usual table, in order.
    pub table: &'a [&'a str],
    /// Objects with those fields.
    pub rows: &'a [Value],
    /// Whether rows also have `Label`, an object that templates ask for one key: `.Label "key"`.
    pub labels: bool,
}

impl Listing<'_> {
    /// The rows as text. `format` is `table`, `table TEMPLATE`, `json` (one object a line) or a template for each row;
    /// `\t` and `\n` in it are a tab and a line end. An empty one asks for nothing.
    pub fn render(&self, format: Option<&str>) -> Result<String, Problem> {
        let format =
            format.map(|format| format.trim_matches(' ')).filter(|format| !format.is_empty()).unwrap_or("table");
        match format.strip_prefix("table") {
            Some("") => {
                let cells: Vec<String> = self.table.iter().map(|field| format!("{{{{.{field}}}}}")).collect();
                self.aligned(&cells.join("\t"))
            }
            Some(template) if template.starts_with([' ', '\\', '\t']) => {
                self.aligned(unescape(template).trim_start_matches([' ', '\t']))
            }
            _ if format == "json" => Ok(self.rows.iter().map(|row| self.json(row) + "\n").collect()),
            _ => lines(&Template::parse(&unescape(format))?, self.rows),
        }
    }

    fn json(&self, row: &Value) -> String {
        let field = |column: &Column| Some((column.field.to_owned(), row.get(column.field)?.clone()));
        Value::Object(self.columns.iter().filter_map(field).collect()).to_string()
    }

    fn aligned(&self, template: &str) -> Result<String, Problem> {
        let template = Template::parse(template)?;
        let heading = |column: &Column| (column.field.to_owned(), Value::from(column.heading));
        let labels = self.labels.then(|| ("Label".to_owned(), Value::from("LABEL")));
        let headings = Value::Object(self.columns.iter().map(heading).chain(labels).collect());
        let rows: Vec<Value> = self.rows.iter().map(one_line).collect();
        let text = template.render_heading(&headings)? + "\n" + &lines(&template, &rows)?;
        Ok(align(&text))
    }
}

fn lines(template: &Template, rows: &[Value]) -> Result<String, Problem> {
    rows.iter().map(|row| Ok(template.render(row)? + "\n")).collect()
}

/// Tabs and line ends written as `\t` and `\n`.
fn unescape(format: &str) -> String {
    format.replace("\\t", "\t").replace("\\n", "\n")
}

/// The row with texts that take one line in one column.
fn one_line(row: &Value) -> Value {
    let flat = |value: &Value| match value {
        Value::String(text) => text.replace(['\t', '\n', '\r'], " ").into(),
        other => other.clone(),
    };
    match row {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), flat(value))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COLUMNS: [Column; 2] =
        [Column { field: "ID", heading: "IMAGE ID" }, Column { field: "Name", heading: "NAME" }];

    fn render(format: Option<&str>) -> String {
        let rows =
            [json!({"ID": "1", "Name": "a\tb", "Label": {"x.y": "z"}}), json!({"ID": "2", "Name": "c", "Label": {}})];
        let listing = Listing { columns: &COLUMNS, table: &["ID", "Name"], rows: &rows, labels: true };
        listing.render(format).unwrap_or_else(|problem| problem.to_string())
    }

    #[test]
    fn formats_are_dockers() {
        for (format, text) in [
            (None, "IMAGE ID   NAME\n1          a b\n2          c\n"),
            (Some("table"), "IMAGE ID   NAME\n1          a b\n2          c\n"),
            (Some(""), "IMAGE ID   NAME\n1          a b\n2          c\n"),
            (Some(r"table {{.Name}}\t{{lower .ID}}"), "NAME      IMAGE ID\na b       1\nc         2\n"),
            (Some(r#"table {{.ID}}\t{{.Label "x.y"}}"#), "IMAGE ID   y\n1          z\n2\n"),
            (Some("{{.ID}}"), "1\n2\n"),
            (Some(r"{{.ID}}\t{{.Name}}"), "1\ta\tb\n2\tc\n"),
            (Some("json"), "{\"ID\":\"1\",\"Name\":\"a\\tb\"}\n{\"ID\":\"2\",\"Name\":\"c\"}\n"),
            (Some("{{.Nope}}"), "template:1:3: there is no field Nope; there are ID, Name, Label"),
            (Some("table {{.Nope}}"), "template:1:3: there is no field Nope; there are ID, Name, Label"),
            (Some("tables"), "tables\ntables\n"),
        ] {
            assert_eq!(render(format), text, "{format:?}");
        }
    }
}
