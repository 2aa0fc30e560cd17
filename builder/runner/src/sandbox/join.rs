//! Starts a further process in a container that runs, and attends to it until it ends. Knows no step of the plan but the
//! one after which another process goes on.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rbuild_oci::Cancel;

use super::pump::{Needs, Pipe, Pump, lost, setup_failed};
use super::{Child, Sandbox, check_program, streams, this_program, tolerate_gone};
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::executor::{Exit, Output};
use crate::joining::Joining;
use crate::namespaces::Spaces;
use crate::plan::{STREAMS, plan_joining};
use crate::wire::{Report, encode};

impl Sandbox {
    /// Runs the process to its end, as [`crate::Executor::run`] runs a container. The process dies with the thread that
    /// calls this, and with the container. A container that has ended already is [`Error::Ended`].
    pub fn join(&self, joining: &Joining, output: &mut dyn Output, cancel: &Cancel) -> Result<Exit> {
        check_program(&joining.argv, &joining.env, &joining.cwd)?;
        cancel.check()?;
        let joined = self.attend(joining, output, cancel);
        cancel.check()?;
        match joined {
            // Whatever step it was that failed, this is why.
            Err(Error::Io { .. } | Error::Setup { .. } | Error::Lost(_))
                if joining.process.has_ended().unwrap_or(false) =>
            {
                Err(Error::Ended)
            }
            joined => joined,
        }
    }

    fn attend(&self, joining: &Joining, output: &mut dyn Output, cancel: &Cancel) -> Result<Exit> {
        let failed = |error: io::Error| Error::io("join", "a container", error);
        let spaces = joining.process.spaces_of_its_own()?;
        if !spaces.has(Spaces::of(&["mnt", "pid"])) {
            let pid = joining.process.pid();
            return Err(Error::Invalid(format!("process {pid} is in no container: it sees what this program sees")));
        }
        let mut pipes = Vec::new();
        let files = self.passed(joining, &mut pipes).map_err(failed)?;
        let (ours, theirs) = Channel::pair().map_err(failed)?;
        let first = Child::start_joining(this_program()?.as_fd(), &theirs).map_err(failed)?;
        let kill_first = cancel.on_cancel(first.killer());
        drop(theirs);
        let borrowed: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        tolerate_gone(ours.send_plan(&encode(&plan_joining(joining, spaces)), &borrowed)).map_err(failed)?;
        drop(files);
        let mut child = second(first, &ours)?;
        let _kill = cancel.on_cancel(child.killer());
        drop(kill_first);
        tolerate_gone(ours.go_on()).map_err(failed)?;
        let needs = Needs { terminal: joining.stdio.terminal(), network: None, exe: None };
        Ok(Pump::new(ours, pipes, needs).run(&mut child, output)?.into_outcome(false)?.exit)
    }

    /// The streams, or stand-ins until there is a terminal; then the process whose namespaces are entered.
    fn passed(&self, joining: &Joining, pipes: &mut Vec<Pipe>) -> io::Result<Vec<OwnedFd>> {
        let mut files = streams(&joining.stdio, &self.null, pipes)?;
        while files.len() < STREAMS as usize {
            files.push(self.null.try_clone()?);
        }
        files.push(joining.process.pidfd().try_clone_to_owned()?);
        Ok(files)
    }
}

/// The process in which the plan goes on.
fn second(mut first: Child, channel: &Channel) -> Result<Child> {
    let failed = |error: io::Error| Error::io("join", "a container", error);
    match channel.next_report().map_err(failed)? {
        Some((Report::Forked { pid }, Some(pidfd))) => Ok(Child::adopt(pid, pidfd)),
        Some((Report::Failed { operation, errno }, _)) => Err(setup_failed(&operation, errno)),
        Some(_) => Err(failed(io::ErrorKind::InvalidData.into())),
        None => Err(lost(first.wait().map_err(failed)?)),
    }
}
