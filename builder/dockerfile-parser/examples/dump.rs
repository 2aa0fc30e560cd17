//! Prints what the parser makes of files: paths on stdin, one a line; one JSON line out for each.
//! Lets another parser's answers be compared with ours.
use dockerfile_parser::{Args, Heredoc, Node, Text, Tree, parse, syntax, words};
use serde_json::{Value, json};
use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for path in std::io::stdin().lock().lines() {
        let path = path?;
        writeln!(out, "{}", answer(&path, &std::fs::read(&path)?))?;
    }
    Ok(())
}

fn answer(path: &str, input: &[u8]) -> Value {
    match syntax(input) {
        Err(error) => json!({"file": path, "parse": error.to_string()}),
        Ok(tree) => json!({
            "file": path,
            "parse": "ok",
            "instructions": parse(input).err().map_or("ok".to_owned(), |error| error.to_string()),
            "escape": char::from(tree.directives.escape_token()).to_string(),
            "warnings": tree.nodes.iter().filter(|node| node.blank.is_some()).count(),
            "nodes": nodes(&tree),
        }),
    }
}

fn nodes(tree: &Tree) -> Vec<Value> {
    tree.nodes.iter().map(|node| entry(node, tree.directives.escape_token())).collect()
}

fn entry(node: &Node, escape: u8) -> Value {
    let mut value = json!({
        "cmd": text(&node.keyword),
        "s": node.first_line,
        "e": node.last_line,
        "flags": texts(&node.flags),
        "args": texts(&node.flat_args()),
        "json": node.is_json(),
        "orig": text(&node.original),
        "heredocs": node.heredocs.iter().map(heredoc).collect::<Vec<_>>(),
    });
    if let Some(pairs) = key_values(node, escape) {
        value["kv"] = pairs;
    }
    value
}

fn heredoc(heredoc: &Heredoc) -> Value {
    json!({
        "Name": text(&heredoc.name),
        "FileDescriptor": heredoc.descriptor,
        "Expand": heredoc.expand,
        "Chomp": heredoc.chomp,
        "Content": text(&heredoc.content),
    })
}

/// Names and values of ENV, LABEL and ARG without quotes; `None` where a word cannot be read.
fn key_values(node: &Node, escape: u8) -> Option<Value> {
    let unquoted = |text: &Text| words::unquote(&text.bytes, escape).ok().map(Value::from);
    let pairs: Option<Vec<Value>> = match &node.args {
        Args::Pairs(pairs) => {
            pairs.iter().map(|pair| Some(json!([unquoted(&pair.key)?, unquoted(&pair.value)?]))).collect()
        }
        Args::Words(args) if node.keyword.bytes.eq_ignore_ascii_case(b"ARG") => {
            let item = |arg: &Text| match arg.split_once(b'=') {
                Some((name, default)) => Some(json!([unquoted(&name)?, unquoted(&default)?])),
                None => Some(json!([unquoted(arg)?, Value::Null])),
            };
            args.iter().map(item).collect()
        }
        _ => None,
    };
    pairs.map(Value::from)
}

fn texts(texts: &[Text]) -> Vec<String> {
    texts.iter().map(text).collect()
}

fn text(text: &Text) -> String {
    text.to_str_lossy().into_owned()
}
