//! `rbuild graph`: the build graph of a Dockerfile, without building it.

use super::build::BuildArgs;
use super::globals::Globals;
use super::out::{complain, print};
use crate::build::plan;
use crate::error::Result;
use crate::import::Images;
use crate::report;
use crate::request::BuildRequest;
use clap::{Args, ValueEnum};
use dockerfile_parser::lint::Linter;
use rbuild_graph::{BuildGraph, to_dot, to_mermaid, to_text};
use rbuild_oci::Cancel;
use rbuild_registry::{Client, Config};
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
    let request = BuildRequest::resolve(&args.build, &|name| std::env::var(name).ok())?;
    let (store, cancel) = (globals.store()?, Cancel::new());
    let client = Client::new(Config::from_env(&|name| std::env::var_os(name)), &cancel);
    let images = Images::new(&store, &request.named, &client, &cancel);
    match plan(&request, &images, &cancel, &mut Linter::default()) {
        Ok(graph) => {
            print(&text(args.format, &graph))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            complain(&report::with_source(&error, &request.dockerfile));
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
