//! A graph as a drawing: Graphviz's dot and Mermaid's flowchart. Arrows run from what is used to its user; dotted ones
//! are trees that a step only reads.

use super::text::one_line;
use crate::graph::{BuildGraph, Vertex, VertexId};
use std::fmt::Write as _;

/// The graph for Graphviz.
pub fn to_dot(graph: &BuildGraph) -> String {
    let mut out = String::from("digraph build {\n  node [shape=box];\n");
    for (id, vertex) in graph.iter() {
        let _ = writeln!(out, "  v{} [label=\"{}\"];", id.0, label(vertex).replace('\\', "\\\\").replace('"', "\\\""));
    }
    for edge in edges(graph) {
        let _ = writeln!(out, "  v{} -> {}{};", edge.from.0, edge.to, if edge.dotted { " [style=dotted]" } else { "" });
    }
    for (index, target) in graph.targets.iter().enumerate() {
        let _ = writeln!(out, "  t{index} [shape=ellipse, label=\"{}\"];", target.platform);
    }
    out.push_str("}\n");
    out
}

/// The graph for Mermaid.
pub fn to_mermaid(graph: &BuildGraph) -> String {
    let mut out = String::from("flowchart TD\n");
    for (id, vertex) in graph.iter() {
        let text = label(vertex).replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(out, "  v{}[\"{text}\"]", id.0);
    }
    for (index, target) in graph.targets.iter().enumerate() {
        let _ = writeln!(out, "  t{index}([\"{}\"])", target.platform);
    }
    for edge in edges(graph) {
        let _ = writeln!(out, "  v{} {} {}", edge.from.0, if edge.dotted { "-.->" } else { "-->" }, edge.to);
    }
    out
}

struct Edge {
    from: VertexId,
    to: String,
    dotted: bool,
}

fn edges(graph: &BuildGraph) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (id, vertex) in graph.iter() {
        let to = format!("v{}", id.0);
        edges.extend(vertex.parent.map(|from| Edge { from, to: to.clone(), dotted: false }));
        edges.extend(vertex.inputs.iter().map(|from| Edge { from: *from, to: to.clone(), dotted: true }));
    }
    for (index, target) in graph.targets.iter().enumerate() {
        edges.extend(target.result.map(|from| Edge { from, to: format!("t{index}"), dotted: false }));
    }
    edges
}

/// The step, cut to what fits a box.
fn label(vertex: &Vertex) -> String {
    const LONGEST: usize = 60;
    let text = one_line(&vertex.place.to_string());
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
