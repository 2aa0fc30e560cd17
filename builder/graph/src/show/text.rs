//! A graph in words: every vertex with all that it does, every target with its configuration and history.

use crate::graph::{BuildGraph, Origin, Target, Vertex, VertexId};
use crate::op::{
    BindMount, CacheMount, Chmod, CopyOp, FetchOp, GitOp, InlineFile, Input, Mount, Op, RunOp, SecretMount, Security,
    Sharing, Source, SshMount, TmpfsMount, Unpack,
};
use crate::redact::redact;
use crate::request::Network;
use std::fmt::Write as _;

/// The graph in words. Texts from the Dockerfile are quoted, so that each line stands for itself.
pub fn to_text(graph: &BuildGraph) -> String {
    let mut out = String::new();
    for (id, vertex) in graph.iter() {
        section(
            &mut out,
            &format!("{id} line {}: {}", vertex.place.line, one_line(&vertex.place.to_string())),
            &lines(vertex),
        );
    }
    for target in &graph.targets {
        let result = target.result.map_or_else(|| "nothing".to_owned(), |id| id.to_string());
        let heading = format!("target {} stage {:?}: {result}", target.platform, target.stage);
        section(&mut out, &heading, &target_lines(target));
    }
    if let Some(seconds) = graph.source_date_epoch {
        section(&mut out, &format!("source date epoch {seconds}"), &[]);
    }
    out
}

fn section(out: &mut String, heading: &str, lines: &[String]) {
    let _ = writeln!(out, "{heading}");
    for line in lines {
        let _ = writeln!(out, "  {}", redact(line));
    }
}

/// The text with its line ends written out.
pub(super) fn one_line(text: &str) -> String {
    text.replace('\n', "\\n").replace('\r', "\\r")
}

fn lines(vertex: &Vertex) -> Vec<String> {
    let parent = vertex.parent.map(|id| format!(" on {id}")).unwrap_or_default();
    let mut lines = vec![format!("{}{parent}", vertex.op.kind())];
    let inputs = |input: Option<Input>| tree(vertex, input);
    match &vertex.op {
        Op::Image(op) => lines.push(format!("{} {} {}", op.reference, op.digest, op.platform)),
        Op::Context(op) => lines.extend(op.name.iter().map(|name| format!("name {name:?}"))),
        Op::Fetch(op) => fetch(op, &mut lines),
        Op::Git(op) => git(op, &mut lines),
        Op::Copy(op) => copy(op, &inputs, &mut lines),
        Op::Run(op) => run(op, &inputs, &mut lines),
        Op::Mkdir(op) => {
            lines.push(format!("path {:?} mode {:04o}{}", op.path, op.mode, option(" owner ", op.owner.as_ref())));
        }
        Op::Merge => lines.push(format!("layers of {}", tree(vertex, Some(Input(0))))),
    }
    lines
}

fn tree(vertex: &Vertex, input: Option<Input>) -> String {
    let id: Option<&VertexId> = input.and_then(|Input(at)| vertex.inputs.get(at as usize));
    id.map_or_else(|| "nothing".to_owned(), VertexId::to_string)
}

fn option(label: &str, value: Option<&String>) -> String {
    value.map(|value| format!("{label}{value:?}")).unwrap_or_default()
}

fn word(name: &'static str, is: bool) -> &'static str {
    if is { name } else { "" }
}

fn fetch(op: &FetchOp, lines: &mut Vec<String>) {
    lines.push(format!("url {:?} as {:?}", op.url, op.name));
    lines.extend(op.checksum.map(|digest| format!("checksum {digest}")));
}

fn git(op: &GitOp, lines: &mut Vec<String>) {
    lines.push(format!("remote {:?} ref {:?} subdir {:?}", op.remote, op.reference, op.subdir));
    let flags = [
        word("keep-git-dir", op.keep_git_dir),
        word("no-submodules", !op.submodules),
        word("fetch-by-commit", op.fetch_by_commit),
    ];
    lines.extend(flags.iter().filter(|flag| !flag.is_empty()).map(|flag| (*flag).to_owned()));
    lines.extend(op.checksum.iter().map(|commit| format!("checksum {commit}")));
}

fn copy(op: &CopyOp, inputs: &dyn Fn(Option<Input>) -> String, lines: &mut Vec<String>) {
    let unpacked = |unpack: Unpack| word(" unpacked", unpack == Unpack::IfArchive);
    for source in &op.sources {
        lines.push(match source {
            Source::Files { input, path, below, unpack } => {
                format!("from {} {path:?}{}{}", inputs(*input), option(" below ", below.as_ref()), unpacked(*unpack))
            }
            Source::Download { input, name, unpack } => {
                format!("from {} download {name:?}{}", inputs(Some(*input)), unpacked(*unpack))
            }
            Source::Checkout { input } => format!("from {} checkout", inputs(Some(*input))),
            Source::Inline(file) => inline("inline", file),
        });
    }
    lines.push(format!("to {:?}", op.dest));
    lines.extend(op.chown.iter().map(|owner| format!("chown {owner:?}")));
    lines.extend(op.chmod.iter().map(|mode| match mode {
        Chmod::Octal(bits) => format!("chmod {bits:04o}"),
        Chmod::Symbolic(text) => format!("chmod {text:?}"),
    }));
    lines.extend(op.excludes.iter().map(|pattern| format!("exclude {pattern:?}")));
}

fn inline(what: &str, file: &InlineFile) -> String {
    format!("{what} {:?} {}", file.name, quoted(&file.content))
}

fn quoted(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("\"{}\"", bytes.escape_ascii()),
    }
}

fn run(op: &RunOp, inputs: &dyn Fn(Option<Input>) -> String, lines: &mut Vec<String>) {
    lines.push(format!("argv {}", op.argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")));
    lines.extend(op.env.iter().map(|(name, value)| format!("env {name}={value:?}")));
    lines.extend(op.env_unkeyed.iter().map(|(name, value)| format!("env (not in key) {name}={value:?}")));
    lines.push(format!("cwd {:?} user {:?} platform {}", op.cwd, op.user, op.platform));
    lines.extend(op.mounts.iter().map(|mount| format!("mount {}", self::mount(mount, inputs))));
    lines.extend(op.scripts.iter().map(|script| inline("script", script)));
    lines.extend(network(op.network).map(|network| format!("network {network}")));
    lines.extend((op.security == Security::Insecure).then(|| "security insecure".to_owned()));
    lines.extend((op.hostname != "buildkitsandbox").then(|| format!("hostname {:?}", op.hostname)));
    lines.extend(op.add_hosts.iter().map(|(host, address)| format!("host {host}={address}")));
    lines.extend(
        op.devices.iter().map(|device| format!("device {:?}{}", device.name, word(" required", device.required))),
    );
}

const fn network(network: Network) -> Option<&'static str> {
    match network {
        Network::Default => None,
        Network::None => Some("none"),
        Network::Host => Some("host"),
    }
}

fn mount(mount: &Mount, inputs: &dyn Fn(Option<Input>) -> String) -> String {
    match mount {
        Mount::Bind(BindMount { target, input, source, writable }) => {
            format!("bind {target:?} from {} {source:?}{}", inputs(*input), word(" writable", *writable))
        }
        Mount::Cache(mount) => cache(mount, inputs),
        Mount::Tmpfs(TmpfsMount { target, size, read_only }) => {
            format!("tmpfs {target:?} size {size}{}", word(" read-only", *read_only))
        }
        Mount::Secret(SecretMount { id, target, env, required, mode, uid, gid }) => {
            let (target, env) = (option(" at ", target.as_ref()), option(" in ", env.as_ref()));
            format!("secret {id:?}{target}{env} {mode:04o} {uid}:{gid}{}", word(" required", *required))
        }
        Mount::Ssh(SshMount { id, target, required, mode, uid, gid }) => {
            format!("ssh {id:?} at {target:?} {mode:04o} {uid}:{gid}{}", word(" required", *required))
        }
    }
}

fn cache(mount: &CacheMount, inputs: &dyn Fn(Option<Input>) -> String) -> String {
    let sharing = match mount.sharing {
        Sharing::Shared => "shared",
        Sharing::Private => "private",
        Sharing::Locked => "locked",
    };
    let CacheMount { target, id, source, mode, uid, gid, .. } = mount;
    let (from, read_only) = (inputs(mount.input), word(" read-only", mount.read_only));
    format!("cache {target:?} id {id:?} {sharing} from {from} {source:?} {mode:04o} {uid}:{gid}{read_only}")
}

fn target_lines(target: &Target) -> Vec<String> {
    let json = serde_json::to_value(&target.config).unwrap_or_default();
    let mut lines = Vec::new();
    for (name, value) in json.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(inner) if name == "config" => {
                lines.extend(inner.iter().map(|(name, value)| format!("{name} {value}")));
            }
            _ => lines.push(format!("{name} {value}")),
        }
    }
    for row in &target.history {
        let origin = match row.origin {
            Origin::Base => "base".to_owned(),
            Origin::Config => "config".to_owned(),
            Origin::Layer(id) => id.to_string(),
        };
        let created = row.entry.created.map(|time| format!(" {time}")).unwrap_or_default();
        let empty = word(" (empty)", row.origin == Origin::Base && row.entry.empty_layer);
        lines.push(format!("history {origin}{empty}{created}: {}", one_line(&row.entry.created_by)));
    }
    lines
}
