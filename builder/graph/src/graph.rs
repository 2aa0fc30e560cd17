//! The build as data: vertices in an order in which inputs come first, and what each target makes of them. Knows nothing
//! of how a vertex is executed or looked up.

use crate::op::Op;
use crate::parameters::Parameters;
use dockerfile_parser::Span;
use rbuild_oci::{ContainerConfig, History, ImageConfig, Platform};
use std::fmt;
use std::sync::Arc;

/// All that a request needs built, for every platform at once.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildGraph {
    /// Operations, inputs before users; no two are equal in operation, parent and inputs.
    pub vertices: Vec<Vertex>,
    /// One image a platform, in the order of the request.
    pub targets: Vec<Target>,
    /// The stages that those are built on and take files from, each as the image that ends with it.
    pub stages: Vec<Target>,
    /// Seconds since 1970 that stand in for now, from the request or from ARG SOURCE_DATE_EPOCH.
    pub source_date_epoch: Option<i64>,
}

impl BuildGraph {
    /// The vertex of that id; ids come from this graph, so one of another graph may give none.
    pub fn vertex(&self, id: VertexId) -> Option<&Vertex> {
        self.vertices.get(id.index())
    }

    /// Every vertex with its id, inputs before users.
    pub fn iter(&self) -> impl Iterator<Item = (VertexId, &Vertex)> {
        self.vertices.iter().enumerate().map(|(index, vertex)| (VertexId(index as u32), vertex))
    }
}

/// The place of a vertex in [`BuildGraph::vertices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VertexId(pub u32);

impl VertexId {
    /// The index into the list of vertices.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for VertexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One operation with what it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vertex {
    /// What is done. It names its inputs by their place in `inputs`.
    pub op: Op,
    /// The file system it changes; none is the empty one, or an operation that has no parent (the leaves).
    pub parent: Option<VertexId>,
    /// The other trees it reads.
    pub inputs: Vec<VertexId>,
    /// Where the Dockerfile asks for it; of several equal ones the first.
    pub place: Place,
    /// Whether it is done again although its result may be known: a stage that the request renews asks for it.
    pub renewed: bool,
}

/// Where in the Dockerfile a vertex comes from, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The stage's name, `stage-N` where it has none, empty where it is the only one.
    pub stage: String,
    /// The step's number in its stage, from 1; 0 for what is no step of a stage (contexts, downloads, images to copy from).
    pub step: u32,
    /// How many steps the stage has.
    pub steps: u32,
    /// The instruction with its variables expanded.
    pub text: String,
    /// The line it begins on, from 1.
    pub line: u32,
    /// The bytes of the instruction; of a trigger, those of the FROM that fired it.
    pub span: Span,
    /// What it names, as its operation has it, and where that is written: sources, owners, the user and so on.
    pub words: Vec<(String, Span)>,
    /// The platform it is done for.
    pub platform: Platform,
    /// The platform it is compiled for, where the stage's variables tell that it is another.
    pub cross: Option<Platform>,
    /// Whether the platforms are worth showing: the request has several.
    pub show_platform: bool,
}

impl Place {
    /// Where `name` is written: the word itself, a path that it leads along, or else the whole instruction.
    pub fn span_of(&self, name: &str) -> Span {
        let bare = |text: &str| text.trim_matches('/').to_owned();
        let wanted = bare(name);
        let is_on_the_way =
            |word: &str, to: &str| word.is_empty() || to.strip_prefix(word).is_some_and(|rest| rest.starts_with('/'));
        let exact = self.words.iter().find(|(word, _)| bare(word) == wanted);
        let along = || {
            let near = |word: &str| is_on_the_way(word, &wanted) || is_on_the_way(&wanted, word);
            self.words.iter().rev().find(|(word, _)| near(&bare(word)))
        };
        exact.or_else(along).map_or(self.span, |(_, span)| *span)
    }
}

impl fmt::Display for Place {
    /// `[linux/amd64->linux/arm64 builder 2/5] RUN make`, each part only where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.show_platform {
            let cross = self.cross.as_ref().map(|platform| format!("->{platform}")).unwrap_or_default();
            parts.push(format!("{}{cross}", self.platform));
        }
        if !self.stage.is_empty() {
            parts.push(self.stage.clone());
        }
        if self.step > 0 {
            let width = self.steps.to_string().len();
            parts.push(format!("{:>width$}/{}", self.step, self.steps));
        }
        if parts.is_empty() {
            return f.write_str(&self.text);
        }
        write!(f, "[{}] {}", parts.join(" "), self.text)
    }
}

/// The image that comes out for one platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The platform asked for.
    pub platform: Platform,
    /// The name of its stage.
    pub stage: String,
    /// The vertex whose file system it is; none for an image without files.
    pub result: Option<VertexId>,
    /// The finished configuration but for what only the build can tell: `created` is unset, `history` is empty (see
    /// `history` here) and `rootfs` lists the layers of the base image only.
    pub config: ImageConfig,
    /// The history, oldest first.
    pub history: Vec<Row>,
    /// What its builder can give it.
    pub parameters: Parameters,
}

/// One line of an image's history and where its layer comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line. `created` is unset where the build has to tell; `empty_layer` is final only for [`Origin::Base`] and
    /// [`Origin::Config`]: a step may turn out to change nothing.
    pub entry: History,
    /// Where its layer comes from.
    pub origin: Origin,
    /// What a container of the image that ends here starts with.
    pub config: Arc<ContainerConfig>,
}

/// Where the layer of a history row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The base image, taken over as it is.
    Base,
    /// An instruction that changes the configuration only.
    Config,
    /// The vertex that makes the layer.
    Layer(VertexId),
}
