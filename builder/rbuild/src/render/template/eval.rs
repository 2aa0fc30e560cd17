//! Runs nodes over a value. Knows what functions are called, not what they do.

use super::limits::{LARGEST, Limits};
use super::node::{BranchKind, Command, Node, Operand, Pipeline, Word};
use super::parse::Defined;
use super::show::{is_true, kind, show};
use super::{Fault, Result, call};
use serde_json::{Map, Value};

/// What functions do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Functions {
    /// What they are for.
    All,
    /// Those that change a text give it back as it is: the values are headings.
    Heading,
}

/// What is the same for all of a run.
#[derive(Debug)]
pub(super) struct World<'a> {
    /// What functions do.
    pub(super) functions: Functions,
    /// The templates that can be shown.
    pub(super) defined: &'a Defined,
    /// What has been done so far.
    pub(super) limits: &'a Limits,
}

/// A run of a template.
pub(super) struct Scope<'a> {
    root: &'a Value,
    /// Whether a field that the root lacks is an error.
    strict: bool,
    world: &'a World<'a>,
    variables: Vec<(String, Value)>,
    out: String,
}

/// What a node leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl<'a> Scope<'a> {
    /// A run over `root`.
    pub(super) const fn new(root: &'a Value, world: &'a World<'a>) -> Self {
        Self { root, strict: true, world, variables: Vec::new(), out: String::new() }
    }

    /// The text that the nodes make.
    pub(super) fn run(mut self, nodes: &[Node]) -> Result<String> {
        self.nodes(nodes, self.root)?;
        Ok(self.out)
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow> {
        for node in nodes {
            if self.out.len() > LARGEST {
                return Err(Fault::new(0, format!("it prints more than {LARGEST} bytes")));
            }
            let flow = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Flow::Next
                }
                Node::Print(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.out.push_str(&show(&value));
                    } else {
                        self.assign(pipeline, vec![value]);
                    }
                    Flow::Next
                }
                Node::Branch { kind, pipeline, body, otherwise } => {
                    self.branch(*kind, pipeline, body, otherwise, dot)?
                }
                Node::Call { at, name, pipeline } => self.template(*at, name, pipeline.as_ref(), dot)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// Shows another template, which sees that value and nothing else.
    fn template(&mut self, at: usize, name: &str, pipeline: Option<&Pipeline>, dot: &Value) -> Result<Flow> {
        let Some(nodes) = self.world.defined.get(name) else {
            return Err(Fault::new(at, format!("the template {name:?} is not defined")));
        };
        let value = pipeline.map_or(Ok(Value::Null), |pipeline| self.pipeline(pipeline, dot))?;
        self.down(at)?;
        let strict = self.strict && value == *self.root;
        let out = std::mem::take(&mut self.out);
        let mut scope = Scope { root: &value, strict, world: self.world, variables: Vec::new(), out };
        let done = scope.nodes(nodes, &value);
        self.out = scope.out;
        self.world.limits.up();
        done.map(|_| Flow::Next)
    }

    fn down(&self, at: usize) -> Result<()> {
        self.world.limits.down().map_err(|message| Fault::new(at, message))
    }

    fn branch(
        &mut self,
        kind: BranchKind,
        pipeline: &Pipeline,
        body: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<Flow> {
        let outside = self.variables.len();
        let value = self.pipeline(pipeline, dot)?;
        self.down(pipeline.at)?;
        let flow = match kind {
            BranchKind::Range => self.range(pipeline, &value, body, otherwise, dot),
            BranchKind::If | BranchKind::With => {
                self.assign(pipeline, vec![value.clone()]);
                match (is_true(&value), kind) {
                    (false, _) => self.nodes(otherwise, dot),
                    (true, BranchKind::With) => self.nodes(body, &value),
                    (true, _) => self.nodes(body, dot),
                }
            }
        };
        self.variables.truncate(outside);
        self.world.limits.up();
        flow
    }

    fn range(
        &mut self,
        pipeline: &Pipeline,
        value: &Value,
        body: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<Flow> {
        let items = elements(value).ok_or_else(|| {
            Fault::new(pipeline.at, format!("range needs a list, an object or a small number and got {}", kind(value)))
        })?;
        if items.is_empty() {
            self.assign(pipeline, vec![value.clone(); pipeline.variables.len()]);
            return self.nodes(otherwise, dot);
        }
        let outside = self.variables.len();
        for (key, item) in items {
            self.down(pipeline.at)?;
            self.world.limits.up();
            let values = if pipeline.variables.len() == 2 { vec![key, item.clone()] } else { vec![item.clone()] };
            self.assign(pipeline, values);
            let flow = self.nodes(body, &item)?;
            self.variables.truncate(outside);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn assign(&mut self, pipeline: &Pipeline, values: Vec<Value>) {
        for (name, value) in pipeline.variables.iter().zip(values) {
            let known = self.variables.iter_mut().rev().find(|(own, _)| own == name);
            match known {
                Some((_, place)) if !pipeline.declares => *place = value,
                _ => self.variables.push((name.clone(), value)),
            }
        }
    }

    fn pipeline(&self, pipeline: &Pipeline, dot: &Value) -> Result<Value> {
        self.down(pipeline.at)?;
        let mut piped = None;
        for command in &pipeline.commands {
            piped = Some(self.command(command, dot, piped)?);
        }
        self.world.limits.up();
        Ok(piped.unwrap_or(Value::Null))
    }

    fn command(&self, command: &Command, dot: &Value, piped: Option<Value>) -> Result<Value> {
        let Some((first, rest)) = command.words.split_first() else { return Ok(Value::Null) };
        let Operand::Function(name) = &first.operand else {
            let value = self.word(first, dot)?;
            let mut keys = rest.iter().map(|word| self.word(word, dot)).collect::<Result<Vec<_>>>()?;
            keys.extend(piped);
            return keys.iter().try_fold(value, |value, key| member(&value, key, first));
        };
        if let Some(wanted) = call::short_circuit(name) {
            return self.until(wanted, rest, dot, piped, first.at);
        }
        let mut arguments = rest.iter().map(|word| self.word(word, dot)).collect::<Result<Vec<_>>>()?;
        arguments.extend(piped);
        let value = match self.world.functions {
            Functions::Heading if call::changes_text(name) => arguments.first().cloned().unwrap_or(Value::Null),
            _ => call::call(name, &arguments).map_err(|message| Fault::new(first.at, format!("{name}: {message}")))?,
        };
        fields(value, first, Missing::Prints)
    }

    /// `and` and `or`: the first argument of that truth, else the last; what comes after it is not looked at.
    fn until(&self, wanted: bool, rest: &[Word], dot: &Value, piped: Option<Value>, at: usize) -> Result<Value> {
        let mut last = None;
        for word in rest {
            let value = self.word(word, dot)?;
            if is_true(&value) == wanted {
                return Ok(value);
            }
            last = Some(value);
        }
        piped.or(last).ok_or_else(|| Fault::new(at, "and, or: an argument is missing"))
    }

    fn word(&self, word: &Word, dot: &Value) -> Result<Value> {
        let value = match &word.operand {
            Operand::Dot => return fields(dot.clone(), word, self.missing(dot)),
            Operand::Variable(name) if name.is_empty() => {
                return fields(self.root.clone(), word, self.missing(self.root));
            }
            Operand::Variable(name) => {
                let found = self.variables.iter().rev().find(|(own, _)| own == name);
                found.map_or(Value::Null, |(_, value)| value.clone())
            }
            Operand::Function(_) => {
                let alone = Word { fields: Vec::new(), ..word.clone() };
                let value = self.command(&Command { words: vec![alone] }, dot, None)?;
                return fields(value, word, Missing::Prints);
            }
            Operand::Literal(value) => value.clone(),
            Operand::Pipeline(pipeline) => self.pipeline(pipeline, dot)?,
        };
        fields(value, word, Missing::Prints)
    }

    fn missing(&self, dot: &Value) -> Missing {
        if self.strict && std::ptr::eq(dot, self.root) { Missing::Fails } else { Missing::Prints }
    }
}

/// What becomes of a first field that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Fails,
    Prints,
}

/// The value of a word's fields, looked up one after the other.
fn fields(value: Value, word: &Word, missing: Missing) -> Result<Value> {
    let mut value = value;
    for (depth, name) in word.fields.iter().enumerate() {
        value = match value {
            Value::Object(mut map) => match map.remove(name) {
                None if depth == 0 && missing == Missing::Fails => return Err(unknown(word, name, &map)),
                found => found.unwrap_or(Value::Null),
            },
            Value::Null if depth > 0 || missing == Missing::Prints => Value::Null,
            other => return Err(Fault::new(word.at, format!("there is no field {name} in {}", kind(&other)))),
        };
    }
    Ok(value)
}

fn unknown(word: &Word, name: &str, map: &Map<String, Value>) -> Fault {
    let known: Vec<&str> = map.keys().map(String::as_str).collect();
    Fault::new(word.at, format!("there is no field {name}; there are {}", known.join(", ")))
}

/// A field with an argument, as in `.Label "key"`: that key of an object.
fn member(value: &Value, key: &Value, word: &Word) -> Result<Value> {
    let wrong = |what: &str| Fault::new(word.at, format!("{what} takes no arguments"));
    let name = word.fields.last().map_or("this value", String::as_str);
    match (value, key) {
        (Value::Object(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or_else(|| "".into())),
        // A heading is a text: the column of a label is called as the label.
        (Value::String(_), Value::String(key)) if name == "Label" => Ok(key.rsplit('.').next().unwrap_or(key).into()),
        _ => Err(wrong(name)),
    }
}

/// The elements of a list or object with their keys; none for what has no elements.
fn elements(value: &Value) -> Option<Vec<(Value, Value)>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(items) => {
            Some(items.iter().enumerate().map(|(at, item)| (Value::from(at), item.clone())).collect())
        }
        Value::Object(map) => {
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            Some(pairs.into_iter().map(|(key, item)| (Value::from(key.as_str()), item.clone())).collect())
        }
        // Go's newer way to count.
        Value::Number(number) => {
            let count = number.as_i64().filter(|count| *count <= MOST_ROUNDS)?;
            Some((0..count).map(|at| (Value::from(at), Value::from(at))).collect())
        }
        _ => None,
    }
}

/// As far as is counted.
const MOST_ROUNDS: i64 = 100_000;
