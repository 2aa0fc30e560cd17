//! RUN `--mount`: what a process sees besides its files. Knows nothing of how a mount is made.

use super::Stage;
use crate::error::{Error, ErrorKind, Result};
use crate::lower::command::Command;
use crate::lower::paths::{absolute, base_name};
use crate::lower::plan;
use crate::lower::vertices::Inputs;
use crate::op::{BindMount, CacheMount, Input, Mount, SecretMount, Sharing, SshMount, TmpfsMount};
use crate::parameters::Credential;
use dockerfile_parser::Text;
use dockerfile_parser::mount::{Mount as Written, MountFlag, MountKind, Sharing as WrittenSharing};

/// The build argument that keeps the caches of several projects apart.
const NAMESPACE: &str = "BUILDKIT_CACHE_MOUNT_NS";

impl Stage<'_, '_, '_> {
    /// All mounts of a RUN, their trees among `inputs`.
    pub(super) fn mounts(
        &mut self,
        flags: &[MountFlag],
        command: &Command<'_>,
        inputs: &mut Inputs,
    ) -> Result<Vec<Mount>> {
        let mut mounts = Vec::new();
        let mut agents = 0;
        for flag in flags {
            let written = self.resolve(flag)?;
            mounts.push(match written.kind {
                MountKind::Bind => self.bind(flag, &written, command, inputs)?,
                MountKind::Cache => self.cache(flag, &written, command, inputs)?,
                MountKind::Tmpfs => Mount::Tmpfs(TmpfsMount {
                    target: self.target(flag, &written)?,
                    size: written.size,
                    read_only: written.read_only,
                }),
                MountKind::Secret => self.secret(&written),
                MountKind::Ssh => {
                    agents += 1;
                    self.ssh(flag, &written, agents - 1)?
                }
            });
        }
        Ok(mounts)
    }

    fn resolve(&mut self, flag: &MountFlag) -> Result<Written> {
        let site = self.site;
        let mut word_error = None;
        let resolved = flag.resolve(&mut |word: &Text| {
            self.expand(word).map_err(|error| {
                let kind = dockerfile_parser::ErrorKind::FlagValueMissing("--mount".to_owned());
                let stand_in = dockerfile_parser::Error::new(kind, site.of(word));
                word_error.get_or_insert(error);
                stand_in
            })
        });
        resolved.map_err(|error| {
            let span = if site.triggered { site.span } else { error.span };
            word_error.unwrap_or_else(|| Error { hint: error.hint, ..Error::at(span, ErrorKind::Parse(error.kind)) })
        })
    }

    fn bind(
        &mut self,
        flag: &MountFlag,
        written: &Written,
        command: &Command<'_>,
        inputs: &mut Inputs,
    ) -> Result<Mount> {
        let target = self.target(flag, written)?;
        let input = match flag.from().filter(|name| !name.is_empty()) {
            Some(name) => self.mounted(name, command, inputs)?,
            None => Some(inputs.place_of(self.context(None)?)),
        };
        let source = absolute("/", &written.source);
        Ok(Mount::Bind(BindMount { target, input, source, writable: !written.read_only }))
    }

    fn cache(
        &mut self,
        flag: &MountFlag,
        written: &Written,
        command: &Command<'_>,
        inputs: &mut Inputs,
    ) -> Result<Mount> {
        let target = self.target(flag, written)?;
        let input = match flag.from().filter(|name| !name.is_empty()) {
            Some(name) => self.mounted(name, command, inputs)?,
            None => None,
        };
        let id = if written.id.is_empty() { clean(&written.target) } else { written.id.clone() };
        let id = match self.job.globals.build_args.get(NAMESPACE).filter(|namespace| !namespace.is_empty()) {
            Some(namespace) => format!("{namespace}/{id}"),
            None => id,
        };
        Ok(Mount::Cache(CacheMount {
            target,
            id,
            sharing: match written.sharing {
                None | Some(WrittenSharing::Shared) => Sharing::Shared,
                Some(WrittenSharing::Private) => Sharing::Private,
                Some(WrittenSharing::Locked) => Sharing::Locked,
            },
            input,
            source: absolute("/", &written.source),
            read_only: written.read_only,
            mode: written.mode.unwrap_or(0o755),
            uid: written.uid.unwrap_or(0),
            gid: written.gid.unwrap_or(0),
        }))
    }

    /// The tree of `from=`.
    fn mounted(&mut self, name: &Text, command: &Command<'_>, inputs: &mut Inputs) -> Result<Option<Input>> {
        let taken = crate::lower::command::Taken { name, numbered: false };
        let located = plan::locate(self.job, self.work, self.heads, self.index, command, &taken)?;
        Ok(self.tree(&located)?.map(|tree| inputs.place_of(tree)))
    }

    fn ssh(&mut self, flag: &MountFlag, written: &Written, number: usize) -> Result<Mount> {
        if !written.source.is_empty() {
            return Err(self.refuse_flag(flag, ErrorKind::SshSource));
        }
        let default = || format!("/run/buildkit/ssh_agent.{number}");
        let id = if written.id.is_empty() { "default".to_owned() } else { written.id.clone() };
        let credential = self.credential(written);
        self.state.parameters.ssh.entry(id.clone()).or_insert(credential);
        Ok(Mount::Ssh(SshMount {
            id,
            target: if written.target.is_empty() { default() } else { absolute("/", &written.target) },
            required: written.required,
            mode: written.mode.unwrap_or(0o600),
            uid: written.uid.unwrap_or(0),
            gid: written.gid.unwrap_or(0),
        }))
    }

    fn secret(&mut self, written: &Written) -> Mount {
        let mount = secret(written);
        let credential = self.credential(written);
        self.state.parameters.secrets.entry(mount.id.clone()).or_insert(credential);
        Mount::Secret(mount)
    }

    /// What a mount asks its builder for.
    fn credential(&self, written: &Written) -> Credential {
        Credential { required: written.required, place: self.site.place(&Text::default()) }
    }

    /// The target from the working directory, which it is where none is written; never the root.
    fn target(&self, flag: &MountFlag, written: &Written) -> Result<String> {
        let target = absolute(&self.state.cwd(), &written.target);
        if target != "/" {
            return Ok(target);
        }
        if written.target.is_empty() {
            let error = self.refuse_flag(flag, ErrorKind::NoMountTarget(written.kind.name()));
            return Err(error.with_hint("as in target=/path"));
        }
        Err(self.refuse_flag(flag, ErrorKind::MountTarget))
    }

    fn refuse_flag(&self, flag: &MountFlag, kind: ErrorKind) -> Error {
        let span = if self.site.triggered { self.site.span } else { flag.span };
        Error::at(span, kind)
    }
}

fn secret(written: &Written) -> SecretMount {
    let named = [&written.source, &written.id].into_iter().find(|name| !name.is_empty());
    let id = named.cloned().unwrap_or_else(|| base_name(&written.target).to_owned());
    let target = match (written.target.as_str(), &written.env) {
        ("", Some(_)) => None,
        ("", None) => Some(format!("/run/secrets/{}", base_name(&id))),
        (target, _) => Some(absolute("/", target)),
    };
    let env = written.env.as_ref().map(|name| if name.is_empty() { id.clone() } else { name.clone() });
    SecretMount {
        target,
        env,
        required: written.required,
        mode: written.mode.unwrap_or(0o400),
        uid: written.uid.unwrap_or(0),
        gid: written.gid.unwrap_or(0),
        id,
    }
}

/// The name of a cache that has no id: its target, cleaned but not joined to the working directory.
fn clean(target: &str) -> String {
    let rooted = absolute("/", target);
    if target.starts_with('/') { rooted } else { rooted.trim_start_matches('/').to_owned() }
}
