//! The group of one container on the machine: made, filled, asked, removed. Decides nothing of what is limited.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Access, CWD, Mode, OFlags, access, openat};
use rustix::io::Errno;

use super::Control;
use super::limits::{Limits, Setting};
use super::place::{Hierarchy, Version, hierarchies};
use crate::error::{Error, Result};

/// The group that all containers' groups are in.
const PARENT: &str = "rbuild";

/// The controller that stops all processes of a group.
const FREEZER: [&str; 1] = ["freezer"];

/// How long the kernel may take to forget the last process of a group.
const PATIENCE: Duration = Duration::from_secs(2);

/// A container's group in every hierarchy that it needs; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Group {
    /// Of version 1: its processes have to be moved in.
    moved: Vec<PathBuf>,
    /// Of version 2: its first process is born in it.
    born: Option<(PathBuf, OwnedFd)>,
    /// Where the kernel counts the processes it killed for want of memory.
    memory: Option<PathBuf>,
}

impl Group {
    /// Makes the group and sets its limits; takes away those that killed rbuilds left. What cannot be had is left out;
    /// see [`shortcomings`].
    pub(crate) fn make(control: &Control) -> Result<Self> {
        let failed = |error: io::Error| Error::io("make", format!("the control group of {}", control.name), error);
        let needs = control.limits.needs();
        let useful = |hierarchy: &Hierarchy| match hierarchy.version {
            Version::Two => true,
            Version::One(_) => FREEZER.into_iter().chain(names(&needs)).any(|one| hierarchy.controls(one)),
        };
        let places = places("self", useful).map_err(failed)?;
        sweep(&places);
        let mut group = Self { moved: Vec::new(), born: None, memory: None };
        for place in &places {
            let controllers: Vec<&str> = names(&needs).filter(|one| place.has(one, &places)).collect();
            let freezes = place.freezes(&places);
            if controllers.is_empty() && !freezes {
                continue;
            }
            // A place that may be written but takes no group is no place: the container runs without.
            if let Ok(dir) = place.make(&control.name, &controllers) {
                group.keep(place, dir.clone()).map_err(failed)?;
                group.limit(place, &dir, &controllers, &control.limits)?;
            }
        }
        Ok(group)
    }

    /// The group of version 2 for the first process to be born in.
    pub(crate) fn born(&self) -> Option<BorrowedFd<'_>> {
        self.born.as_ref().map(|(_, fd)| fd.as_fd())
    }

    /// Moves a process into the groups of version 1.
    pub(crate) fn enter(&self, pid: u32) -> io::Result<()> {
        self.moved.iter().try_for_each(|dir| fs::write(dir.join("cgroup.procs"), pid.to_string()))
    }

    /// Whether a process was killed because the limit of memory was reached.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let Some(dir) = &self.memory else { return false };
        ["memory.events", "memory.oom_control"].iter().any(|file| {
            let text = fs::read_to_string(dir.join(file)).unwrap_or_default();
            text.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count != "0"))
        })
    }

    fn keep(&mut self, place: &Place, dir: PathBuf) -> io::Result<()> {
        match place.hierarchy.version {
            Version::Two => {
                let fd = openat(CWD, &dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
                self.born = Some((dir, fd));
            }
            Version::One(_) => self.moved.push(dir),
        }
        Ok(())
    }

    fn limit(&mut self, place: &Place, dir: &Path, controllers: &[&str], limits: &Limits) -> Result<()> {
        let settings = match place.hierarchy.version {
            Version::Two => limits.version_two(),
            Version::One(_) => limits.version_one(),
        };
        if controllers.contains(&"memory") {
            self.memory = Some(dir.to_owned());
        }
        for setting in settings.iter().filter(|setting| controllers.contains(&setting.controller)) {
            set(dir, setting)?;
        }
        Ok(())
    }

    fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.moved.iter().map(PathBuf::as_path).chain(self.born.iter().map(|(dir, _)| dir.as_path()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for dir in self.dirs() {
            // One that stays is removed when the next group is made.
            drop(remove_dir(dir));
            // The parent of others' groups stays.
            let _ = dir.parent().map(rustix::fs::rmdir);
        }
    }
}

/// Removes the group of a container that does not run: what a killed rbuild left.
pub fn remove(name: &str) -> Result<()> {
    let failed = |error: io::Error| Error::io("remove", format!("the control group of {name}"), error);
    for place in places("self", any_controller).map_err(failed)? {
        let parent = place.dir.join(PARENT);
        remove_dir(&parent.join(name)).map_err(failed)?;
        let _ = rustix::fs::rmdir(&parent);
    }
    Ok(())
}

/// Removes groups without processes that killed rbuilds left. One that was made just now may be about to get its first.
fn sweep(places: &[Place]) {
    const AGE: Duration = Duration::from_mins(1);
    let old = |entry: &fs::DirEntry| {
        // The files of a group are none that could be removed.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            return false;
        }
        let made = entry.metadata().and_then(|meta| meta.modified());
        made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > AGE))
    };
    for place in places {
        let groups = fs::read_dir(place.dir.join(PARENT)).into_iter().flatten().flatten();
        // The kernel keeps those with processes.
        groups.filter(old).for_each(|entry| {
            let _ = rustix::fs::rmdir(entry.path());
        });
    }
}

/// What of these limits cannot be had here, and why: one line, or none.
pub fn shortcomings(limits: &Limits) -> Option<String> {
    let needs = limits.needs();
    if needs.is_empty() {
        return None;
    }
    let places = places("self", any_controller).unwrap_or_default();
    let lacking = needs.iter().filter(|(controller, _)| !places.iter().any(|place| place.has(controller, &places)));
    let flags: Vec<&str> = lacking.flat_map(|(_, flags)| flags.iter().copied()).collect();
    if flags.is_empty() {
        return None;
    }
    let (first, rest) = (flags.first().copied().unwrap_or_default(), flags.get(1..).unwrap_or_default());
    let mut listed = vec![first];
    listed.extend(rest.iter().filter(|flag| **flag != first));
    listed.dedup();
    Some(format!("{} will have no effect: {}", listed.join(", "), why_no_limits()))
}

/// Why there is no freezer for a container of this user.
pub(super) fn why_no_freezer() -> String {
    why(|hierarchy| hierarchy.version == Version::Two || hierarchy.controls("freezer"))
}

fn why_no_limits() -> String {
    why(|_| true)
}

/// The reason that nearly every machine has: groups belong to root, and version 1 cannot be shared out safely.
fn why(counts: impl Fn(&Hierarchy) -> bool) -> String {
    let all = read_hierarchies("self").unwrap_or_default();
    let counted: Vec<&Hierarchy> = all.iter().filter(|hierarchy| counts(hierarchy)).collect();
    let Some(first) = counted.first() else {
        return "no control groups are mounted where this process could see them".to_owned();
    };
    let root = rustix::process::geteuid().is_root() && matches!(crate::IdMap::current(), Ok(crate::IdMap::Root));
    match (&first.version, root) {
        _ if counted.iter().all(|one| is_read_only(&one.mount)) => {
            format!("control groups are mounted read-only ({})", first.mount.display())
        }
        (Version::Two, true) if counted.len() == 1 => format!(
            "{} does not hand the controllers on: it has processes of its own, or none of these controllers",
            first.own_dir().display()
        ),
        (_, true) => "the kernel has no such controller, or it is not mounted".to_owned(),
        (Version::Two, false) if counted.len() == 1 => format!(
            "the control group {} is not delegated to this user (systemd: run it under \
             `systemd-run --user --scope --property=Delegate=yes`)",
            first.own_dir().display()
        ),
        (_, false) => format!(
            "control groups of version 1 are root's ({}); an ordinary user needs version 2 and a group that is delegated",
            first.mount.display()
        ),
    }
}

/// A hierarchy and the highest group in it that this process may write.
struct Place {
    hierarchy: Hierarchy,
    dir: PathBuf,
}

impl Place {
    /// Whether it is the one to have that controller; version 1 has those that are mounted there alone.
    fn has(&self, controller: &str, all: &[Self]) -> bool {
        match self.hierarchy.version {
            Version::One(_) => self.hierarchy.controls(controller),
            Version::Two => {
                let elsewhere = all.iter().any(|place| place.hierarchy.controls(controller));
                let words = fs::read_to_string(self.dir.join("cgroup.controllers")).unwrap_or_default();
                !elsewhere && words.split_whitespace().any(|word| word == controller) && self.can_hand_on(controller)
            }
        }
    }

    /// Whether groups below can have the controller: handed on already, or nothing stands in the way (a group with
    /// processes of its own hands on nothing, unless it is the root).
    fn can_hand_on(&self, controller: &str) -> bool {
        let read = |file: &str| fs::read_to_string(self.dir.join(file)).unwrap_or_default();
        let handed = read("cgroup.subtree_control").split_whitespace().any(|word| word == controller);
        let root = !self.dir.join("cgroup.type").exists();
        handed || root || read("cgroup.procs").trim().is_empty()
    }

    /// Whether it is the one to freeze by: version 2 where it is, else the freezer of version 1.
    fn freezes(&self, all: &[Self]) -> bool {
        let two = |place: &Self| place.hierarchy.version == Version::Two;
        two(self) || (self.hierarchy.controls("freezer") && !all.iter().any(two))
    }

    /// Makes the group, its parent too, which the end of the last container may take away in between.
    fn make(&self, name: &str, controllers: &[&str]) -> io::Result<PathBuf> {
        const ATTEMPTS: usize = 5;
        remove_dir(&self.dir.join(PARENT).join(name))?;
        let mut made = self.try_make(name, controllers);
        for _ in 1..ATTEMPTS {
            match made {
                Err(error) if error.kind() == io::ErrorKind::NotFound => made = self.try_make(name, controllers),
                _ => break,
            }
        }
        made
    }

    fn try_make(&self, name: &str, controllers: &[&str]) -> io::Result<PathBuf> {
        let parent = self.dir.join(PARENT);
        let dir = parent.join(name);
        for (above, below) in [(&self.dir, &parent), (&parent, &dir)] {
            match fs::create_dir(below) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            match self.hierarchy.version {
                Version::Two => hand_on(above, controllers)?,
                Version::One(_) if controllers.contains(&"cpuset") => inherit_cpuset(above, below)?,
                Version::One(_) => {}
            }
        }
        Ok(dir)
    }
}

fn hand_on(dir: &Path, controllers: &[&str]) -> io::Result<()> {
    if controllers.is_empty() {
        return Ok(());
    }
    let file = dir.join("cgroup.subtree_control");
    let handed = fs::read_to_string(&file)?;
    let mut missing = controllers.iter().filter(|one| !handed.split_whitespace().any(|word| word == **one));
    missing.try_for_each(|one| fs::write(&file, format!("+{one}")))
}

/// A new group of version 1 has no processor and no memory to run on.
fn inherit_cpuset(above: &Path, below: &Path) -> io::Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if fs::read_to_string(below.join(file))?.trim().is_empty() {
            fs::write(below.join(file), fs::read_to_string(above.join(file))?.trim())?;
        }
    }
    Ok(())
}

/// A kernel that does not count swap has no file for it.
fn set(dir: &Path, setting: &Setting) -> Result<()> {
    let path = dir.join(setting.file);
    match fs::write(&path, &setting.value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && setting.flag == "--memory-swap" => Ok(()),
        Err(error) if setting.controller == "cpuset" && is_out_of_range(&error) => {
            let (flag, value, there) = (setting.flag, &setting.value, processors(dir));
            Err(Error::Invalid(format!("{flag} {value}: no such processors; there are {there}")))
        }
        Err(error) => {
            Err(Error::io("set", format!("{} to {} ({})", setting.flag, setting.value, path.display()), error))
        }
        Ok(()) => Ok(()),
    }
}

/// Whether the kernel refused a list of processors for what is in it; version 1 denies what the group above lacks.
fn is_out_of_range(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::RANGE | Errno::INVAL | Errno::ACCESS))
}

/// The processors that a group may be given, as the kernel lists them.
fn processors(dir: &Path) -> String {
    let above = dir.parent().unwrap_or(dir);
    let read = |file| fs::read_to_string(above.join(file)).ok();
    let found = ["cpuset.cpus.effective", "cpuset.effective_cpus"].into_iter().find_map(read);
    found.map_or_else(|| "others".to_owned(), |list| list.trim().to_owned())
}

/// Where groups can be made, as the process `of` (a number, or `self`) sees it.
fn places(of: &str, useful: impl Fn(&Hierarchy) -> bool) -> io::Result<Vec<Place>> {
    let place = |hierarchy: Hierarchy| {
        let dir = hierarchy.path().into_iter().find(|dir| is_writable(dir))?;
        Some(Place { hierarchy, dir })
    };
    Ok(read_hierarchies(of)?.into_iter().filter(useful).filter_map(place).collect())
}

/// Whether it is more than a name for processes, as systemd has one.
fn any_controller(hierarchy: &Hierarchy) -> bool {
    match &hierarchy.version {
        Version::Two => true,
        Version::One(names) => !names.iter().any(|name| name.starts_with("name=")),
    }
}

/// The controllers that limits need.
fn names<'a>(needs: &'a [(&'static str, Vec<&'static str>)]) -> impl Iterator<Item = &'static str> + 'a {
    needs.iter().map(|(controller, _)| *controller)
}

/// To make a group and to move a process into it, both have to be writable.
fn is_writable(dir: &Path) -> bool {
    access(dir, Access::WRITE_OK).is_ok() && access(dir.join("cgroup.procs"), Access::WRITE_OK).is_ok()
}

fn is_read_only(dir: &Path) -> bool {
    access(dir, Access::WRITE_OK) == Err(Errno::ROFS)
}

/// The hierarchies, and where the process is in them.
pub(super) fn read_hierarchies(of: &str) -> io::Result<Vec<Hierarchy>> {
    Ok(hierarchies(&read_table(&format!("/proc/{of}/cgroup"))?, &read_table("/proc/self/mountinfo")?))
}

/// A file of the kernel that says nothing of its size: at once, and not by pieces that grow.
fn read_table(path: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(16 << 10);
    fs::File::open(path)?.read_to_end(&mut text)?;
    Ok(text)
}

/// Those in which a process is in the group of the container `name`.
pub(super) fn hierarchies_of(pid: u32, name: &str) -> io::Result<Vec<Hierarchy>> {
    let mut hierarchies = read_hierarchies(&pid.to_string())?;
    hierarchies.retain(|one| one.own_dir().ends_with(Path::new(PARENT).join(name)));
    Ok(hierarchies)
}

/// Removes a group, if it is there, as soon as it is empty. One that was frozen is thawed, or what was killed in it
/// would never end.
fn remove_dir(dir: &Path) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match rustix::fs::rmdir(dir) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::BUSY) if start.elapsed() < PATIENCE => {
                // Where there is no freezer there is nothing to thaw.
                let _ = fs::write(dir.join("freezer.state"), "THAWED");
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(errno) => return Err(errno.into()),
        }
    }
}
