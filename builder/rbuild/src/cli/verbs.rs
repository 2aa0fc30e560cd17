//! The verbs: the word of each, its arguments, and what runs it.

use super::globals::Globals;
use super::{
    attach, builder, call, commit, container, copy, cp, create, debug, diff, exec, explain, export, fsck, graph,
    history, image, images, import, info, inspect, load, lock, login, logout, logs, manifest, pause, port, ps, pull,
    push, registry, rename, rm, rmi, run, save, start, stop, supervise, system, tag, top, verify, volume,
};
use crate::error::Result;
use clap::{Args, Command, Subcommand};
use std::process::ExitCode;

macro_rules! verbs {
    ($($(#[$meta:meta])* $word:literal: $verb:ident($args:ty) => $run:expr),* $(,)?) => {
        /// What is to be done, as the command line says.
        #[derive(Subcommand, Debug)]
        #[command(defer = true)]
        pub(super) enum Verb {
            $($(#[$meta])* #[command(name = $word)] $verb($args)),*
        }

        impl Verb {
            /// Does it.
            pub(super) fn run(&self, globals: &Globals) -> Result<ExitCode> {
                match self {
                    $(Self::$verb(args) => $run(args, globals)),*
                }
            }

            /// The command line of one verb alone; none where there is no such verb.
            pub(super) fn command(word: &str) -> Option<Command> {
                match word {
                    $($word => Some(<$args as Args>::augment_args(Command::new($word)))),*,
                    _ => None,
                }
            }
        }
    };
}

verbs! {
    "attach": Attach(attach::AttachArgs) => attach::run,
    "build": Build(call::CallArgs) => call::run,
    "builder": Builder(builder::BuilderVerbs) => builder::run,
    #[command(hide = true)]
    "buildx": Buildx(builder::BuilderVerbs) => builder::run,
    "commit": Commit(commit::CommitArgs) => commit::run,
    "container": Container(container::ContainerVerbs) => container::run,
    "copy": Copy(copy::CopyArgs) => copy::run,
    "cp": Cp(cp::CpArgs) => cp::run,
    "create": Create(Box<create::CreateArgs>) => create::run,
    "debug": Debug(debug::DebugArgs) => debug::run,
    "diff": Diff(diff::DiffArgs) => diff::run,
    "exec": Exec(Box<crate::args::ExecArgs>) => exec::run,
    "explain": Explain(explain::ExplainArgs) => explain::run,
    "export": Export(export::ExportArgs) => export::run,
    "fsck": Fsck(fsck::FsckArgs) => fsck::run,
    "graph": Graph(graph::GraphArgs) => graph::run,
    "history": History(history::HistoryArgs) => history::run,
    "image": Image(image::ImageVerbs) => image::run,
    "images": Images(images::ImagesArgs) => images::run,
    "import": Import(import::ImportArgs) => import::run,
    "info": Info(info::InfoArgs) => info::run,
    "inspect": Inspect(inspect::InspectArgs) => inspect::run,
    "kill": Kill(stop::KillArgs) => stop::kill,
    "load": Load(load::LoadArgs) => load::run,
    "lock": Lock(Box<lock::LockArgs>) => lock::run,
    "login": Login(login::LoginArgs) => login::run,
    "logout": Logout(logout::LogoutArgs) => logout::run,
    "logs": Logs(logs::LogsArgs) => logs::run,
    "manifest": Manifest(manifest::ManifestArgs) => manifest::run,
    "pause": Pause(pause::PauseArgs) => pause::run,
    "port": Port(port::PortArgs) => port::run,
    "ps": Ps(ps::PsArgs) => ps::run,
    "pull": Pull(pull::PullArgs) => pull::run,
    "push": Push(push::PushArgs) => push::run,
    "registry": Registry(registry::RegistryArgs) => registry::run,
    "rename": Rename(rename::RenameArgs) => rename::run,
    "restart": Restart(stop::RestartArgs) => stop::restart,
    "rm": Rm(rm::RmArgs) => rm::run,
    "rmi": Rmi(rmi::RmiArgs) => rmi::run,
    "run": Run(Box<crate::args::RunArgs>) => run::run,
    "save": Save(save::SaveArgs) => save::run,
    "start": Start(start::StartArgs) => start::run,
    "stop": Stop(stop::StopArgs) => stop::run,
    "supervise": Supervise(supervise::SuperviseArgs) => supervise::run,
    "system": System(system::SystemVerbs) => system::run,
    "tag": Tag(tag::TagArgs) => tag::run,
    "top": Top(top::TopArgs) => top::run,
    "unpause": Unpause(pause::UnpauseArgs) => pause::unpause,
    "verify": Verify(Box<verify::VerifyArgs>) => verify::run,
    "volume": Volume(volume::VolumeArgs) => volume::run,
    "wait": Wait(stop::WaitArgs) => stop::wait,
}
