//! Hops 2 and 3: from a request to its graph. Knows no step.

use super::hint;
use crate::error::Result;
use crate::import::Images;
use crate::lock::pin;
use crate::request::BuildRequest;
use dockerfile_parser::lint::Linter;
use rbuild_graph::{Answers, BuildGraph, Outcome, lower};
use rbuild_oci::Cancel;

/// Parses and lowers, answering the graph's questions until it has no more.
pub fn plan(request: &BuildRequest, images: &Images<'_>, cancel: &Cancel, linter: &mut Linter) -> Result<BuildGraph> {
    let file = dockerfile_parser::parse_linted(&request.dockerfile.bytes, linter)?;
    let mut answers = Answers::new();
    loop {
        cancel.check()?;
        match lower(&file, &request.graph, &answers, linter)? {
            Outcome::Done(mut graph) => {
                if let Some(lock) = &request.lock {
                    pin(lock, &mut graph)?;
                }
                return Ok(*graph);
            }
            Outcome::Need(questions) => {
                for question in &questions {
                    let answer = images.answer(question).map_err(|error| hint::of_image(question, images, error))?;
                    answers.insert(question.ask.clone(), answer);
                }
            }
        }
    }
}
