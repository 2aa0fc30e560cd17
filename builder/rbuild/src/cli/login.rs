//! `rbuild login`: a user name and password that a registry accepts, kept where docker keeps them.

use super::globals::Globals;
use super::out::{complain, print};
use super::prompt;
use super::signals::cancel_on_signal;
use crate::error::{Error, Result};
use clap::Args;
use rbuild_oci::Cancel;
use rbuild_registry::{Client, Kept, Wallet, registry_of};
use std::io::{IsTerminal, Read};
use std::process::ExitCode;

/// Log in to a registry
#[derive(Args, Clone, Debug)]
pub(super) struct LoginArgs {
    /// Registry, HOST[:PORT] [default: docker.io]
    #[arg(value_name = "HOST")]
    pub(super) host: Option<String>,
    /// User name
    #[arg(short, long, value_name = "USER")]
    pub(super) username: Option<String>,
    /// Password; others on this machine can read it from the command line
    #[arg(short, long, value_name = "PASSWORD", conflicts_with = "password_stdin")]
    pub(super) password: Option<String>,
    /// Take the password from standard input
    #[arg(long)]
    pub(super) password_stdin: bool,
}

/// Asks for what is missing, shows it to the registry, and keeps it. Without a name and a password, those that are kept
/// are tried first.
pub(super) fn run(args: &LoginArgs, globals: &Globals) -> Result<ExitCode> {
    let registry = registry(args.host.as_deref())?;
    let wallet = wallet()?;
    let cancel = Cancel::new();
    let client = globals.registries(&cancel);
    if args.username.is_none() && args.password.is_none() && !args.password_stdin && again(&client, &registry)? {
        return succeeded();
    }
    let (user, password) = credentials(args, &registry)?;
    let _watch = cancel_on_signal(&cancel)?;
    let proven = client.log_in(&registry, &user, &password)?;
    if let Kept::File(path) = wallet.keep(&proven, &cancel)? {
        complain(&format!(
            "WARNING! Your credentials are stored unencrypted in '{}'.\n\
             A credential helper keeps them better: \"credsStore\" in that file names one.\n",
            path.display()
        ));
    }
    succeeded()
}

/// The registry that a word means.
pub(super) fn registry(host: Option<&str>) -> Result<String> {
    let wrong = || Error::Usage(format!("{} is no registry: write HOST[:PORT]", host.unwrap_or_default()));
    registry_of(host).ok_or_else(wrong)
}

/// Where logins are kept.
pub(super) fn wallet() -> Result<Wallet> {
    let wallet = Wallet::from_env(&|name| std::env::var_os(name));
    wallet.ok_or_else(|| Error::Usage("HOME is not set: say where logins are kept with DOCKER_CONFIG".to_owned()))
}

/// Whether the registry accepts the login that is kept for it. A refused one is asked for anew where somebody can answer.
fn again(client: &Client, registry: &str) -> Result<bool> {
    match client.log_in_again(registry) {
        Ok(None) => Ok(false),
        Ok(Some(user)) => {
            let user = user.map_or_else(String::new, |user| format!(" [Username: {user}]"));
            complain(&format!("Authenticating with existing credentials...{user}\n"));
            Ok(true)
        }
        Err(error @ rbuild_registry::Error::Unauthorized { .. }) if std::io::stdin().is_terminal() => {
            complain(&format!("Login did not succeed, error: {error}\n"));
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn credentials(args: &LoginArgs, registry: &str) -> Result<(String, String)> {
    if args.password_stdin {
        let user = args.username.clone();
        let user = user.ok_or_else(|| Error::Usage("Must provide --username with --password-stdin".to_owned()))?;
        return Ok((user, from_stdin()?));
    }
    if args.password.is_some() {
        complain("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    } else if !std::io::stdin().is_terminal() {
        let way = "give the password with --password-stdin";
        return Err(Error::Usage(format!("Cannot perform an interactive login from a non TTY device: {way}")));
    }
    let user = match &args.username {
        Some(user) => user.clone(),
        None => prompt::line(&format!("Username for {registry}: "))?,
    };
    let password = match &args.password {
        Some(password) => password.clone(),
        None => prompt::hidden("Password: ")?,
    };
    if user.is_empty() || password.is_empty() {
        return Err(Error::Usage("a login needs a user name and a password".to_owned()));
    }
    Ok((user, password))
}

/// The password on standard input, without the end of its line.
fn from_stdin() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text).map_err(Error::io("read", "the password"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Error::Usage("standard input is empty: --password-stdin takes the password from it".to_owned()));
    }
    Ok(text.to_owned())
}

fn succeeded() -> Result<ExitCode> {
    print("Login Succeeded\n")?;
    Ok(ExitCode::SUCCESS)
}
