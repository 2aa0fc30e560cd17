//! What a stage starts from, and the trees that its instructions take files from. Knows no instruction but FROM.

use super::Stage;
use crate::address::context_op;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Place, VertexId};
use crate::lower::heads::{Head, Located};
use crate::lower::plan;
use crate::lower::state::State;
use crate::lower::vertices::Inputs;
use crate::op::{ContextOp, CopyOp, ImageOp, Op, Source, Unpack};
use crate::request::{ImageSource, NamedContext};
use dockerfile_parser::lint::Seen;
use rbuild_oci::{ImageConfig, Platform};

impl Stage<'_, '_, '_> {
    /// The state that the stage's FROM gives.
    pub(super) fn start(&mut self, head: &Head<'_>) -> Result<State> {
        match &head.base {
            Located::Scratch => Ok(State::empty(None, self.job.platform)),
            Located::Stage(base) => {
                let empty = || State::empty(None, self.job.platform);
                Ok(self.done.get(base).cloned().unwrap_or_else(empty))
            }
            image @ Located::Image { platform, name, .. } => {
                self.steps += 1;
                self.state.platform.clone_from(platform);
                let place = self.next_step(format!("FROM {name}"));
                let tree = self.image(image, place)?;
                let answer = plan::ask(self.work, self.heads, image, head.section.from.image.span).cloned();
                let Some(answer) = answer else { return Ok(State::empty(tree, platform)) };
                self.see_base(image, &answer.config, head);
                let platform = self.runs_on(head, platform, &answer.config);
                Ok(State::on(tree, answer.config, &platform))
            }
            Located::Context { name, platform, .. } => self.start_on_context(&head.base, name, platform),
        }
    }

    /// The platform of a base's programs: the wanted one, but where nobody said which, that of the image there is.
    fn runs_on(&self, head: &Head<'_>, wanted: &Platform, base: &ImageConfig) -> Platform {
        let found = base.platform().normal();
        let same = found.os == wanted.os && found.architecture == wanted.architecture;
        let said = !self.job.request.platforms.is_empty() || head.section.from.platform.is_some();
        if said || same || found.architecture.is_empty() { wanted.clone() } else { found }
    }

    /// The whole of a named context as the lowest layer of a stage.
    fn start_on_context(&mut self, located: &Located<'_>, name: &str, platform: &Platform) -> Result<State> {
        self.steps += 1;
        self.state.platform.clone_from(platform);
        let place = self.next_step(format!("FROM {name}"));
        let tree = self.tree(located)?;
        let (inputs, input) = match tree {
            Some(tree) => {
                let (inputs, input) = Inputs::one(tree);
                (inputs, Some(input))
            }
            None => (Inputs::none(), None),
        };
        let source = Source::Files { input, path: "/".to_owned(), below: None, unpack: Unpack::Never };
        let copy =
            CopyOp { sources: vec![source], dest: "/".to_owned(), chown: None, chmod: None, excludes: Vec::new() };
        let id = self.work.vertices.add(Op::Copy(copy), None, inputs, place)?;
        let mut state = State::empty(Some(id), platform);
        state.commit(&format!("FROM {name}"), crate::Origin::Layer(id), self.job.globals.epoch);
        Ok(state)
    }

    /// The tree that files are taken from; none is an empty one.
    pub(super) fn tree(&mut self, located: &Located<'_>) -> Result<Option<VertexId>> {
        match located {
            Located::Scratch => Ok(None),
            Located::Stage(stage) => {
                let Some(taken) = self.done.get(stage) else { return Ok(None) };
                self.state.parameters.absorb(&taken.parameters);
                Ok(taken.tree)
            }
            image @ Located::Image { name, platform, .. } => {
                let show_platform = self.job.has_many_platforms();
                let aside = self.aside(&format!("FROM {name}"));
                let place = Place { platform: platform.clone(), show_platform, ..aside };
                self.image(image, place)
            }
            Located::Context { name, context: NamedContext::Remote(address), .. } => self.remote_context(name, address),
            Located::Context { name, .. } => self.context(Some(name)).map(Some),
        }
    }

    /// The main context, or a directory by the name of its context.
    pub(super) fn context(&mut self, name: Option<&str>) -> Result<VertexId> {
        let place = self.aside(&name.map_or_else(|| "context".to_owned(), |name| format!("context {name}")));
        let op = Op::Context(ContextOp { name: name.map(str::to_owned) });
        self.work.vertices.add(op, None, Inputs::none(), place)
    }

    fn remote_context(&mut self, name: &str, address: &str) -> Result<Option<VertexId>> {
        let placed = |error: Error| Error { span: Some(self.site.span), ..error };
        let neither = || {
            let reason = "it is neither a repository nor a URL".to_owned();
            self.refuse(ErrorKind::Git { address: address.to_owned(), reason })
        };
        let op = context_op(address).map_err(placed)?.ok_or_else(neither)?;
        let place = self.aside(&format!("context {name}: {address}"));
        self.work.vertices.add(op, None, Inputs::none(), place).map(Some)
    }

    /// An image; one without layers is the empty tree.
    fn image(&mut self, located: &Located<'_>, place: Place) -> Result<Option<VertexId>> {
        let Located::Image { name, platform, .. } = located else { return Ok(None) };
        let Some(answer) = plan::ask(self.work, self.heads, located, self.site.span) else { return Ok(None) };
        if answer.config.rootfs.diff_ids.is_empty() {
            return Ok(None);
        }
        let op = ImageOp { reference: name.clone(), digest: answer.manifest, platform: platform.clone() };
        self.work.vertices.add(Op::Image(op), None, Inputs::none(), place).map(Some)
    }

    /// Shows the linter an image of a registry that has files.
    fn see_base(&mut self, base: &Located<'_>, found: &ImageConfig, head: &Head<'_>) {
        if let Located::Image { source: ImageSource::Registry(_), platform, .. } = base
            && !found.rootfs.diff_ids.is_empty()
        {
            let (wanted, found) = (&platform.to_string(), &found.platform().normal().to_string());
            self.see(&head.section.from.image, &Seen::BaseImage { name: &head.image, wanted, found });
        }
    }
}
