//! What there is for rules to look at, in the order in which a build comes to see it: as written, FROM by FROM, and as
//! each stage is carried out. Knows no rule.
use super::Place;
use crate::ignore::Matcher;
use crate::instruction::Instruction;
use crate::span::Text;
use crate::tree::{Node, Tree};

/// Where something was seen.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The place; none for the whole file, whose rules say themselves where.
    pub place: Option<Place>,
    /// The comments above the instruction, which may hold `check=skip=`.
    pub comments: &'a [Text],
}

impl<'a> Site<'a> {
    /// No place of its own.
    pub const NOWHERE: Site<'static> = Site { place: None, comments: &[] };

    /// A node of the syntax layer.
    pub fn of_node(node: &'a Node) -> Self {
        Self { place: Some(Place::of_node(node)), comments: &node.comments }
    }

    /// An instruction, or a word of it.
    pub fn of(instruction: &'a Instruction, word: &Text) -> Self {
        Self { place: Some(Place::of(instruction).word(word.span)), comments: &instruction.comments }
    }
}

/// What was seen.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Seen<'a> {
    /// The whole file, split into instructions.
    Tree(&'a Tree),
    /// One instruction as it is written.
    Written(&'a Node),
    /// All instructions, once each keeps its own rules.
    File(&'a [Instruction]),
    /// The image of a FROM where every ARG has its default.
    DefaultImage {
        /// As written.
        written: &'a str,
        /// Whether what it comes to can name an image.
        is_name: bool,
    },
    /// A FROM uses a variable that nothing declares.
    Undeclared {
        /// The variable.
        name: &'a str,
        /// What may have been meant.
        near: Option<&'a str>,
    },
    /// A FROM has `--platform`.
    Platform(PlatformFlag<'a>),
    /// An image is named with upper-case letters.
    UpperCaseImage {
        /// As written, variables expanded.
        written: &'a str,
        /// The name that is used instead.
        used: &'a str,
    },
    /// An image that a needed stage starts from is known.
    BaseImage {
        /// Its name as written, variables expanded.
        name: &'a str,
        /// The platform it was asked for.
        wanted: &'a str,
        /// The platform it is for, in the same form.
        found: &'a str,
    },
    /// An instruction is about to be carried out.
    Step {
        /// The instruction.
        instruction: &'a Instruction,
        /// The instruction of the same keyword before it in this stage.
        earlier: Option<Place>,
        /// Whether a SHELL is in force, here or from the base.
        has_shell: bool,
    },
    /// A word uses a variable that has no value and that no ARG declares.
    Unset {
        /// The variable.
        name: &'a str,
        /// What may have been meant.
        near: Option<&'a str>,
    },
    /// ENV or ARG sets a variable.
    Variable {
        /// `ENV` or `ARG`.
        keyword: &'static str,
        /// The name, expanded.
        name: &'a str,
    },
    /// WORKDIR, expanded.
    Workdir {
        /// The path.
        path: &'a str,
        /// Whether no WORKDIR comes before it, here or in the stages that this one is built on.
        is_first: bool,
    },
    /// A port of EXPOSE, expanded.
    Port(&'a str),
    /// A source of COPY or ADD that is taken from the build context.
    Source {
        /// Whether it is ADD.
        is_add: bool,
        /// The path, expanded.
        path: &'a str,
        /// What the context leaves out.
        ignore: &'a Matcher,
    },
    /// Build arguments on the command line that nothing takes.
    Unconsumed {
        /// Their names.
        names: &'a [&'a str],
        /// What may have been meant by the first.
        near: Option<&'a str>,
    },
}

/// `FROM --platform`, expanded.
#[derive(Clone, Copy, Debug)]
pub struct PlatformFlag<'a> {
    /// As written.
    pub written: &'a str,
    /// Expanded.
    pub value: &'a str,
    /// Whether TARGETPLATFORM is all that was expanded, and has given the whole of it.
    pub is_target: bool,
    /// Whether no variable had a part in it.
    pub is_constant: bool,
    /// The stage's name; empty where it has none.
    pub stage: &'a str,
    /// Operating system and architecture, where it is a platform.
    pub parts: Option<(&'a str, &'a str)>,
}

/// What one rule found.
#[derive(Debug, Default)]
pub struct Hits(pub(super) Vec<(Option<Place>, String)>);

impl Hits {
    /// At the site of what was seen.
    pub(super) fn here(&mut self, message: String) {
        self.0.push((None, message));
    }

    /// Elsewhere.
    pub(super) fn at(&mut self, place: Place, message: String) {
        self.0.push((Some(place), message));
    }
}
