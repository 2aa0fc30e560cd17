//! A stage as far as it has come: its files, its configuration, its variables. Knows no instruction.

use super::history;
use super::variables::Variables;
use crate::graph::{Origin, Row, VertexId};
use crate::parameters::Parameters;
use crate::redact::redact;
use dockerfile_parser::Span;
use rbuild_oci::{History, ImageConfig, Platform, Timestamp};
use std::sync::Arc;

/// The state of a stage between two instructions.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Its files.
    pub(super) tree: Option<VertexId>,
    /// Its configuration; the history is in `rows`.
    pub(super) config: ImageConfig,
    /// Its history.
    pub(super) rows: Vec<Row>,
    /// What expansion and RUN see: the configuration's environment and the ARGs.
    pub(super) variables: Variables,
    /// ARGs as they were declared, each name once, with their value where they have one.
    pub(super) args: Vec<(String, Option<String>)>,
    /// The platform of its programs.
    pub(super) platform: Platform,
    /// What its builder can give it, and those it is built on.
    pub(super) parameters: Parameters,
    /// Where what RUN goes by is written.
    pub(super) words: Vec<(Setting, String, Span)>,
    /// Whether this stage itself has had a CMD.
    pub(super) has_cmd: bool,
    /// Whether it, or a stage that it is built on, has had a WORKDIR.
    pub(super) has_workdir: bool,
}

/// What an instruction sets for those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// USER.
    User,
    /// WORKDIR.
    Directory,
}

/// The search path of an image that has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl State {
    /// A stage on nothing, or on a tree without a configuration.
    pub(super) fn empty(tree: Option<VertexId>, platform: &Platform) -> Self {
        let mut config = ImageConfig::scratch(platform);
        "/".clone_into(&mut config.config.working_dir);
        Self::on(tree, config, platform)
    }

    /// A stage on an image: of its configuration, what the specification and Docker's additions to it name.
    pub(super) fn on(tree: Option<VertexId>, mut config: ImageConfig, platform: &Platform) -> Self {
        config.created = None;
        // What other tools noted there is about the base, not about what is built on it.
        config.extra.clear();
        config.config.extra.clear();
        let base = std::mem::take(&mut config.history);
        let container = Arc::new(config.config.clone());
        let row = |entry| Row { entry, origin: Origin::Base, config: container.clone() };
        let rows = base.into_iter().map(row).collect();
        Self {
            tree,
            config,
            rows,
            variables: Variables::default(),
            args: Vec::new(),
            platform: platform.clone(),
            parameters: Parameters::default(),
            words: Vec::new(),
            has_cmd: false,
            has_workdir: false,
        }
    }

    /// Makes a state of the base that of a stage on it: the search path is set, the configuration's environment wins over
    /// inherited ARGs, triggers are gone.
    pub(super) fn begin(&mut self) {
        self.has_cmd = false;
        self.config.config.on_build.clear();
        let has_path = self.config.config.env.iter().any(|pair| pair == "PATH" || pair.starts_with("PATH="));
        if !has_path && self.platform.os != "windows" {
            self.config.config.env.push(format!("PATH={DEFAULT_PATH}"));
        }
        for pair in &self.config.config.env {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.variables.set(name, value);
        }
    }

    /// The directory of RUN and of relative paths.
    pub(super) fn cwd(&self) -> String {
        super::paths::absolute("/", &self.config.config.working_dir)
    }

    /// The shell with a text as its last argument.
    pub(super) fn in_shell(&self, text: &[u8]) -> Vec<Vec<u8>> {
        let default: &[&str] = if self.config.os == "windows" { &["cmd", "/S", "/C"] } else { &["/bin/sh", "-c"] };
        let mut words: Vec<Vec<u8>> = self.config.config.shell.iter().map(|word| word.as_bytes().to_vec()).collect();
        if words.is_empty() {
            words.extend(default.iter().map(|word| word.as_bytes().to_vec()));
        }
        words.push(text.to_vec());
        words
    }

    /// Declares an ARG; a name declared again keeps its place.
    pub(super) fn declare(&mut self, name: &str, value: Option<String>) {
        match self.args.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = value,
            None => self.args.push((name.to_owned(), value)),
        }
    }

    /// The text before a RUN's command in the history: `|2 a=1 b=2 `; empty without ARGs.
    pub(super) fn args_in_history(&self) -> String {
        if self.args.is_empty() {
            return String::new();
        }
        let value = |(name, value): &(String, Option<String>)| {
            let value = self.variables.get(name).or(value.as_deref()).unwrap_or_default();
            format!("{name}={value} ")
        };
        format!("|{} {}", self.args.len(), self.args.iter().map(value).collect::<String>())
    }

    /// Adds a line of history; credentials in it are not kept.
    pub(super) fn commit(&mut self, created_by: &str, origin: Origin, epoch: Option<i64>) {
        let entry = History {
            created: epoch.map(Timestamp::from_seconds),
            created_by: redact(created_by),
            author: String::new(),
            comment: history::COMMENT.to_owned(),
            empty_layer: !matches!(origin, Origin::Layer(_)),
        };
        self.rows.push(Row { entry, origin, config: Arc::new(self.config.config.clone()) });
    }
}
