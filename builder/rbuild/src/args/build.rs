//! The arguments of `rbuild build`. What they mean is decided in `request`.

use super::EXIT_CODES;
use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;

/// What is done where a RUN fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// The build ends.
    #[default]
    #[value(alias = "fail")]
    Stop,
    /// A shell is opened in the state that it failed in.
    #[value(alias = "debug")]
    Shell,
}

/// What a build, or a question about one, is given.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct BuildArgs {
    /// Dockerfile to read: a file (of the context, where that is no directory), `-` for standard input, or a URL
    /// [default: Dockerfile in the context]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Name of the image, `name[:tag]`; may be given several times
    #[arg(short, long = "tag", value_name = "NAME")]
    pub tags: Vec<String>,
    /// Value of an ARG, `NAME=VALUE`; `NAME` alone takes the value from the environment
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub build_args: Vec<String>,
    /// The time that stands in for now, to which later times in layers, configuration and history are clamped: seconds since
    /// 1970, `context`, or the name of a context or stage that has a time; as the build argument SOURCE_DATE_EPOCH
    #[arg(long, value_name = "TIME")]
    pub source_date_epoch: Option<String>,
    /// Another context or image under a name (`NAME::PLATFORM` for one platform only): a directory, a git repository, a
    /// URL, `oci-layout://PATH[:tag|@digest]` or `docker-image://REF`
    #[arg(long = "build-context", value_name = "NAME=SOURCE")]
    pub build_contexts: Vec<String>,
    /// File with patterns of what is left out of the context, in place of .dockerignore
    #[arg(long, value_name = "FILE")]
    pub ignorefile: Option<PathBuf>,
    /// Stage to stop at
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Platform to build for, `os/arch[/variant]` or `local`; several make an index
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    pub platforms: Vec<String>,
    /// Label of the image, `KEY=VALUE`
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// Annotation, `[PLACE[,PLACE]:]KEY=VALUE`; a place is manifest (the default), index, manifest-descriptor or
    /// index-descriptor, and the manifests may name one platform: `manifest[linux/arm64]:KEY=VALUE`
    #[arg(long = "annotation", value_name = "ANNOTATION")]
    pub annotations: Vec<String>,
    /// Run every step again; the results are kept for the next build
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(action = ArgAction::Set, default_value = "false", default_missing_value = "true", hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub no_cache: bool,
    /// Run the steps of this stage again; may be given several times
    #[arg(long = "no-cache-filter", value_name = "STAGE")]
    pub no_cache_filters: Vec<String>,
    /// Cache of other machines to take results from: `type=registry,ref=NAME`, `type=local,src=DIR`,
    /// `type=s3,bucket=NAME,…` or `type=gha`, all with `[,verify=PUBLIC-KEY]`; may be given several times;
    /// cache mounts that were carried there come with it, up to `mounts-max-size`
    #[arg(long = "cache-from", value_name = "SPEC")]
    pub cache_from: Vec<String>,
    /// Cache to keep results in for other machines: `type=registry,ref=NAME`, `type=local,dest=DIR`,
    /// `type=s3,bucket=NAME,…`, `type=gha` or `type=inline`, all with `[,mode=min|max][,sign=KEY]…`; with
    /// `mounts=all|ID;ID` cache mounts of up to `mounts-max-size` (2g) each are carried, too
    #[arg(long = "cache-to", value_name = "SPEC")]
    pub cache_to: Vec<String>,
    /// Ask registries also for images that the store has
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(action = ArgAction::Set, default_value = "false", default_missing_value = "true", hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub pull: bool,
    /// Build only with what the lock file says that images, URLs and repositories are (see `rbuild lock`)
    #[arg(long)]
    pub locked: bool,
    /// The lock file [default: rbuild.lock beside the Dockerfile]
    #[arg(long, value_name = "FILE")]
    pub lock_file: Option<PathBuf>,
    /// Secret for `RUN --mount=type=secret`: `id=ID[,src=FILE|,env=NAME]`
    #[arg(long = "secret", value_name = "SPEC")]
    pub secrets: Vec<String>,
    /// Socket of an ssh agent for `RUN --mount=type=ssh`: `default` or `ID=SOCKET`
    #[arg(long = "ssh", value_name = "ID[=SOCKET]")]
    pub ssh: Vec<String>,
    /// Network of RUN steps: default, host or none
    #[arg(long, value_name = "MODE")]
    pub network: Option<String>,
    /// Line for /etc/hosts of RUN steps, `HOST:IP`
    #[arg(long = "add-host", value_name = "HOST:IP")]
    pub add_hosts: Vec<String>,
    /// Size of /dev/shm in RUN steps, such as `128m` [default: 64m]
    #[arg(long, value_name = "SIZE")]
    pub shm_size: Option<String>,
    /// Limit of a resource in RUN steps, `NAME=SOFT[:HARD]`
    #[arg(long = "ulimit", value_name = "LIMIT")]
    pub ulimits: Vec<String>,
    /// Allow what the Dockerfile asks for: `security.insecure` or `network.host`
    #[arg(long = "allow", value_name = "ENTITLEMENT")]
    pub allow: Vec<String>,
    /// Steps that may run at once
    #[arg(short, long, value_name = "N", default_value = "16", value_parser = jobs)]
    pub jobs: usize,
    /// Size the build cache is kept within after a build that had work to do, as in 20GB; `none` for any [default: a
    /// tenth of the file system, at least 2 GB, at most 20 GB]
    #[arg(long, value_name = "SIZE", env = "RBUILD_KEEP_STORAGE")]
    pub keep_storage: Option<String>,
    /// Also write the result: `type=oci|docker|local|tar,dest=PATH` or `type=registry,name=NAME`, both with
    /// `[,compression=gzip|zstd|uncompressed]…`
    #[arg(short, long = "output", value_name = "SPEC")]
    pub outputs: Vec<String>,
    /// What to do where a RUN fails: stop, or open a shell in the state it failed in; without a terminal that state is
    /// kept for `rbuild debug`
    #[arg(long, value_name = "WHAT", value_enum, default_value = "stop", hide_possible_values = true)]
    pub on_error: OnError,
    /// How to show what happens: auto, plain, tty, rawjson or quiet
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: String,
    /// Print a table at the end: each step, whether it was cached, and what differs where it was not
    #[arg(long)]
    pub explain: bool,
    /// Print the image id and nothing else
    #[arg(short, long)]
    pub quiet: bool,
    /// Write the image id to a file
    #[arg(long, value_name = "FILE")]
    pub iidfile: Option<PathBuf>,
    /// Write digest, descriptor and names of the image to a file, as JSON
    #[arg(long, value_name = "FILE")]
    pub metadata_file: Option<PathBuf>,
    /// What docker is told so that an image can be run; here it always can
    #[arg(long, hide = true)]
    pub load: bool,
    /// What docker is told so that no containers of steps stay; here none do
    #[arg(long, hide = true, alias = "force-rm")]
    pub rm: bool,
    /// Push the image to the registries of its names, as `--output type=registry`
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(action = ArgAction::Set, default_value = "false", default_missing_value = "true", hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub push: bool,
    /// The context: a directory, a tarball, a git repository (`URL.git#ref:subdir`), the URL of a tarball or Dockerfile,
    /// or `-` for a tarball or Dockerfile on standard input; of a Dockerfile it is the directory
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub context: String,
}

/// A number of things that are done at once.
pub(crate) fn jobs(text: &str) -> std::result::Result<usize, &'static str> {
    text.parse().ok().filter(|jobs| *jobs > 0).ok_or("give a number, 1 or more")
}
