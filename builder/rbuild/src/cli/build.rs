//! `rbuild build`: its arguments as typed. What they mean is decided in `request`.

use clap::Args;
use std::path::PathBuf;

/// Build an image from a Dockerfile
#[derive(Args, Clone, Debug)]
pub struct BuildArgs {
    /// Dockerfile to read; `-` is standard input [default: CONTEXT/Dockerfile]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Name of the image, `name[:tag]`; may be given several times
    #[arg(short, long = "tag", value_name = "NAME")]
    pub tags: Vec<String>,
    /// Value of an ARG, `NAME=VALUE`; `NAME` alone takes the value from the environment
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub build_args: Vec<String>,
    /// Another context or image under a name: a directory, `oci-layout://PATH[:tag|@digest]` or `docker-image://REF`
    #[arg(long = "build-context", value_name = "NAME=SOURCE")]
    pub build_contexts: Vec<String>,
    /// Stage to stop at
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Platform to build for, `os/arch[/variant]`; several behind commas make an index
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    pub platforms: Vec<String>,
    /// Label of the image, `KEY=VALUE`
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// Run every step again; the results are kept for the next build
    #[arg(long)]
    pub no_cache: bool,
    /// Secret for `RUN --mount=type=secret`: `id=ID[,src=FILE|,env=NAME]`
    #[arg(long = "secret", value_name = "SPEC")]
    pub secrets: Vec<String>,
    /// SSH agent socket or key for `RUN --mount=type=ssh`: `default` or `ID=SOCKET`
    #[arg(long = "ssh", value_name = "ID[=SOCKET]")]
    pub ssh: Vec<String>,
    /// Network of RUN steps: default, host or none
    #[arg(long, value_name = "MODE")]
    pub network: Option<String>,
    /// Line for /etc/hosts of RUN steps, `HOST:IP`
    #[arg(long = "add-host", value_name = "HOST:IP")]
    pub add_hosts: Vec<String>,
    /// Allow what the Dockerfile asks for: `security.insecure` or `network.host`
    #[arg(long = "allow", value_name = "ENTITLEMENT")]
    pub allow: Vec<String>,
    /// Steps that may run at once
    #[arg(short, long, value_name = "N", default_value_t = 16)]
    pub jobs: usize,
    /// Also write the result: `type=oci|docker|local|tar,dest=PATH[,compression=gzip|zstd|uncompressed]`
    #[arg(short, long = "output", value_name = "SPEC")]
    pub outputs: Vec<String>,
    /// How to show what happens: auto, plain, tty, rawjson or quiet
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: String,
    /// Print the image id and nothing else
    #[arg(short, long)]
    pub quiet: bool,
    /// Write the image id to a file
    #[arg(long, value_name = "FILE")]
    pub iidfile: Option<PathBuf>,
    /// The context: a directory, or a Dockerfile whose directory is the context
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub context: String,
}
