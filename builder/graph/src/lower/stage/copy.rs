//! COPY, ADD and WORKDIR: instructions that place files. Knows nothing of what a pattern matches.

use super::{Stage, mode};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Place, VertexId};
use crate::lower::command::Command;
use crate::lower::paths::{absolute, destination};
use crate::lower::plan;
use crate::lower::remote::{GitAddress, Remote, remote};
use crate::lower::vertices::Inputs;
use crate::op::{Chmod, CopyOp, FetchOp, InlineFile, MkdirOp, Op, Source, Unpack};
use dockerfile_parser::instruction::{Add, Copy, Paths};
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

/// What only one of the two has.
enum Manner {
    /// COPY: from which tree (none is an empty one), and whether directories above are kept.
    Copy { from: Option<VertexId>, parents: bool },
    /// ADD.
    Add { keep_git_dir: Option<bool>, checksum: Option<String>, unpack: Option<bool> },
}

impl Stage<'_, '_, '_> {
    pub(super) fn copy(&mut self, copy: &Copy, command: &Command<'_>) -> Result<()> {
        let from = match command.taken().first() {
            Some(name) => {
                let located = plan::locate(self.job, self.work, self.heads, self.index, command, name)?;
                self.tree(&located)?
            }
            None => Some(self.context(None)?),
        };
        let (chown, chmod) = (self.expand_option(copy.chown.as_ref())?, self.expand_option(copy.chmod.as_ref())?);
        let transfer = self.transfer(&copy.paths, chown, chmod, &copy.excludes, copy.link)?;
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

    fn expand_inline(&mut self, content: &Text) -> Result<Vec<u8>> {
        let span = self.site.of(content);
        let variables = &self.state.variables;
        let expanded = words::expand_heredoc(&content.bytes, &|name| variables.get(name).map(str::to_owned))
            .map_err(|source| Error::at(span, ErrorKind::Word { word: "the heredoc".to_owned(), source }))?;
        self.warn_undefined(&expanded.unmatched, span);
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
        let vertex = match transfer.link && self.state.tree.is_some() {
            true => self.link(op, inputs, place)?,
            false => self.extend(Op::Copy(op), inputs, place)?,
        };
        self.commit_layer(created_by, vertex);
        Ok(())
    }

    /// The files on nothing, then that layer on the stage's: it does not depend on what lies below.
    fn link(&mut self, op: CopyOp, inputs: Inputs, place: Place) -> Result<VertexId> {
        let layer = self.work.vertices.add(Op::Copy(op), None, inputs, place.clone())?;
        let place = Place { text: format!("LINK {}", place.text), ..place };
        self.extend(Op::Merge, Inputs::one(layer).0, place)
    }

    fn chmod(&self, text: Option<String>) -> Result<Option<Chmod>> {
        let Some(text) = text else { return Ok(None) };
        mode::parse(&text).map(Some).ok_or_else(|| self.refuse(ErrorKind::Chmod(text)))
    }

    fn source(&mut self, source: &str, manner: &Manner, inputs: &mut Inputs) -> Result<Source> {
        let git_error = |reason| self.refuse(ErrorKind::Git { address: source.to_owned(), reason });
        match (remote(source).map_err(git_error)?, manner) {
            (Remote::Local, Manner::Add { checksum: Some(_), .. }) => Err(self.refuse(ErrorKind::ChecksumScope)),
            (Remote::Local, Manner::Add { unpack, .. }) => {
                let tree = self.context(None)?;
                Ok(local(source, false, inputs.place_of(tree).into(), unpack.unwrap_or(true)))
            }
            (Remote::Local, Manner::Copy { from, parents }) => {
                let input = from.map(|tree| inputs.place_of(tree));
                Ok(local(source, *parents, input, false))
            }
            (_, Manner::Copy { .. }) => Err(self.refuse(ErrorKind::RemoteCopy(source.to_owned()))),
            (Remote::Git(git), Manner::Add { keep_git_dir, checksum, .. }) => {
                self.checkout(source, git, *keep_git_dir, checksum.clone(), inputs)
            }
            (Remote::Url { name }, Manner::Add { checksum, unpack, .. }) => {
                let parsed = checksum.as_ref().map(|text| {
                    let refuse = |source| self.refuse(ErrorKind::Checksum { text: text.clone(), source });
                    text.parse().map_err(refuse)
                });
                let fetch = FetchOp { url: source.to_owned(), name: name.clone(), checksum: parsed.transpose()? };
                let input = self.leaf(Op::Fetch(fetch), source, inputs)?;
                Ok(Source::Download { input, name, unpack: unpacking(unpack.unwrap_or(false)) })
            }
        }
    }

    fn checkout(
        &mut self,
        address: &str,
        git: GitAddress,
        keep_git_dir: Option<bool>,
        checksum: Option<String>,
        inputs: &mut Inputs,
    ) -> Result<Source> {
        let clash = |what: &str| {
            let reason = format!("its {what} and the flag of ADD do not agree");
            self.refuse(ErrorKind::Git { address: address.to_owned(), reason })
        };
        if git.keep_git_dir.zip(keep_git_dir).is_some_and(|(one, other)| one != other) {
            return Err(clash("keep-git-dir"));
        }
        if git.checksum.as_ref().zip(checksum.as_ref()).is_some_and(|(one, other)| one != other) {
            return Err(clash("checksum"));
        }
        let checksum = git.checksum.clone().or(checksum);
        let keep = git.keep_git_dir.or(keep_git_dir).unwrap_or(false);
        let input = self.leaf(Op::Git(git.checkout(keep, checksum)), address, inputs)?;
        Ok(Source::Checkout { input })
    }

    fn leaf(&mut self, op: Op, shown: &str, inputs: &mut Inputs) -> Result<crate::Input> {
        let place = self.aside(format!("{} {shown}", op.kind()));
        let id = self.work.vertices.add(op, None, Inputs::none(), place)?;
        Ok(inputs.place_of(id))
    }

    pub(super) fn workdir(&mut self, path: &Text, original: &Text) -> Result<()> {
        let path = self.expand(path)?;
        let path = absolute(&self.state.cwd(), &path);
        let place = self.next_step(self.shown(original));
        self.state.config.config.working_dir.clone_from(&path);
        let created_by = format!("WORKDIR {path}");
        if path == "/" {
            self.commit_config(created_by);
            return Ok(());
        }
        let owner = Some(self.state.config.config.user.clone()).filter(|user| !user.is_empty());
        let vertex = self.extend(Op::Mkdir(MkdirOp { path, mode: 0o755, owner }), Inputs::none(), place)?;
        self.commit_layer(created_by, vertex);
        Ok(())
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

/// Files by pattern. With `--parents`, `/./` marks where the kept part of the path begins.
fn local(source: &str, parents: bool, input: Option<crate::Input>, unpack: bool) -> Source {
    let unpack = unpacking(unpack);
    if !parents {
        return Source::Files { input, path: absolute("/", source), below: None, unpack };
    }
    let (path, below) = source.split_once("/./").unwrap_or(("/", source));
    let below = absolute("/", below).trim_start_matches('/').to_owned();
    Source::Files { input, path: absolute("/", path), below: Some(below), unpack }
}

const fn unpacking(unpack: bool) -> Unpack {
    if unpack { Unpack::IfArchive } else { Unpack::Never }
}
