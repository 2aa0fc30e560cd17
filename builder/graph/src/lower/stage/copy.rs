//! COPY and ADD: flags, destination and history. What a source is: see `source`. Knows nothing of what a pattern matches.

use super::source::Manner;
use super::{Stage, mode};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Place, VertexId};
use crate::lower::command::Command;
use crate::lower::paths::destination;
use crate::lower::plan;
use crate::lower::remote::{Remote, remote};
use crate::lower::vertices::Inputs;
use crate::op::{Chmod, CopyOp, InlineFile, Op, Source};
use dockerfile_parser::instruction::{Add, Copy, Paths};
use dockerfile_parser::lint::Seen;
use dockerfile_parser::{Text, words};

/// A COPY or ADD with its variables expanded.
struct Transfer {
    sources: Vec<String>,
    inline: Vec<InlineFile>,
    dest: String,
    chown: Option<String>,
    chmod: Option<String>,
    excludes: Vec<String>,
    link: bool,
}

impl Stage<'_, '_, '_> {
    pub(super) fn copy(&mut self, copy: &Copy, command: &Command<'_>) -> Result<()> {
        let from = match command.taken().first() {
            _ if copy.paths.sources.is_empty() => None,
            Some(name) => {
                let located = plan::locate(self.job, self.work, self.heads, self.index, command, name)?;
                self.tree(&located)?
            }
            None => Some(self.context(None)?),
        };
        let (chown, chmod) = (self.expand_option(copy.chown.as_ref())?, self.expand_option(copy.chmod.as_ref())?);
        let transfer = self.transfer(&copy.paths, chown, chmod, &copy.excludes, copy.link)?;
        if copy.from.is_none() {
            self.see_sources(&copy.paths, &transfer, false);
        }
        let manner = Manner::Copy { from, parents: copy.parents };
        self.place_files(transfer, &manner, &command.instruction.original)
    }

    pub(super) fn add(&mut self, add: &Add, original: &Text) -> Result<()> {
        let (chown, chmod) = (self.expand_option(add.chown.as_ref())?, self.expand_option(add.chmod.as_ref())?);
        let checksum = self.expand_option(add.checksum.as_ref())?;
        let transfer = self.transfer(&add.paths, chown, chmod, &add.excludes, add.link)?;
        if checksum.is_some() && transfer.sources.len() != 1 {
            return Err(self.refuse(ErrorKind::ChecksumScope));
        }
        self.see_sources(&add.paths, &transfer, true);
        let manner = Manner::Add { keep_git_dir: add.keep_git_dir, checksum, unpack: add.unpack };
        self.place_files(transfer, &manner, original)
    }

    fn transfer(
        &mut self,
        paths: &Paths,
        chown: Option<String>,
        chmod: Option<String>,
        excludes: &[Text],
        link: bool,
    ) -> Result<Transfer> {
        let sources = self.expand_all(&paths.sources)?;
        let dest = self.expand(&paths.dest)?;
        let mut inline = Vec::new();
        for file in &paths.files {
            let content = if file.expand { self.expand_inline(&file.content)? } else { file.content.bytes.clone() };
            inline.push(InlineFile { name: file.name.to_str_lossy().into_owned(), content });
        }
        let excludes = excludes.iter().map(|pattern| pattern.to_str_lossy().into_owned()).collect();
        Ok(Transfer { sources, inline, dest, chown, chmod, excludes, link })
    }

    /// Shows the linter what is taken from the main context.
    fn see_sources(&mut self, paths: &Paths, transfer: &Transfer, is_add: bool) {
        for (word, path) in paths.sources.iter().zip(&transfer.sources) {
            if matches!(remote(path), Ok(Remote::Local)) {
                self.see(word, &Seen::Source { is_add, path, ignore: &self.job.request.ignore });
            }
        }
    }

    fn expand_inline(&mut self, content: &Text) -> Result<Vec<u8>> {
        let span = self.site.of(content);
        let variables = &self.state.variables;
        let expanded = words::expand_heredoc(&content.bytes, &|name| variables.get(name).map(str::to_owned))
            .map_err(|source| Error::at(span, ErrorKind::Word { word: "the heredoc".to_owned(), source }))?;
        self.see_unset(content, &expanded.unmatched);
        Ok(expanded.value.into_bytes())
    }

    fn place_files(&mut self, transfer: Transfer, manner: &Manner, original: &Text) -> Result<()> {
        let created_by = transfer.created_by(manner);
        let mut inputs = Inputs::none();
        let mut sources = Vec::new();
        for source in &transfer.sources {
            sources.push(self.source(source, manner, &mut inputs)?);
        }
        sources.extend(transfer.inline.into_iter().map(Source::Inline));
        let op = CopyOp {
            sources,
            dest: destination(&self.state.cwd(), &transfer.dest),
            chown: transfer.chown,
            chmod: self.chmod(transfer.chmod)?,
            excludes: transfer.excludes,
        };
        let place = self.next_step(self.shown(original));
        // BuildKit does not link what has a mode: its destination follows the image's links.
        let linked = transfer.link && op.chmod.is_none() && self.state.tree.is_some();
        let vertex = if linked {
            self.link(op, inputs, place)?
        } else {
            let vertex = self.extend(Op::Copy(op), inputs, place)?;
            self.renew(vertex);
            vertex
        };
        self.commit_layer(&created_by, vertex);
        Ok(())
    }

    /// The files on nothing, then that layer on the stage's: it does not depend on what lies below.
    fn link(&mut self, op: CopyOp, inputs: Inputs, place: Place) -> Result<VertexId> {
        let layer = self.work.vertices.add(Op::Copy(op), None, inputs, place.clone())?;
        self.renew(layer);
        let place = Place { text: format!("LINK {}", place.text), ..place };
        self.extend(Op::Merge, Inputs::one(layer).0, place)
    }

    fn chmod(&self, text: Option<String>) -> Result<Option<Chmod>> {
        let Some(text) = text else { return Ok(None) };
        mode::parse(&text).map(Some).ok_or_else(|| self.refuse(ErrorKind::Chmod(text)))
    }
}

impl Transfer {
    /// The line of history: flags that change the files, sources, destination as written.
    fn created_by(&self, manner: &Manner) -> String {
        let mut words = vec![if matches!(manner, Manner::Add { .. }) { "ADD" } else { "COPY" }.to_owned()];
        if matches!(manner, Manner::Copy { parents: true, .. }) {
            words.push("--parents".to_owned());
        }
        words.extend(self.chown.iter().map(|owner| format!("--chown={owner}")));
        words.extend(self.chmod.iter().map(|mode| format!("--chmod={mode}")));
        words.extend(self.sources.iter().cloned());
        words.extend(self.inline.iter().map(|file| format!("<<{}", file.name)));
        words.extend([self.dest.clone(), "# buildkit".to_owned()]);
        words.join(" ")
    }
}
