//! Instructions that change the image's configuration and no file. WORKDIR does both: see `workdir`.

use super::{Stage, signal};
use crate::error::{Error, ErrorKind, Result};
use crate::lower::history;
use crate::lower::state::Setting;
use dockerfile_parser::instruction::{Command, Healthcheck, Timing};
use dockerfile_parser::lint::Seen;
use dockerfile_parser::{KeyValue, Text};
use rbuild_oci::Healthcheck as Check;
use serde_json::Value;

impl Stage<'_, '_, '_> {
    /// Values see the variables from before the instruction.
    pub(super) fn env(&mut self, pairs: &[KeyValue]) -> Result<()> {
        let mut shown = Vec::new();
        for (written, (name, value)) in pairs.iter().zip(self.pairs(pairs)?) {
            self.see(&written.key, &Seen::Variable { keyword: "ENV", name: &name });
            let pair = format!("{name}={value}");
            shown.push(pair.clone());
            self.state.variables.set(&name, &value);
            let env = &mut self.state.config.config.env;
            match env.iter_mut().find(|known| known.split('=').next() == Some(&name)) {
                Some(known) => *known = pair,
                None => env.push(pair),
            }
        }
        self.commit_config(&format!("ENV {}", shown.join(" ")));
        Ok(())
    }

    pub(super) fn label(&mut self, pairs: &[KeyValue]) -> Result<()> {
        let pairs = self.pairs(pairs)?;
        let shown: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.state.config.config.labels.extend(pairs);
        self.commit_config(&format!("LABEL {}", shown.join(" ")));
        Ok(())
    }

    fn pairs(&mut self, pairs: &[KeyValue]) -> Result<Vec<(String, String)>> {
        pairs.iter().map(|pair| Ok((self.expand(&pair.key)?, self.expand(&pair.value)?))).collect()
    }

    pub(super) fn cmd(&mut self, command: &Command) {
        let words = self.words(command);
        let created_by = format!("CMD {}", history::quoted_list(&words));
        let config = &mut self.state.config.config;
        config.cmd = Some(words).filter(|words| !words.is_empty());
        config.args_escaped = true;
        self.state.has_cmd = true;
        self.commit_config(&created_by);
    }

    /// An inherited CMD was meant for another entrypoint, so it goes.
    pub(super) fn entrypoint(&mut self, command: &Command) {
        let words = self.words(command);
        let created_by = format!("ENTRYPOINT {}", history::quoted_list(&words));
        let config = &mut self.state.config.config;
        config.entrypoint = Some(words).filter(|words| !words.is_empty());
        if !self.state.has_cmd {
            config.cmd = None;
        }
        self.commit_config(&created_by);
    }

    fn words(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(words) => strings(words),
            Command::Shell(text) => {
                let words = self.state.in_shell(&text.bytes);
                words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
            }
        }
    }

    pub(super) fn healthcheck(&mut self, healthcheck: &Healthcheck) {
        let check = match healthcheck {
            Healthcheck::None => Check { test: vec!["NONE".to_owned()], ..Check::default() },
            Healthcheck::Cmd(command, timing) => timed(test(command), timing),
        };
        let shown = [
            ("Interval", check.interval),
            ("Timeout", check.timeout),
            ("StartPeriod", check.start_period),
            ("StartInterval", check.start_interval),
        ]
        .map(|(name, time)| format!("{name}:{}", history::duration(time)));
        let (test, times, retries) = (history::plain_list(&check.test), shown.join(" "), check.retries);
        let created_by = format!("HEALTHCHECK {{Test:{test} {times} Retries:{retries}}}");
        self.state.config.config.healthcheck = Some(check);
        self.commit_config(&created_by);
    }

    pub(super) fn maintainer(&mut self, name: &Text) {
        let name = name.to_str_lossy().into_owned();
        self.state.config.author.clone_from(&name);
        self.commit_config(&format!("MAINTAINER {name}"));
    }

    /// Stored as it is: it belongs to the images built on this one, and leaves no line of history.
    pub(super) fn onbuild(&mut self, trigger: &Text) {
        self.state.config.config.on_build.push(trigger.to_str_lossy().into_owned());
    }

    pub(super) fn shell(&mut self, words: &[Text]) {
        let words = strings(words);
        let created_by = format!("SHELL {}", history::plain_list(&words));
        self.state.config.config.shell = words;
        self.commit_config(&created_by);
    }

    pub(super) fn stop_signal(&mut self, signal: &Text) -> Result<()> {
        let span = self.site.of(signal);
        let signal = self.expand(signal)?;
        if !signal::is_signal(&signal) {
            let hint = signal::nearest(&signal).map(|near| format!("did you mean {near}?"));
            let hint = hint.unwrap_or_else(|| "as in SIGTERM or 15".to_owned());
            return Err(Error::at(span, ErrorKind::Signal(signal)).with_hint(hint));
        }
        self.state.config.config.stop_signal.clone_from(&signal);
        self.commit_config(&format!("STOPSIGNAL {signal}"));
        Ok(())
    }

    pub(super) fn user(&mut self, user: &Text) -> Result<()> {
        let span = self.site.of(user);
        let user = self.expand(user)?;
        self.state.words.retain(|(what, ..)| *what != Setting::User);
        self.state.words.extend(user.split(':').map(|name| (Setting::User, name.to_owned(), span)));
        self.state.config.config.user.clone_from(&user);
        self.commit_config(&format!("USER {user}"));
        Ok(())
    }

    pub(super) fn volume(&mut self, volumes: &[Text]) -> Result<()> {
        let written = volumes;
        let volumes = self.expand_all(written)?;
        if let Some((blank, _)) = written.iter().zip(&volumes).find(|(_, volume)| volume.is_empty()) {
            let kind = ErrorKind::BlankVolume(blank.to_str_lossy().into_owned());
            return Err(Error::at(self.site.of(blank), kind));
        }
        let created_by = format!("VOLUME {}", history::plain_list(&volumes));
        let empty = || Value::Object(serde_json::Map::new());
        self.state.config.config.volumes.extend(volumes.into_iter().map(|volume| (volume, empty())));
        self.commit_config(&created_by);
        Ok(())
    }
}

fn strings(words: &[Text]) -> Vec<String> {
    words.iter().map(|word| word.to_str_lossy().into_owned()).collect()
}

fn test(command: &Command) -> Vec<String> {
    match command {
        Command::Exec(words) => std::iter::once("CMD".to_owned()).chain(strings(words)).collect(),
        Command::Shell(text) => vec!["CMD-SHELL".to_owned(), text.to_str_lossy().into_owned()],
    }
}

fn timed(test: Vec<String>, timing: &Timing) -> Check {
    let nanoseconds = |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    Check {
        test,
        interval: nanoseconds(timing.interval),
        timeout: nanoseconds(timing.timeout),
        start_period: nanoseconds(timing.start_period),
        start_interval: nanoseconds(timing.start_interval),
        retries: i64::from(timing.retries),
    }
}
