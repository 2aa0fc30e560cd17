//! `rbuild graph`: the build graph of a Dockerfile, without building it.

use super::globals::Globals;
use super::look::Look;
use super::out::{complain_of, print};
use crate::args::BuildArgs;
use crate::error::Result;
use crate::report;
use clap::{Args, ValueEnum};
use dockerfile_parser::lint::Linter;
use rbuild_graph::{BuildGraph, to_dot, to_mermaid, to_text};
use std::process::ExitCode;

/// Show the build graph of a Dockerfile
#[derive(Args, Clone, Debug)]
pub(super) struct GraphArgs {
    /// How to show it
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub format: GraphFormat,
    #[command(flatten)]
    build: BuildArgs,
}

/// A way to show a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GraphFormat {
    /// One line a vertex.
    Text,
    /// For Graphviz.
    Dot,
    /// For Mermaid.
    Mermaid,
}

/// Prints the graph.
pub(super) fn run(args: &GraphArgs, globals: &Globals) -> Result<ExitCode> {
    let look = Look::new(&args.build, globals)?;
    match look.plan(&mut Linter::default()) {
        Ok(graph) => {
            print(&text(args.format, &graph))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let file = &look.request.dockerfile;
            complain_of(&report::with_source(&error, &file.name, &file.bytes));
            Ok(report::exit_code(&error))
        }
    }
}

fn text(format: GraphFormat, graph: &BuildGraph) -> String {
    match format {
        GraphFormat::Text => to_text(graph),
        GraphFormat::Dot => to_dot(graph),
        GraphFormat::Mermaid => to_mermaid(graph),
    }
}
