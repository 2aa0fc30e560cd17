//! COPY and ADD: flags, destination and history. What a source is: see `source`. Knows nothing of what a pattern matches.

use super::source::Manner;
use super::{Stage, mode};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Place, VertexId};
use crate::lower::command::Command;
use crate::lower::paths::{destination, relative};
use crate::lower::plan;
use crate::lower::remote::{Remote, remote};
use crate::lower::vertices::Inputs;
use crate::op::{Chmod, CopyOp, InlineFile, Op, Source};
use dockerfile_parser::instruction::{Add, Copy, Paths};
use dockerfile_parser::lint::Seen;
use dockerfile_parser::{Span, Text, words};

/// A COPY or ADD with its variables expanded.
struct Transfer {
    sources: Vec<String>,
    inline: Vec<InlineFile>,
    dest: String,
    chown: Option<String>,
    chmod: Option<String>,
    excludes: Vec<String>,
    link: bool,
    places: Places,
}

/// `--chown` and `--chmod`, unexpanded.
struct Owner<'t> {
    chown: Option<&'t Text>,
    chmod: Option<&'t Text>,
}

/// Where the parts of a COPY or ADD are written.
struct Places {
    sources: Vec<Span>,
    dest: Span,
    chown: Span,
    chmod: Span,
    excludes: Vec<Span>,
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
        let owner = Owner { chown: copy.chown.as_ref(), chmod: copy.chmod.as_ref() };
        let transfer = self.transfer(&copy.paths, &owner, &copy.excludes, copy.link)?;
        if copy.from.is_none() {
            self.see_sources(&copy.paths, &transfer, false);
        }
        let manner = Manner::Copy { from, parents: copy.parents };
        self.place_files(transfer, &manner, &command.instruction.original)
    }

    pub(super) fn add(&mut self, add: &Add, original: &Text) -> Result<()> {
        let owner = Owner { chown: add.chown.as_ref(), chmod: add.chmod.as_ref() };
        let checksum = self.expand_option(add.checksum.as_ref())?;
        let checksum = checksum.zip(add.checksum.as_ref().map(|word| self.site.of(word)));
        let transfer = self.transfer(&add.paths, &owner, &add.excludes, add.link)?;
        if let Some((_, span)) = checksum.as_ref().filter(|_| transfer.sources.len() != 1) {
            return Err(Error::at(*span, ErrorKind::ChecksumScope));
        }
        self.see_sources(&add.paths, &transfer, true);
        let manner = Manner::Add { keep_git_dir: add.keep_git_dir, checksum, unpack: add.unpack };
        self.place_files(transfer, &manner, original)
    }

    fn transfer(&mut self, paths: &Paths, owner: &Owner<'_>, excludes: &[Text], link: bool) -> Result<Transfer> {
        let (chown, chmod) = (self.expand_option(owner.chown)?, self.expand_option(owner.chmod)?);
        let sources = self.expand_all(&paths.sources)?;
        let dest = self.expand(&paths.dest)?;
        let mut inline = Vec::new();
        for file in &paths.files {
            let content = if file.expand { self.expand_inline(&file.content)? } else { file.content.bytes.clone() };
            inline.push(InlineFile { name: self.inline_name(&file.name)?, content });
        }
        let of = |word: &Text| self.site.of(word);
        let places = Places {
            sources: paths.sources.iter().map(of).collect(),
            dest: of(&paths.dest),
            chown: owner.chown.map_or(self.site.span, of),
            chmod: owner.chmod.map_or(self.site.span, of),
            excludes: excludes.iter().map(of).collect(),
        };
        let excludes = excludes.iter().map(|pattern| pattern.to_str_lossy().into_owned()).collect();
        Ok(Transfer { sources, inline, dest, chown, chmod, excludes, link, places })
    }

    /// The name of a here-document as a file: BuildKit puts it into the root of an empty tree.
    fn inline_name(&self, written: &Text) -> Result<String> {
        let name = relative(&written.to_str_lossy());
        if name.is_empty() || name.contains(['/', '\0']) || name.len() > 255 {
            let kind = ErrorKind::HereDocumentName(written.to_str_lossy().into_owned());
            return Err(Error::at(self.site.of(written), kind));
        }
        Ok(name)
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
        for (source, span) in transfer.sources.iter().zip(&transfer.places.sources) {
            sources.push(self.source((source, *span), manner, &mut inputs)?);
        }
        let chmod = transfer.chmod()?;
        let words = transfer.words(&sources, &self.state.cwd());
        sources.extend(transfer.inline.into_iter().map(Source::Inline));
        let op = CopyOp {
            sources,
            dest: destination(&self.state.cwd(), &transfer.dest),
            chown: transfer.chown,
            chmod,
            excludes: transfer.excludes,
        };
        let place = Place { words, ..self.next_step(self.shown(original)) };
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
}

impl Transfer {
    fn chmod(&self) -> Result<Option<Chmod>> {
        let Some(text) = &self.chmod else { return Ok(None) };
        let refuse = || Error::at(self.places.chmod, ErrorKind::Chmod(text.clone()));
        mode::parse(text).map(Some).ok_or_else(refuse)
    }

    /// What it names, as the operation has it, and where that is written.
    fn words(&self, sources: &[Source], cwd: &str) -> Vec<(String, Span)> {
        let path = |source: &Source| match source {
            Source::Files { path, below: None, .. } => path.clone(),
            Source::Files { path, below: Some(below), .. } => format!("{}/{below}", path.trim_end_matches('/')),
            _ => String::new(),
        };
        let mut words: Vec<_> = sources.iter().map(path).zip(self.places.sources.iter().copied()).collect();
        words.extend(self.excludes.iter().cloned().zip(self.places.excludes.iter().copied()));
        words.extend(
            self.chown.iter().flat_map(|owner| owner.split(':')).map(|name| (name.to_owned(), self.places.chown)),
        );
        words.push((destination(cwd, &self.dest), self.places.dest));
        words
    }

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
