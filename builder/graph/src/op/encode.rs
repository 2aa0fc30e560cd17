//! The canonical encoding of operations. Fixed-size numbers are little-endian, everything else is preceded by its length
//! as eight bytes. Knows nothing of hashing.

use super::{BindMount, CacheMount, Chmod, CopyOp, InlineFile, Input, Mount, Op, RunOp, SecretMount, Source, SshMount};
use super::{Device, FetchOp, GitOp, ImageOp, MkdirOp, Security, TmpfsMount, Unpack};
use crate::request::Network;
use rbuild_oci::Platform;

/// The first byte of every encoding. A change of meaning anywhere below is a new number.
pub const ENCODING_VERSION: u8 = 1;

/// Appends the encoding of `op`.
pub(super) fn op(op: &Op, out: &mut Vec<u8>) {
    out.push(ENCODING_VERSION);
    let mut to = Encoder { out };
    match op {
        Op::Image(op) => to.tag(1).image(op),
        Op::Context(_) => to.tag(2),
        Op::Fetch(op) => to.tag(3).fetch(op),
        Op::Git(op) => to.tag(4).git(op),
        Op::Copy(op) => to.tag(5).copy(op),
        Op::Run(op) => to.tag(6).run(op),
        Op::Mkdir(op) => to.tag(7).mkdir(op),
        Op::Merge => to.tag(8),
    };
}

struct Encoder<'a> {
    out: &'a mut Vec<u8>,
}

impl Encoder<'_> {
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.out.push(tag);
        self
    }

    fn flag(&mut self, flag: bool) -> &mut Self {
        self.tag(u8::from(flag))
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.out.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn option<T>(&mut self, value: Option<T>, each: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.flag(value.is_some());
        if let Some(value) = value {
            each(self, value);
        }
        self
    }

    fn list<T>(&mut self, values: &[T], each: impl Fn(&mut Self, &T)) -> &mut Self {
        self.number(values.len() as u64);
        for value in values {
            each(self, value);
        }
        self
    }

    fn input(&mut self, input: Input) -> &mut Self {
        self.number(u64::from(input.0))
    }

    fn image(&mut self, op: &ImageOp) -> &mut Self {
        self.bytes(op.digest.as_bytes())
    }

    fn fetch(&mut self, op: &FetchOp) -> &mut Self {
        self.text(&op.name)
    }

    fn git(&mut self, op: &GitOp) -> &mut Self {
        self.text(&op.subdir).flag(op.keep_git_dir).flag(op.submodules);
        // A kept .git names the branch it was checked out from.
        self.option(op.keep_git_dir.then_some(&op.reference), |to, reference| {
            to.text(reference);
        })
    }

    fn mkdir(&mut self, op: &MkdirOp) -> &mut Self {
        self.text(&op.path).number(u64::from(op.mode)).option(op.owner.as_deref(), |to, owner| {
            to.text(owner);
        })
    }

    fn copy(&mut self, op: &CopyOp) -> &mut Self {
        self.list(&op.sources, Self::source).text(&op.dest);
        self.option(op.chown.as_deref(), |to, owner| {
            to.text(owner);
        });
        self.option(op.chmod.as_ref(), |to, mode| {
            match mode {
                Chmod::Octal(bits) => to.tag(1).number(u64::from(*bits)),
                Chmod::Symbolic(text) => to.tag(2).text(text),
            };
        });
        self.list(&op.excludes, |to, pattern| {
            to.text(pattern);
        })
    }

    fn source(&mut self, source: &Source) {
        match source {
            Source::Files { input, path, below, unpack } => self
                .tag(1)
                .tree(*input, path)
                .option(below.as_deref(), |to, below| {
                    to.text(below);
                })
                .flag(*unpack == Unpack::IfArchive),
            Source::Download { input, name, unpack } => {
                self.tag(2).input(*input).text(name).flag(*unpack == Unpack::IfArchive)
            }
            Source::Checkout { input } => self.tag(3).input(*input),
            Source::Inline(file) => self.tag(4).inline(file),
        };
    }

    fn inline(&mut self, file: &InlineFile) -> &mut Self {
        self.text(&file.name).bytes(&file.content)
    }

    fn run(&mut self, op: &RunOp) -> &mut Self {
        self.list(&op.argv, |to, argument| {
            to.bytes(argument);
        });
        self.list(&op.env, |to, (name, value)| {
            to.text(name).text(value);
        });
        self.text(&op.user).text(&op.cwd).list(&op.mounts, Self::mount);
        self.list(&op.scripts, |to, script| {
            to.inline(script);
        });
        self.tag(match op.network {
            Network::Default => 1,
            Network::None => 2,
            Network::Host => 3,
        });
        self.flag(op.security == Security::Insecure).text(&op.hostname);
        self.list(&op.add_hosts, |to, (host, address)| {
            to.text(host).text(address);
        });
        self.list(&op.devices, |to, Device { name, required }| {
            to.text(name).flag(*required);
        });
        self.platform(&op.platform)
    }

    fn platform(&mut self, platform: &Platform) -> &mut Self {
        self.text(&platform.os).text(&platform.architecture);
        for part in [&platform.variant, &platform.os_version] {
            self.option(part.as_deref(), |to, part| {
                to.text(part);
            });
        }
        self.list(&platform.os_features, |to, feature| {
            to.text(feature);
        })
    }

    fn mount(&mut self, mount: &Mount) {
        match mount {
            Mount::Bind(mount) => self.tag(1).bind(mount),
            Mount::Cache(mount) => self.tag(2).cache(mount),
            Mount::Tmpfs(TmpfsMount { target, size, read_only }) => {
                self.tag(3).text(target).number(*size).flag(*read_only)
            }
            Mount::Secret(mount) => self.tag(4).secret(mount),
            Mount::Ssh(mount) => self.tag(5).ssh(mount),
        };
    }

    fn tree(&mut self, input: Option<Input>, source: &str) -> &mut Self {
        self.option(input, |to, input| {
            to.input(input);
        });
        self.text(source)
    }

    fn bind(&mut self, mount: &BindMount) -> &mut Self {
        self.text(&mount.target).tree(mount.input, &mount.source).flag(mount.writable)
    }

    fn cache(&mut self, mount: &CacheMount) -> &mut Self {
        self.text(&mount.target).text(&mount.id).tree(mount.input, &mount.source).flag(mount.read_only);
        self.owner(mount.mode, mount.uid, mount.gid)
    }

    fn secret(&mut self, mount: &SecretMount) -> &mut Self {
        self.text(&mount.id);
        for part in [&mount.target, &mount.env] {
            self.option(part.as_deref(), |to, part| {
                to.text(part);
            });
        }
        self.flag(mount.required).owner(mount.mode, mount.uid, mount.gid)
    }

    fn ssh(&mut self, mount: &SshMount) -> &mut Self {
        self.text(&mount.id).text(&mount.target).flag(mount.required).owner(mount.mode, mount.uid, mount.gid)
    }

    fn owner(&mut self, mode: u32, uid: u32, gid: u32) -> &mut Self {
        self.number(u64::from(mode)).number(u64::from(uid)).number(u64::from(gid))
    }
}
