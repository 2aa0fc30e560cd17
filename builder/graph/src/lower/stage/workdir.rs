//! WORKDIR: changes the configuration and makes the directory. Knows nothing of whether it is there already.

use super::Stage;
use crate::error::Result;
use crate::graph::Place;
use crate::lower::paths::absolute;
use crate::lower::state::Setting;
use crate::lower::vertices::Inputs;
use crate::op::{MkdirOp, Op};
use dockerfile_parser::Text;
use dockerfile_parser::lint::Seen;

impl Stage<'_, '_, '_> {
    pub(super) fn workdir(&mut self, path: &Text, original: &Text) -> Result<()> {
        let span = self.site.of(path);
        let expanded = self.expand(path)?;
        let is_first = !std::mem::replace(&mut self.state.has_workdir, true);
        self.see(path, &Seen::Workdir { path: &expanded, is_first });
        let path = absolute(&self.state.cwd(), &expanded);
        let place = Place { words: vec![(path.clone(), span)], ..self.next_step(self.shown(original)) };
        self.state.words.retain(|(what, ..)| *what != Setting::Directory);
        self.state.words.push((Setting::Directory, path.clone(), span));
        self.state.config.config.working_dir.clone_from(&path);
        let created_by = format!("WORKDIR {path}");
        if path == "/" {
            self.commit_config(&created_by);
            return Ok(());
        }
        let owner = Some(self.state.config.config.user.clone()).filter(|user| !user.is_empty());
        let vertex = self.extend(Op::Mkdir(MkdirOp { path, mode: 0o755, owner }), Inputs::none(), place)?;
        self.commit_layer(&created_by, vertex);
        Ok(())
    }
}
