//! The sources of COPY and ADD: paths, downloads, git repositories. Knows nothing of where they go.

use super::Stage;
use crate::error::{ErrorKind, Result};
use crate::graph::VertexId;
use crate::lower::paths::absolute;
use crate::lower::remote::{GitAddress, Remote, remote};
use crate::lower::vertices::Inputs;
use crate::op::{FetchOp, Input, Op, Source, Unpack};

/// What only one of the two has.
pub(super) enum Manner {
    /// COPY: from which tree (none is an empty one), and whether directories above are kept.
    Copy { from: Option<VertexId>, parents: bool },
    /// ADD.
    Add { keep_git_dir: Option<bool>, checksum: Option<String>, unpack: Option<bool> },
}

impl Stage<'_, '_, '_> {
    /// One source, its tree among `inputs`.
    pub(super) fn source(&mut self, source: &str, manner: &Manner, inputs: &mut Inputs) -> Result<Source> {
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

    fn leaf(&mut self, op: Op, shown: &str, inputs: &mut Inputs) -> Result<Input> {
        let place = self.aside(&format!("{} {shown}", op.kind()));
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
