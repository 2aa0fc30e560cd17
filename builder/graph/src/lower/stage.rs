//! A stage being lowered: what it starts from, and what its instructions share. One file for each kind of instruction.

mod arg;
mod config;
mod copy;
mod expose;
mod mode;
mod mount;
mod run;
mod signal;
mod source;
mod trees;
mod workdir;

pub(super) use run::PROXIES;

use super::Work;
use super::command::{Command, Site};
use super::heads::Head;
use super::pass::Job;
use super::state::State;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Origin, Place, VertexId};
use crate::lower::vertices::Inputs;
use crate::op::Op;
use crate::redact::{is_secret, redact};
use dockerfile_parser::lint::{self, Seen};
use dockerfile_parser::words::{self, Options, Quotes};
use dockerfile_parser::{Instruction, Kind, Text};
use rbuild_oci::Platform;
use std::collections::{BTreeMap, BTreeSet};

/// A stage between two instructions, with what its instructions may look at.
pub(super) struct Stage<'s, 'a, 'w> {
    job: &'s Job<'a>,
    work: &'s mut Work<'w>,
    heads: &'s [Head<'a>],
    done: &'s BTreeMap<usize, State>,
    index: usize,
    state: State,
    step: u32,
    steps: u32,
    site: Site,
    /// The comments above the instruction.
    comments: &'s [Text],
    /// Where each keyword stood last in this stage.
    last: BTreeMap<String, lint::Place>,
}

impl<'s, 'a, 'w> Stage<'s, 'a, 'w> {
    /// Lowers one stage; those it takes files from are in `done`.
    pub(super) fn lower(
        job: &'s Job<'a>,
        work: &'s mut Work<'w>,
        heads: &'s [Head<'a>],
        done: &'s BTreeMap<usize, State>,
        index: usize,
        commands: &'s [Command<'_>],
    ) -> Result<State> {
        let state = State::empty(None, job.platform);
        let steps = commands.iter().filter(|command| command.is_step()).count() as u32;
        let Some(head) = heads.get(index) else { return Ok(state) };
        let (site, comments) = (Command::written(head.section.head).site, &head.section.head.comments[..]);
        let (step, last) = (0, BTreeMap::new());
        let mut stage = Self { job, work, heads, done, index, state, step, steps, site, comments, last };
        stage.state = stage.start(head)?;
        if !head.replaced {
            stage.state.begin();
        }
        head.used.iter().for_each(|name| job.globals.note(name, &mut stage.state.parameters));
        for command in commands {
            (stage.site, stage.comments) = (command.site, &command.instruction.comments);
            stage.instruction(command)?;
        }
        Ok(stage.state)
    }

    fn instruction(&mut self, command: &Command<'_>) -> Result<()> {
        let text = &command.instruction.original;
        self.see_step(&command.instruction);
        match &command.instruction.kind {
            Kind::Add(add) => self.add(add, text)?,
            Kind::Arg(items) => self.arg(items, &command.instruction)?,
            Kind::Cmd(cmd) => self.cmd(cmd),
            Kind::Copy(copy) => self.copy(copy, command)?,
            Kind::Entrypoint(entrypoint) => self.entrypoint(entrypoint),
            Kind::Env(pairs) => self.env(pairs)?,
            Kind::Expose(ports) => self.expose(ports)?,
            Kind::From(_) => {}
            Kind::Healthcheck(healthcheck) => self.healthcheck(healthcheck),
            Kind::Label(pairs) => self.label(pairs)?,
            Kind::Maintainer(name) => self.maintainer(name),
            Kind::Onbuild(onbuild) => self.onbuild(&onbuild.trigger),
            Kind::Run(run) => self.run(run, command)?,
            Kind::Shell(words) => self.shell(words),
            Kind::StopSignal(signal) => self.stop_signal(signal)?,
            Kind::User(user) => self.user(user)?,
            Kind::Volume(volumes) => self.volume(volumes)?,
            Kind::Workdir(path) => self.workdir(path, text)?,
        }
        Ok(())
    }

    /// Expands a word with the variables of this moment.
    fn expand(&mut self, word: &Text) -> Result<String> {
        let span = self.site.of(word);
        let expanded = self.state.variables.expand(word, self.job.outline.escape, span)?;
        self.see_unset(word, &expanded.unmatched);
        Ok(expanded.value)
    }

    fn expand_option(&mut self, word: Option<&Text>) -> Result<Option<String>> {
        Ok(word.map(|word| self.expand(word)).transpose()?.filter(|value| !value.is_empty()))
    }

    fn expand_all(&mut self, words: &[Text]) -> Result<Vec<String>> {
        words.iter().map(|word| self.expand(word)).collect()
    }

    /// Shows the linter something about a word of the instruction.
    fn see(&mut self, word: &Text, seen: &Seen<'_>) {
        let site = lint::Site { place: Some(self.site.place(word)), comments: self.comments };
        self.work.linter.see(&site, seen);
    }

    fn see_step(&mut self, instruction: &Instruction) {
        let here = self.site.place(&Text::default());
        let earlier = self.last.insert(instruction.keyword.to_str_lossy().to_ascii_uppercase(), here);
        let has_shell = !self.state.config.config.shell.is_empty();
        self.see(&Text::default(), &Seen::Step { instruction, earlier, has_shell });
    }

    fn see_unset(&mut self, word: &Text, names: &BTreeSet<String>) {
        let site = lint::Site { place: Some(self.site.place(word)), comments: self.comments };
        for name in names.iter().filter(|name| !self.state.args.iter().any(|(known, _)| known == *name)) {
            let near = dockerfile_parser::nearest(name, self.state.variables.names());
            self.work.linter.see(&site, &Seen::Unset { name, near });
        }
    }

    /// The instruction as people read it: on one line, with its variables expanded where they are set and not
    /// named like secrets.
    fn shown(&self, original: &Text) -> String {
        let options = Options {
            quotes: Quotes::Keep,
            raw_escapes: true,
            keep_unset: true,
            ..Options::new(self.job.outline.escape)
        };
        let variables = &self.state.variables;
        let expanded = words::expand_with(&original.bytes, options, &|name| {
            variables.get(name).filter(|_| !is_secret(name)).map(str::to_owned)
        });
        let text = expanded.map_or_else(|_| original.to_str_lossy().into_owned(), |expanded| expanded.value);
        let text = text.trim();
        match text.split_once(char::is_whitespace) {
            Some((keyword, rest)) => format!("{} {rest}", keyword.to_ascii_uppercase()),
            None => text.to_ascii_uppercase(),
        }
    }

    /// The place of the next step.
    fn next_step(&mut self, text: String) -> Place {
        self.step += 1;
        let text = if self.site.triggered { format!("ONBUILD {text}") } else { text };
        let stage = self.heads.get(self.index).map(|head| head.label.clone()).unwrap_or_default();
        let (cross, show_platform) = (self.cross(), self.job.has_many_platforms());
        Place { stage, step: self.step, steps: self.steps, cross, show_platform, ..self.aside(&text) }
    }

    /// The place of what is no step of the stage.
    fn aside(&self, text: &str) -> Place {
        Place {
            stage: String::new(),
            step: 0,
            steps: 0,
            text: redact(text),
            line: self.site.line,
            span: self.site.span,
            words: Vec::new(),
            platform: self.state.platform.clone(),
            cross: None,
            show_platform: false,
        }
    }

    /// The target platform, where it is not the stage's and the stage knows of it.
    fn cross(&self) -> Option<Platform> {
        let knows =
            ["TARGETPLATFORM", "TARGETOS", "TARGETARCH"].iter().any(|name| self.state.variables.get(name).is_some());
        (knows && *self.job.platform != self.state.platform).then(|| self.job.platform.clone())
    }

    /// Adds a vertex on the stage's files and makes it the stage's files.
    fn extend(&mut self, op: Op, inputs: Inputs, place: Place) -> Result<VertexId> {
        let id = self.work.vertices.add(op, self.state.tree, inputs, place)?;
        self.state.tree = Some(id);
        Ok(id)
    }

    /// Has the vertex of a RUN, COPY or ADD done again where the request renews this stage.
    fn renew(&mut self, id: VertexId) {
        let name = self.heads.get(self.index).and_then(|head| head.name.as_ref());
        if name.is_some_and(|name| self.job.request.renewed_stages.contains(name)) {
            self.work.vertices.renew(id);
        }
    }

    fn commit_layer(&mut self, created_by: &str, vertex: VertexId) {
        self.state.commit(created_by, Origin::Layer(vertex), self.job.globals.epoch);
    }

    /// Adds the history of an instruction whose change of the configuration is made already.
    fn commit_config(&mut self, created_by: &str) {
        self.state.commit(created_by, Origin::Config, self.job.globals.epoch);
    }

    fn refuse(&self, kind: ErrorKind) -> Error {
        Error::at(self.site.span, kind)
    }
}
