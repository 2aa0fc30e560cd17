//! The sources of COPY and ADD: paths, downloads, git repositories. Knows nothing of where they go.

use super::Stage;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Place, VertexId};
use crate::lower::paths::absolute;
use crate::lower::remote::{GitAddress, Remote, remote};
use crate::lower::vertices::Inputs;
use crate::op::{FetchOp, Input, Op, Source, Unpack};
use dockerfile_parser::Span;

/// What only one of the two has.
pub(super) enum Manner {
    /// COPY: from which tree (none is an empty one), and whether directories above are kept.
    Copy { from: Option<VertexId>, parents: bool },
    /// ADD; a checksum with its place.
    Add { keep_git_dir: Option<bool>, checksum: Option<(String, Span)>, unpack: Option<bool> },
}

impl Stage<'_, '_, '_> {
    /// One source, its tree among `inputs`.
    pub(super) fn source(
        &mut self,
        (source, span): (&str, Span),
        manner: &Manner,
        inputs: &mut Inputs,
    ) -> Result<Source> {
        let git_error = |reason| Error::at(span, ErrorKind::Git { address: source.to_owned(), reason });
        match (remote(source).map_err(git_error)?, manner) {
            (Remote::Local, Manner::Add { checksum: Some((_, span)), .. }) => {
                Err(Error::at(*span, ErrorKind::ChecksumScope))
            }
            (Remote::Local, Manner::Add { unpack, .. }) => {
                let tree = self.context(None)?;
                Ok(local(source, false, inputs.place_of(tree).into(), unpack.unwrap_or(true)))
            }
            (Remote::Local, Manner::Copy { from, parents }) => {
                let input = from.map(|tree| inputs.place_of(tree));
                Ok(local(source, *parents, input, false))
            }
            (_, Manner::Copy { .. }) => Err(Error::at(span, ErrorKind::RemoteCopy(source.to_owned()))),
            (Remote::Git(git), Manner::Add { keep_git_dir, checksum, .. }) => {
                let checksum = checksum.as_ref().map(|(text, _)| text.clone());
                self.checkout((source, span), git, *keep_git_dir, checksum, inputs)
            }
            (Remote::Url { name }, Manner::Add { checksum, unpack, .. }) => {
                let parsed = checksum.as_ref().map(|(text, span)| {
                    let refuse = |source| Error::at(*span, ErrorKind::Checksum { text: text.clone(), source });
                    text.parse().map_err(refuse)
                });
                let (url, checksum) = (source.to_owned(), parsed.transpose()?);
                let fetch = FetchOp { url, name: name.clone(), checksum, modified: None };
                let input = self.leaf(Op::Fetch(fetch), (source, span), inputs)?;
                Ok(Source::Download { input, name, unpack: unpacking(unpack.unwrap_or(false)) })
            }
        }
    }

    fn checkout(
        &mut self,
        (address, span): (&str, Span),
        git: GitAddress,
        keep_git_dir: Option<bool>,
        checksum: Option<String>,
        inputs: &mut Inputs,
    ) -> Result<Source> {
        let clash = |what: &str| {
            let reason = format!("its {what} and the flag of ADD do not agree");
            Error::at(span, ErrorKind::Git { address: address.to_owned(), reason })
        };
        if git.keep_git_dir.zip(keep_git_dir).is_some_and(|(one, other)| one != other) {
            return Err(clash("keep-git-dir"));
        }
        if git.checksum.as_ref().zip(checksum.as_ref()).is_some_and(|(one, other)| one != other) {
            return Err(clash("checksum"));
        }
        let checksum = git.checksum.clone().or(checksum);
        let keep = git.keep_git_dir.or(keep_git_dir).unwrap_or(false);
        let input = self.leaf(Op::Git(git.checkout(keep, checksum)), (address, span), inputs)?;
        Ok(Source::Checkout { input })
    }

    fn leaf(&mut self, op: Op, (shown, span): (&str, Span), inputs: &mut Inputs) -> Result<Input> {
        let place = Place { span, ..self.aside(&format!("{} {shown}", op.kind())) };
        let id = self.work.vertices.add(op, None, Inputs::none(), place)?;
        Ok(inputs.place_of(id))
    }
}

/// Files by pattern. With `--parents`, `/./` marks where the kept part of the path begins.
fn local(source: &str, parents: bool, input: Option<Input>, unpack: bool) -> Source {
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
