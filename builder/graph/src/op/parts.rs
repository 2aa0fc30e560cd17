//! The named parts of operations, of which keys are made and by which people are told what differs. Knows nothing of keys.

use super::{BindMount, CacheMount, Chmod, CopyOp, InlineFile, Input, Mount, Op, RunOp, SecretMount, Source, SshMount};
use super::{Device, GitOp, MkdirOp, Security, TmpfsMount, Unpack};
use crate::redact::{is_secret, redact};
use crate::request::Network;
use rbuild_oci::Digest;

/// The parts of an operation.
pub(super) fn of(op: &Op) -> Vec<(String, String)> {
    let mut parts = Parts(Vec::new());
    match op {
        Op::Image(op) => parts.put("image", op.digest.to_string()),
        Op::Context(_) | Op::Merge => {}
        Op::Fetch(op) => parts.text("file", op.name.as_bytes()),
        Op::Git(op) => parts.git(op),
        Op::Copy(op) => parts.copy(op),
        Op::Run(op) => parts.run(op),
        Op::Mkdir(op) => parts.mkdir(op),
    }
    parts.0
}

/// A text that is longer is known by its digest.
const LONGEST: usize = 8 << 10;

struct Parts(Vec<(String, String)>);

impl Parts {
    fn put(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// A value that people may see, but for credentials in it.
    fn text(&mut self, name: &str, value: &[u8]) {
        let mut shown = redact(&String::from_utf8_lossy(value));
        if shown.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|end| shown.is_char_boundary(*end));
            shown.truncate(end.unwrap_or_default());
        }
        if shown.as_bytes() != value {
            self.put(format!("digest of {name}"), Digest::of(value).to_string());
        }
        self.put(name, shown);
    }

    fn variable(&mut self, name: &str, value: &str) {
        if is_secret(name) {
            let pair = format!("{name}={value}");
            return self.put(format!("digest of env {name}"), Digest::of(pair.as_bytes()).to_string());
        }
        self.text(&format!("env {name}"), value.as_bytes());
    }

    fn git(&mut self, op: &GitOp) {
        self.put("directory", &op.subdir);
        self.put("submodules", op.submodules.to_string());
        // A kept .git names the branch it was checked out from.
        if op.keep_git_dir {
            self.put("branch", &op.reference);
        }
    }

    fn mkdir(&mut self, op: &MkdirOp) {
        self.put("path", &op.path);
        self.put("mode", format!("{:04o}", op.mode));
        self.owner(op.owner.as_deref());
    }

    fn owner(&mut self, owner: Option<&str>) {
        if let Some(owner) = owner {
            self.put("owner", owner);
        }
    }

    fn copy(&mut self, op: &CopyOp) {
        for source in &op.sources {
            match source {
                Source::Inline(file) => self.inline(file),
                named => self.put("source", self::source(named)),
            }
        }
        self.put("destination", &op.dest);
        self.owner(op.chown.as_deref());
        match &op.chmod {
            Some(Chmod::Octal(bits)) => self.put("mode", format!("{bits:04o}")),
            Some(Chmod::Symbolic(text)) => self.put("mode in words", text),
            None => {}
        }
        for pattern in &op.excludes {
            self.put("exclude", pattern);
        }
    }

    fn inline(&mut self, file: &InlineFile) {
        self.text(&format!("here-document {}", file.name), &file.content);
    }

    fn run(&mut self, op: &RunOp) {
        self.text("command", &op.argv.join(&b' '));
        let lengths: Vec<String> = op.argv.iter().map(|word| word.len().to_string()).collect();
        self.put("words", lengths.join(" "));
        for script in &op.scripts {
            self.inline(script);
        }
        self.put("user", &op.user);
        self.put("directory", &op.cwd);
        for (name, value) in &op.env {
            self.variable(name, value);
        }
        for mount in &op.mounts {
            self.mount(mount);
        }
        self.put("network", network(op.network));
        self.put("security", if op.security == Security::Insecure { "insecure" } else { "sandbox" });
        self.put("host name", &op.hostname);
        for (host, address) in &op.add_hosts {
            self.put(format!("host {host}"), address);
        }
        for Device { name, required } in &op.devices {
            self.put(format!("device {name}"), if *required { "required" } else { "optional" });
        }
        let os = &op.platform;
        self.put("platform", os.to_string());
        if let Some(version) = &os.os_version {
            self.put("version of the system", version);
        }
        for feature in &os.os_features {
            self.put("feature of the system", feature);
        }
    }

    fn mount(&mut self, mount: &Mount) {
        let (target, text) = match mount {
            Mount::Bind(BindMount { target, input, source, writable }) => {
                (target, format!("bind of {}{}", tree(*input, source), if *writable { ", writable" } else { "" }))
            }
            Mount::Cache(CacheMount { target, id, input, source, read_only, mode, uid, gid, sharing: _ }) => {
                let access = if *read_only { ", read-only" } else { "" };
                (target, format!("cache {id:?} of {}, {mode:04o} {uid}:{gid}{access}", tree(*input, source)))
            }
            Mount::Tmpfs(TmpfsMount { target, size, read_only }) => {
                (target, format!("tmpfs of {size} bytes{}", if *read_only { ", read-only" } else { "" }))
            }
            Mount::Secret(SecretMount { id, target, env, required, mode, uid, gid }) => {
                let env = env.as_ref().map(|name| format!(" in {name:?}")).unwrap_or_default();
                let required = if *required { ", required" } else { "" };
                let text = format!("secret {id:?}{env}, {mode:04o} {uid}:{gid}{required}");
                return match target {
                    Some(target) => self.put(format!("mount {target}"), text),
                    None => self.put("mount", text),
                };
            }
            Mount::Ssh(SshMount { id, target, required, mode, uid, gid }) => {
                (target, format!("ssh {id:?}, {mode:04o} {uid}:{gid}{}", if *required { ", required" } else { "" }))
            }
        };
        self.put(format!("mount {target}"), text);
    }
}

fn source(source: &Source) -> String {
    let archive = |unpack: &Unpack| if *unpack == Unpack::IfArchive { ", unpacked" } else { "" };
    match source {
        Source::Files { input, path, below, unpack } => {
            let below = below.as_ref().map(|below| format!(" below {below:?}")).unwrap_or_default();
            format!("{}{below}{}", tree(*input, path), archive(unpack))
        }
        Source::Download { input, name, unpack } => format!("download {name:?} of {}{}", input.0, archive(unpack)),
        Source::Checkout { input } => format!("checkout of {}", input.0),
        Source::Inline(file) => format!("here-document {:?}", file.name),
    }
}

/// A path of an input, or of an empty tree.
fn tree(input: Option<Input>, path: &str) -> String {
    let input = input.map_or_else(|| "nothing".to_owned(), |input| input.0.to_string());
    format!("{path:?} in {input}")
}

const fn network(network: Network) -> &'static str {
    match network {
        Network::Default => "default",
        Network::None => "none",
        Network::Host => "host",
    }
}
