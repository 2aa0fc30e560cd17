//! RUN: a process with all it sees. Knows nothing of how it is confined.

use super::Stage;
use crate::error::{ErrorKind, Result};
use crate::graph::Place;
use crate::lower::command::Command;
use crate::lower::vertices::Inputs;
use crate::op::{Device, InlineFile, Mount, Op, RunOp, Security};
use crate::request::Network;
use dockerfile_parser::instruction::Security as WrittenSecurity;
use dockerfile_parser::instruction::{Device as WrittenDevice, Network as WrittenNetwork, Run, Script};
use dockerfile_parser::{Span, Text};

/// The build argument that names the host, and the name without it.
const HOSTNAME: (&str, &str) = ("BUILDKIT_SANDBOX_HOSTNAME", "buildkitsandbox");
/// The build arguments that reach every RUN undeclared and change no key.
pub(in crate::lower) const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

impl Stage<'_, '_, '_> {
    pub(super) fn run(&mut self, run: &Run, command: &Command<'_>) -> Result<()> {
        let mut scripts = Vec::new();
        let argv = match run.script() {
            Script::Exec(words) => words.iter().map(|word| word.bytes.clone()).collect(),
            Script::Shell(text) => self.state.in_shell(&text),
            Script::File { name, body } => {
                let name = name.to_str_lossy().into_owned();
                let path = format!("/dev/pipes/{name}");
                scripts.push(InlineFile { name, content: body });
                self.state.in_shell(path.as_bytes())
            }
        };
        if argv.is_empty() {
            return Err(self.refuse(ErrorKind::NoCommand));
        }
        let created_by = self.created_by(&argv);
        let mut inputs = Inputs::none();
        let mounts = self.mounts(&run.mounts, command, &mut inputs)?;
        let op = RunOp {
            env_unkeyed: self.proxies(),
            env: self.environment(&mounts),
            user: self.state.config.config.user.clone(),
            cwd: self.state.cwd(),
            mounts,
            scripts,
            network: self.network(run.network),
            security: match run.security {
                WrittenSecurity::Sandbox => Security::Sandbox,
                WrittenSecurity::Insecure => Security::Insecure,
            },
            hostname: self.hostname(),
            add_hosts: self.job.request.add_hosts.clone(),
            devices: run.devices.iter().map(device).collect(),
            platform: self.state.platform.clone(),
            argv,
        };
        let shown = self.shown_with_script(run, &command.instruction.original);
        let place = Place { words: self.run_words(run, &op.mounts), ..self.next_step(shown) };
        let vertex = self.extend(Op::Run(op), inputs, place)?;
        self.renew(vertex);
        self.commit_layer(&created_by, vertex);
        Ok(())
    }

    /// What it names and where that is written: its mounts, its user, its directory.
    fn run_words(&self, run: &Run, mounts: &[Mount]) -> Vec<(String, Span)> {
        let name = |mount: &Mount| match mount {
            Mount::Bind(bind) => bind.source.clone(),
            Mount::Secret(secret) => secret.id.clone(),
            Mount::Ssh(ssh) => ssh.id.clone(),
            Mount::Cache(cache) => cache.source.clone(),
            Mount::Tmpfs(tmpfs) => tmpfs.target.clone(),
        };
        let flags = mounts.iter().zip(&run.mounts);
        let whole = |span| if self.site.triggered { self.site.span } else { span };
        let settings = self.state.words.iter().map(|(_, word, span)| (word.clone(), *span));
        flags.map(|(mount, flag)| (name(mount), whole(flag.span))).chain(settings).collect()
    }

    fn created_by(&self, argv: &[Vec<u8>]) -> String {
        let command = String::from_utf8_lossy(&argv.join(&b' ')).into_owned();
        format!("RUN {}{command} # buildkit", self.state.args_in_history())
    }

    fn environment(&self, mounts: &[Mount]) -> Vec<(String, String)> {
        let mut variables = self.state.variables.clone();
        let agent = mounts.iter().find_map(|mount| match mount {
            Mount::Ssh(ssh) => Some(&ssh.target),
            _ => None,
        });
        if let Some(socket) = agent.filter(|_| variables.get("SSH_AUTH_SOCK").is_none()) {
            variables.set("SSH_AUTH_SOCK", socket);
        }
        variables.to_list()
    }

    /// Proxy variables in both spellings, from whichever spelling was given. They win over ENV, as in BuildKit.
    fn proxies(&self) -> Vec<(String, String)> {
        let mut proxies = Vec::new();
        for proxy in PROXIES {
            let given = self.job.globals.build_args.iter().rfind(|(name, _)| name.eq_ignore_ascii_case(proxy));
            let Some((_, value)) = given.filter(|(_, value)| !value.is_empty()) else { continue };
            proxies.extend([proxy.to_owned(), proxy.to_ascii_lowercase()].map(|name| (name, value.clone())));
        }
        proxies
    }

    fn network(&self, written: WrittenNetwork) -> Network {
        match written {
            WrittenNetwork::Default => self.job.request.network,
            WrittenNetwork::None => Network::None,
            WrittenNetwork::Host => Network::Host,
        }
    }

    fn hostname(&self) -> String {
        self.job.globals.build_args.get(HOSTNAME.0).map_or(HOSTNAME.1, String::as_str).to_owned()
    }

    /// The instruction, with the first line of a heredoc that is all there is to run.
    fn shown_with_script(&self, run: &Run, original: &Text) -> String {
        let shown = self.shown(original);
        let Some(heredoc) = run.heredocs.first() else { return shown };
        let body = String::from_utf8_lossy(&heredoc.content.bytes).trim().to_owned();
        match body.split_once('\n') {
            Some((first, _)) => format!("{shown} ({}...)", first.trim_end()),
            None => format!("{shown} ({body})"),
        }
    }
}

fn device(written: &WrittenDevice) -> Device {
    Device { name: written.name.to_str_lossy().into_owned(), required: written.required }
}
