//! WORKDIR: changes the configuration and makes the directory. Knows nothing of whether it is there already.

use super::Stage;
use crate::error::Result;
use crate::graph::Place;
use crate::lower::paths::absolute;
use crate::lower::state::Setting;
use crate::lower::vertices::Inputs;
use crate::op::{MkdirOp, Op};
use dockerfile_parser::Text;

impl Stage<'_, '_, '_> {
    pub(super) fn workdir(&mut self, path: &Text, original: &Text) -> Result<()> {
        let span = self.site.of(path);
        let path = self.expand(path)?;
        let path = absolute(&self.state.cwd(), &path);
        let word = (path.clone(), span);
        let place = Place { words: vec![word], ..self.next_step(self.shown(original)) };
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
