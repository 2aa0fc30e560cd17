//! Containers that cannot be read, as a machine that went down may leave one whose files were not on the disk yet. They
//! keep nobody from the others.

use super::containers::{Containers, Entry};
use super::held;
use super::state::{ProcessMark, State};
use crate::container::model::ContainerId;
use crate::error::{Error, Result};
use std::path::Path;

impl Containers {
    /// Those that can be read, by id, and what is wrong with each that cannot.
    pub fn sound(&self) -> Result<(Vec<Entry>, Vec<Error>)> {
        let (mut sound, mut wrong) = (Vec::new(), Vec::new());
        for id in self.ids()? {
            match self.read(&id) {
                Err(error @ Error::Damaged { .. }) => wrong.push(error),
                entry => sound.extend(entry?),
            }
        }
        Ok((sound, wrong))
    }

    /// Ends a container that cannot be read, as far as is known which process is its, and waits for who lives it.
    pub(crate) fn end_damaged(&self, id: &ContainerId) -> Result<()> {
        if let Some(process) = process(&self.dir(id), id) {
            process.end()?;
            self.wait_until_free(id)?;
        }
        Ok(())
    }

    /// Removes a container that cannot be read, with its names and all that it wrote; what a killed rbuild left running of
    /// it is ended first. Its volumes stay, as nothing says which they are. False while another process has it.
    pub(crate) fn remove_damaged(&self, id: &ContainerId) -> Result<bool> {
        let dir = self.dir(id);
        let Some(_held) = held::lock_alone(&dir)? else { return Ok(!dir.exists()) };
        if let Some(process) = process(&dir, id) {
            process.end()?;
        }
        rbuild_runner::cgroup::remove(id.hex())?;
        let lock = self.lock()?;
        let trash = self.store().discard(&dir)?;
        self.unlink_names(id)?;
        drop(lock);
        drop(trash);
        Ok(true)
    }
}

/// Its first process, where that much can be read.
fn process(dir: &Path, id: &ContainerId) -> Option<ProcessMark> {
    match held::read_state(dir, id) {
        Ok(State::Running { process, .. }) => Some(process),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::shelf::testing::shelf;
    use std::fs;

    #[test]
    fn a_damaged_one_is_told_and_removed_and_the_others_stay() {
        for (file, content) in [("config.json", Some("")), ("state.json", Some("{")), ("config.json", None)] {
            let (_dir, containers, [fine, torn]) = shelf(["fine", "torn"]);
            let path = containers.dir(&torn).join(file);
            content.map_or_else(|| fs::remove_file(&path), |content| fs::write(&path, content)).unwrap();
            let (sound, wrong) = containers.sound().unwrap();
            assert_eq!(sound.iter().map(|entry| &entry.config.id).collect::<Vec<_>>(), [&fine]);
            assert_eq!(wrong.len(), 1);
            assert!(wrong[0].to_string().contains(&format!("container {} is damaged: its {file}", torn.short())));
            assert!(matches!(containers.find("torn"), Err(Error::Damaged { .. })));
            let held = held::lock_alone(&containers.dir(&torn)).unwrap();
            assert!(!containers.remove_damaged(&torn).unwrap(), "somebody has it");
            drop(held);
            assert!(containers.remove_damaged(&torn).unwrap());
            assert!(matches!(containers.find("torn"), Err(Error::NoContainer { .. })));
            assert_eq!(containers.names().unwrap(), ["fine"]);
            assert!(containers.remove_damaged(&torn).unwrap(), "it is gone");
        }
    }
}
