//! What every git command is told by its environment: settings that replace this machine's and user's, so that nothing
//! of theirs decides what a build gets and nobody is asked. Starts nothing.

use std::ffi::OsString;

/// The settings of every command. Submodules come from the same network that the remote comes from, never from this
/// machine's files: the protocol `file` is for what the caller itself names.
const SETTINGS: &[(&str, &str)] = &[
    ("advice.detachedHead", "false"),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.logAllRefUpdates", "false"),
    ("credential.helper", ""),
    ("fetch.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
    ("init.defaultBranch", "master"),
    ("init.templateDir", ""),
    ("maintenance.auto", "false"),
    ("pack.threads", "1"),
    ("protocol.allow", "never"),
    ("protocol.file.allow", "user"),
    ("protocol.git.allow", "always"),
    ("protocol.http.allow", "always"),
    ("protocol.https.allow", "always"),
    ("protocol.ssh.allow", "always"),
    ("repack.updateServerInfo", "false"),
    ("safe.directory", "*"),
];

/// Variables of this process that git sees, and as what.
const PASSED: &[(&str, &str)] = &[
    ("PATH", "PATH"),
    ("HTTP_PROXY", "HTTP_PROXY"),
    ("HTTPS_PROXY", "HTTPS_PROXY"),
    ("ALL_PROXY", "ALL_PROXY"),
    ("NO_PROXY", "NO_PROXY"),
    ("http_proxy", "http_proxy"),
    ("https_proxy", "https_proxy"),
    ("all_proxy", "all_proxy"),
    ("no_proxy", "no_proxy"),
    ("SSL_CERT_FILE", "GIT_SSL_CAINFO"),
    ("SSL_CERT_DIR", "GIT_SSL_CAPATH"),
];

/// Variables with a value of ours.
const OURS: &[(&str, &str)] = &[
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("HOME", "/dev/null"),
    ("LC_ALL", "C"),
];

/// The whole environment but for ssh. `more` are settings of one command; they are seen by no other process, as those on
/// a command line would be (git-config(1), `GIT_CONFIG_COUNT`).
pub(super) fn environment(more: impl IntoIterator<Item = (String, String)>) -> Vec<(String, OsString)> {
    let passed = PASSED.iter().filter_map(|(ours, theirs)| Some(((*theirs).to_owned(), std::env::var_os(ours)?)));
    let mut all: Vec<(String, OsString)> = passed.collect();
    all.extend(OURS.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    let fixed = SETTINGS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let settings: Vec<_> = fixed.chain(more).collect();
    all.push(("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string().into()));
    for (at, (key, value)) in settings.into_iter().enumerate() {
        all.push((format!("GIT_CONFIG_KEY_{at}"), key.into()));
        all.push((format!("GIT_CONFIG_VALUE_{at}"), value.into()));
    }
    all
}
