//! Makes nodes of tokens. Knows which functions there are only to name unknown ones early.

use super::call;
use super::lex::{Kind, Token};
use super::node::{BranchKind, Command, Node, Operand, Pipeline, Word};
use super::{Fault, Result};
use serde_json::Value;
use std::collections::BTreeMap;

/// The nodes of a whole template, and of those that are defined in it, by name.
pub(super) fn parse(tokens: &[Token]) -> Result<(Vec<Node>, Defined)> {
    let mut parser = Parser { tokens, at: 0, variables: Vec::new(), loops: 0, depth: 0, defined: Defined::new() };
    let (nodes, end) = parser.nodes()?;
    match end {
        None => Ok((nodes, parser.defined)),
        Some((at, word)) => Err(Fault::new(at, format!("{{{{{word}}}}} without a matching if, range or with"))),
    }
}

/// Templates by name.
pub(super) type Defined = BTreeMap<String, Vec<Node>>;

/// How deep parentheses and branches may be nested.
const DEPTH: usize = 100;

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    /// The variables in sight.
    variables: Vec<String>,
    /// How many `range` are open.
    loops: usize,
    depth: usize,
    defined: Defined,
}

/// What ended a list of nodes: `end` or `else`, and where.
type End = Option<(usize, &'static str)>;

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    /// Where the next token is; the last one, at the end.
    fn place(&self) -> usize {
        self.tokens.get(self.at).or_else(|| self.tokens.last()).map_or(0, |token| token.at)
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(Fault::new(self.place(), message))
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    fn close(&mut self) -> Result<()> {
        if self.take(&Kind::Close) { Ok(()) } else { self.fault("expected }}") }
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH { self.fault("it is nested too deeply") } else { Ok(()) }
    }

    /// Nodes up to `end`, `else` or the end of the template.
    fn nodes(&mut self) -> Result<(Vec<Node>, End)> {
        let mut nodes = Vec::new();
        while let Some(kind) = self.peek() {
            if let Kind::Text(text) = kind {
                nodes.push(Node::Text(text.clone()));
                self.at += 1;
                continue;
            }
            let opened = self.place();
            self.at += 1;
            let Some(Kind::Word(word)) = self.peek() else {
                nodes.push(self.print()?);
                continue;
            };
            match word.as_str() {
                "if" => nodes.push(self.branch(BranchKind::If, opened)?),
                "with" => nodes.push(self.branch(BranchKind::With, opened)?),
                "range" => nodes.push(self.branch(BranchKind::Range, opened)?),
                "break" | "continue" => nodes.push(self.jump(word == "break")?),
                "end" => {
                    self.at += 1;
                    self.close()?;
                    return Ok((nodes, Some((opened, "end"))));
                }
                "else" => {
                    self.at += 1;
                    return Ok((nodes, Some((opened, "else"))));
                }
                "define" => self.define(opened)?,
                "block" => nodes.push(self.block(opened)?),
                "template" => nodes.push(self.call(opened)?),
                _ => nodes.push(self.print()?),
            }
        }
        Ok((nodes, None))
    }

    /// `{{define "name"}} … {{end}}`, outside of everything else.
    fn define(&mut self, opened: usize) -> Result<()> {
        if self.depth > 0 {
            return self.fault("a template cannot be defined within another or a branch");
        }
        self.at += 1;
        let name = self.name()?;
        self.close()?;
        self.body(opened, name)
    }

    /// `{{block "name" pipeline}} … {{end}}`: defines a template and shows it.
    fn block(&mut self, opened: usize) -> Result<Node> {
        self.at += 1;
        let name = self.name()?;
        let pipeline = self.pipeline(0)?;
        self.close()?;
        self.body(opened, name.clone())?;
        Ok(Node::Call { at: opened, name, pipeline: Some(pipeline) })
    }

    /// `{{template "name"}}`, `{{template "name" pipeline}}`.
    fn call(&mut self, opened: usize) -> Result<Node> {
        self.at += 1;
        let name = self.name()?;
        let pipeline = if self.peek() == Some(&Kind::Close) { None } else { Some(self.pipeline(0)?) };
        self.close()?;
        Ok(Node::Call { at: opened, name, pipeline })
    }

    fn name(&mut self) -> Result<String> {
        let Some(Kind::Literal(Value::String(name))) = self.peek() else {
            return self.fault("the name of a template is missing here, in quotes");
        };
        self.at += 1;
        Ok(name.clone())
    }

    /// What a defined template consists of: it sees no variable from outside.
    fn body(&mut self, opened: usize, name: String) -> Result<()> {
        self.deeper()?;
        let (variables, loops) = (std::mem::take(&mut self.variables), std::mem::take(&mut self.loops));
        let (nodes, end) = self.nodes()?;
        (self.variables, self.loops) = (variables, loops);
        self.depth -= 1;
        match end {
            Some((_, "end")) => {}
            Some((at, _)) => return Err(Fault::new(at, "{{else}} without a matching if, range or with")),
            None => return Err(Fault::new(opened, "it has no {{end}}")),
        }
        let is_blank = |nodes: &[Node]| nodes.iter().all(|node| matches!(node, Node::Text(text) if is_blank(text)));
        match self.defined.get(&name) {
            Some(_) if is_blank(&nodes) => {}
            Some(known) if !is_blank(known) => {
                return Err(Fault::new(opened, format!("the template {name:?} is defined twice")));
            }
            _ => drop(self.defined.insert(name, nodes)),
        }
        Ok(())
    }

    fn print(&mut self) -> Result<Node> {
        let pipeline = self.pipeline(1)?;
        self.close()?;
        Ok(Node::Print(pipeline))
    }

    fn jump(&mut self, ends: bool) -> Result<Node> {
        if self.loops == 0 {
            return self.fault("break and continue belong into a range");
        }
        self.at += 1;
        self.close()?;
        Ok(if ends { Node::Break } else { Node::Continue })
    }

    /// A branch whose keyword is the next token.
    fn branch(&mut self, kind: BranchKind, opened: usize) -> Result<Node> {
        self.deeper()?;
        self.at += 1;
        let outside = self.variables.len();
        let pipeline = self.pipeline(if kind == BranchKind::Range { 2 } else { 1 })?;
        self.close()?;
        self.loops += usize::from(kind == BranchKind::Range);
        let inside = self.variables.len();
        let (body, end) = self.nodes()?;
        self.loops -= usize::from(kind == BranchKind::Range);
        self.variables.truncate(inside);
        let otherwise = match end {
            Some((_, "end")) => Vec::new(),
            Some(_) => self.otherwise(opened)?,
            None => return Err(Fault::new(opened, "it has no {{end}}")),
        };
        self.variables.truncate(outside);
        self.depth -= 1;
        Ok(Node::Branch { kind, pipeline, body, otherwise })
    }

    /// What follows `else`, up to the `end` of the branch.
    fn otherwise(&mut self, opened: usize) -> Result<Vec<Node>> {
        let chained = match self.peek() {
            Some(Kind::Word(word)) if word == "if" => Some(BranchKind::If),
            Some(Kind::Word(word)) if word == "with" => Some(BranchKind::With),
            _ => None,
        };
        if let Some(kind) = chained {
            return Ok(vec![self.branch(kind, opened)?]);
        }
        self.close()?;
        match self.nodes()? {
            (nodes, Some((_, "end"))) => Ok(nodes),
            (_, Some((at, _))) => Err(Fault::new(at, "a second {{else}}")),
            (_, None) => Err(Fault::new(opened, "it has no {{end}}")),
        }
    }

    /// A pipeline that may set up to `most` variables.
    fn pipeline(&mut self, most: usize) -> Result<Pipeline> {
        let at = self.place();
        let (variables, declares) = self.targets(most)?;
        let mut commands = vec![self.command()?];
        while self.take(&Kind::Sign("|")) {
            let command = self.command()?;
            if let Some(Word { at, operand: Operand::Literal(_), .. }) = command.words.first() {
                return Err(Fault::new(*at, "a constant cannot take what is piped into it"));
            }
            commands.push(command);
        }
        if declares {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipeline { at, variables, declares, commands })
    }

    /// `$x :=`, `$x =`, `$i, $x :=`, or nothing.
    fn targets(&mut self, most: usize) -> Result<(Vec<String>, bool)> {
        let (start, mut names) = (self.at, Vec::new());
        while let Some(Kind::Variable(name)) = self.peek() {
            self.at += 1;
            names.push(name.clone());
            if names.len() == most || !self.take(&Kind::Sign(",")) {
                break;
            }
        }
        let declares = self.take(&Kind::Sign(":="));
        if names.is_empty() || !(declares || self.take(&Kind::Sign("="))) {
            self.at = start;
            return Ok((Vec::new(), false));
        }
        if let Some(unknown) = names.iter().find(|name| !declares && !self.variables.contains(name)) {
            return self.fault(format!("the variable ${unknown} is not declared: use := first"));
        }
        Ok((names, declares))
    }

    fn command(&mut self) -> Result<Command> {
        let mut words: Vec<Word> = Vec::new();
        loop {
            let is_glued = self.tokens.get(self.at).is_some_and(|token| token.glued) && !words.is_empty();
            let place = self.place();
            let Some(word) = self.word()? else { break };
            if is_glued {
                return Err(Fault::new(place, "a space is missing here"));
            }
            words.push(word);
        }
        match words.first() {
            None => self.fault("a value is missing here"),
            Some(Word { at, operand: Operand::Literal(Value::Null), .. }) => {
                Err(Fault::new(*at, "nil cannot stand alone"))
            }
            Some(Word { at, operand: Operand::Literal(_), .. }) if words.len() > 1 => {
                Err(Fault::new(*at, "a constant takes no arguments"))
            }
            Some(_) => Ok(Command { words }),
        }
    }

    fn word(&mut self) -> Result<Option<Word>> {
        let Some(token) = self.tokens.get(self.at) else { return Ok(None) };
        let at = token.at;
        let mut fields = Vec::new();
        let operand = match &token.kind {
            Kind::Dot => Operand::Dot,
            Kind::Field(name) => {
                fields.push(name.clone());
                Operand::Dot
            }
            Kind::Variable(name) if name.is_empty() || self.variables.contains(name) => Operand::Variable(name.clone()),
            Kind::Variable(name) => return self.fault(format!("the variable ${name} is not declared")),
            Kind::Word(name) if call::is_known(name) => Operand::Function(name.clone()),
            Kind::Word(name) => return self.fault(format!("the function {name:?} is not known")),
            Kind::Literal(value) => Operand::Literal(value.clone()),
            Kind::Sign("(") => return self.parenthesis().map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        self.chain(&mut fields);
        Ok(Some(Word { at, operand, fields }))
    }

    fn parenthesis(&mut self) -> Result<Word> {
        self.deeper()?;
        let at = self.place();
        self.at += 1;
        let pipeline = self.pipeline(0)?;
        if !self.take(&Kind::Sign(")")) {
            return Err(Fault::new(at, "a parenthesis is not closed"));
        }
        self.depth -= 1;
        let mut fields = Vec::new();
        self.chain(&mut fields);
        Ok(Word { at, operand: Operand::Pipeline(Box::new(pipeline)), fields })
    }

    /// Fields that follow without a space.
    fn chain(&mut self, fields: &mut Vec<String>) {
        while let Some(Token { kind: Kind::Field(name), glued: true, .. }) = self.tokens.get(self.at) {
            fields.push(name.clone());
            self.at += 1;
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}
