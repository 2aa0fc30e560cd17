//! What holds for every Dockerfile: no panic, the same graph each time, inputs before users, and no trace of stages that
//! are not needed.

use crate::common::{self, World, outcome};
use dockerfile_parser::{Dockerfile, Kind};
use proptest::prelude::*;
use rbuild_graph::{BuildGraph, Op, Origin, Outcome, Request, VertexId, to_dot, to_mermaid, to_text};
use rbuild_oci::Platform;
use std::fs;

fn graph(dockerfile: &[u8], request: &Request, world: &World) -> Option<BuildGraph> {
    match outcome(dockerfile, request, world) {
        Ok(Outcome::Done(graph)) => Some(*graph),
        _ => None,
    }
}

/// What is done, without where it is asked for.
fn shapes(graph: &BuildGraph) -> Vec<(Op, Option<VertexId>, Vec<VertexId>)> {
    graph.vertices.iter().map(|vertex| (vertex.op.clone(), vertex.parent, vertex.inputs.clone())).collect()
}

#[test]
fn unused_stages_leave_no_trace() {
    let mut compared = 0;
    for case in common::cases() {
        let mut dockerfile = fs::read(case.join("Dockerfile")).unwrap();
        let mut request = common::request(&case);
        let world = World::of(&case);
        let Some(alone) = graph(&dockerfile, &request, &world) else { continue };
        let file = dockerfile_parser::parse(&dockerfile).unwrap();
        if request.target.is_none() {
            request.target = Some(name_last_stage(&file, &mut dockerfile));
            request.build_args.insert("TARGETSTAGE".to_owned(), alone.targets[0].stage.clone());
        }
        dockerfile.extend_from_slice(b"\nFROM busybox AS never-used\nRUN exit 1\nCOPY none /\nONBUILD RUN exit 2\n");
        let beside = graph(&dockerfile, &request, &world).unwrap();
        if !fs::read(case.join("Dockerfile")).unwrap().windows(11).any(|text| text == b"TARGETSTAGE") {
            assert_eq!(shapes(&alone), shapes(&beside), "{}", case.display());
            compared += 1;
        }
    }
    assert!(compared >= 30, "only {compared} compared");
}

/// Only a stage with a name can be a target: the name of the last one, which gets one where it has none.
fn name_last_stage(file: &Dockerfile, bytes: &mut Vec<u8>) -> String {
    let last = file.instructions.iter().rev().find_map(|one| match &one.kind {
        Kind::From(from) => Some((one.span.end as usize, &from.name)),
        _ => None,
    });
    match last.unwrap() {
        (_, Some(name)) => name.to_str_lossy().into_owned(),
        (end, None) => {
            bytes.splice(end..end, *b" AS the-last");
            "the-last".to_owned()
        }
    }
}

#[test]
fn equal_work_of_two_platforms_is_done_once() {
    let dockerfile =
        b"FROM --platform=$BUILDPLATFORM golang AS build\nRUN make\nFROM scratch\nCOPY --from=build /out /\n";
    let mut request = Request::new(Platform::new("linux", "amd64"));
    let one = graph(dockerfile, &request, &World::ordinary()).unwrap();
    request.platforms = vec![Platform::new("linux", "amd64"), Platform::new("linux", "arm64")];
    let two = graph(dockerfile, &request, &World::ordinary()).unwrap();
    assert_eq!(shapes(&one), shapes(&two));
    assert_eq!((one.targets.len(), two.targets.len()), (1, 2));
    assert_eq!(two.targets[1].config.architecture, "arm64");
}

#[test]
fn parts_differ_where_operations_do() {
    let mut seen = std::collections::BTreeMap::new();
    for case in common::cases() {
        let dockerfile = fs::read(case.join("Dockerfile")).unwrap();
        let Some(graph) = graph(&dockerfile, &common::request(&case), &World::of(&case)) else { continue };
        for vertex in graph.vertices {
            if let Op::Copy(_) | Op::Run(_) | Op::Mkdir(_) = vertex.op {
                let known = seen.entry(vertex.op.parts()).or_insert_with(|| unkeyed(vertex.op.clone()));
                assert_eq!(*known, unkeyed(vertex.op), "two operations, the same parts");
            }
        }
    }
    assert!(seen.len() > 50);
}

/// The operation without what is none of its parts.
fn unkeyed(mut op: Op) -> Op {
    if let Op::Run(run) = &mut op {
        run.env_unkeyed.clear();
        for mount in &mut run.mounts {
            if let rbuild_graph::Mount::Cache(cache) = mount {
                cache.sharing = rbuild_graph::Sharing::Shared;
            }
        }
    }
    op
}

/// Lines that fit together more often than chance would have it.
const LINES: [&str; 40] = [
    "FROM scratch",
    "FROM scratch AS a",
    "FROM busybox AS b",
    "FROM a AS c",
    "FROM b",
    "FROM ${x}box",
    "FROM --platform=$BUILDPLATFORM golang AS d",
    "FROM Ubuntu:X",
    "ARG x=busy",
    "ARG x",
    "ARG y=${x:-1} z",
    "ARG SOURCE_DATE_EPOCH=7",
    "ENV x=1 y=$x",
    "ENV y $y:more",
    "RUN make",
    "RUN [\"a\", \"$x\"]",
    "RUN []",
    "RUN --mount=from=a,target=/m --mount=type=cache,target=c x",
    "RUN --mount=type=secret,id=s,env=S --mount=type=ssh y",
    "RUN --mount=target=$x --network=none z",
    "RUN <<EOF\n#!/bin/x\n$y\nEOF",
    "RUN cat <<A <<-B\n1\nA\n\t2\n\tB",
    "COPY $x /$y/",
    "COPY --from=a / .",
    "COPY --from=1 --chown=$x --chmod=755 /a ../b/.",
    "COPY --link --from=busybox /x /y",
    "COPY --parents a/./b/*.c .",
    "COPY <<E1 <<'E2' d/\n$x\nE1\n$x\nE2",
    "ADD https://h/r.git?ref=$y#v1 https://h/f.txt a.tar /d/",
    "ADD --checksum=sha256:00 http://h/$x /",
    "WORKDIR w/$x",
    "WORKDIR /",
    "USER $y",
    "EXPOSE $x 80-82/udp",
    "VOLUME /v $x",
    "LABEL $x=$y",
    "ONBUILD COPY --from=a . /o",
    "ONBUILD RUN echo $x",
    "STOPSIGNAL $x",
    "CMD a $b\nENTRYPOINT [\"c\"]\nSHELL [\"/bin/bash\", \"-c\"]\nHEALTHCHECK --interval=3s CMD x\nMAINTAINER me",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_lines_give_a_graph_or_an_error(
        lines in prop::collection::vec(0..LINES.len(), 1..12),
        x in "[a-z0-9$/:.]{0,6}",
        many in any::<bool>(),
    ) {
        let text: Vec<&str> = lines.iter().map(|line| LINES[*line]).collect();
        let dockerfile = text.join("\n").into_bytes();
        let mut request = Request::new(Platform::new("linux", "amd64"));
        request.build_args.insert("y".to_owned(), x);
        if many {
            request.platforms = vec![Platform::new("linux", "amd64"), Platform::new("linux", "arm64")];
        }
        if let Some(graph) = graph(&dockerfile, &request, &World::ordinary()) {
            for (id, vertex) in graph.iter() {
                prop_assert!(vertex.parent.iter().chain(&vertex.inputs).all(|input| *input < id));
            }
            let again = self::graph(&dockerfile, &request, &World::ordinary()).unwrap();
            prop_assert_eq!(to_text(&graph), to_text(&again));
            prop_assert_eq!(to_dot(&graph), to_dot(&again));
            prop_assert_eq!(to_mermaid(&graph), to_mermaid(&again));
        }
    }

    #[test]
    fn any_bytes_after_from_give_a_graph_or_an_error(tail in prop::collection::vec(any::<u8>(), 0..80), line in 0..LINES.len()) {
        let keyword = LINES[line].split(' ').next().unwrap();
        let mut dockerfile = format!("FROM busybox\nARG x=1\n{keyword} ").into_bytes();
        dockerfile.extend(tail);
        let _ = outcome(&dockerfile, &Request::new(Platform::new("linux", "amd64")), &World::ordinary());
    }
}

#[test]
fn every_vertex_is_needed() {
    for case in common::cases() {
        let dockerfile = fs::read(case.join("Dockerfile")).unwrap();
        let Some(graph) = graph(&dockerfile, &common::request(&case), &World::of(&case)) else { continue };
        let mut needed: Vec<VertexId> = graph.targets.iter().filter_map(|target| target.result).collect();
        let mut seen = std::collections::BTreeSet::new();
        while let Some(id) = needed.pop() {
            let vertex = graph.vertex(id).unwrap();
            if seen.insert(id) {
                needed.extend(vertex.parent.iter().chain(&vertex.inputs));
            }
        }
        assert_eq!(seen.len(), graph.vertices.len(), "{}", case.display());
    }
}

#[test]
fn the_last_line_of_history_has_the_finished_configuration() {
    let mut compared = 0;
    for case in common::cases() {
        let dockerfile = fs::read(case.join("Dockerfile")).unwrap();
        let request = common::request(&case);
        let Some(graph) = graph(&dockerfile, &request, &World::of(&case)) else { continue };
        for target in graph.targets {
            let Some(last) = target.history.last().filter(|row| row.origin != Origin::Base) else { continue };
            let (mut row, mut finished) = ((*last.config).clone(), target.config.config.clone());
            row.labels.extend(request.labels.clone());
            row.on_build.clear();
            finished.on_build.clear();
            assert_eq!(row, finished, "{}", case.display());
            compared += 1;
        }
    }
    assert!(compared >= 60, "only {compared} compared");
}
