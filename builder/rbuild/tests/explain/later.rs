//! What is told at the end of a build and afterwards: `--explain`, `rbuild explain`, `--progress rawjson`, `--metadata-file`.

use crate::world::World;
use rbuild::explain::{Diary, elsewhere, known, side};
use rbuild_oci::Timestamp;
use rbuild_records::{CacheBackend, LocalBackend, MemoryBackend};
use rbuild_store::Store;
use serde_json::Value;
use std::fs;

fn app() -> World {
    let dockerfile = "FROM scratch\nCOPY a /a\nCOPY b /b\n";
    World::new(&[("Dockerfile", dockerfile), ("a", "a"), ("b", "b")])
}

#[test]
fn a_table_ends_the_build_that_asks_for_it() {
    let world = app();
    assert!(!world.log(&[]).contains("INSTRUCTION"));
    world.write(&[("b", "other")]);
    let log = world.log(&["--explain"]);
    let table: Vec<&str> = log.lines().skip_while(|line| !line.starts_with("STEP")).collect();
    assert_eq!(table[0], "STEP  RESULT  TIME  INSTRUCTION      WHY");
    assert_eq!(table[1], "#1    cached        [1/2] COPY a /a");
    assert!(table[2].starts_with("#2    ran     ") && table[2].ends_with("[2/2] COPY b /b  b differs"), "{log}");
}

#[test]
fn a_build_can_be_asked_about_later() {
    let world = app();
    world.log(&["-t", "x"]);
    world.write(&[("b", "other")]);
    world.log(&["-t", "x", "--metadata-file", "metadata.json"]);
    world.log(&["-t", "other"]);
    world.log(&["-t", "x"]);
    let table = world.prints(&["explain", "x"]);
    assert!(table.contains("[2/2] COPY b /b  b differs"), "{table}");
    assert!(world.prints(&["explain", "other"]).matches("cached").count() == 2, "a name that is new is news");
    assert_eq!(world.prints(&["explain"]), world.prints(&["explain", "other"]));
    let metadata: Value = serde_json::from_slice(&fs::read(world.path("metadata.json")).unwrap()).unwrap();
    let reference = metadata["buildx.build.ref"].as_str().unwrap();
    let id = reference.rsplit('/').next().unwrap();
    for name in [reference, id, &id[..20]] {
        assert_eq!(world.prints(&["explain", name]), table, "{name}");
    }
    let step = world.prints(&["explain", "x", "2"]);
    for part in ["#2 [2/2] COPY b /b\n", "result:", "key:", "not cached:", "b differs", "source", "destination", "/b"] {
        assert!(step.contains(part), "{part}: {step}");
    }
    assert_eq!(world.prints(&["explain", "x", "#2"]), step);
    let json: Value = serde_json::from_str(&world.prints(&["explain", "--format", "json", "x", "2"])).unwrap();
    assert_eq!(json["step"]["why"]["differences"][0]["changes"][0]["path"], "b");
    assert_eq!(json["recipe"][0]["value"], "copy");
    let json: Value = serde_json::from_str(&world.prints(&["explain", "--format", "json", "x"])).unwrap();
    assert_eq!(json["steps"][0]["outcome"], "cached");
    assert!(world.refuses(&["explain", "nobody"]).contains("nothing is known of a build nobody"));
    assert!(world.refuses(&["explain", "x", "7"]).contains("has no step 7"));
}

#[test]
fn machines_are_told_in_buildkits_shape() {
    let world = app();
    world.log(&[]);
    world.write(&[("b", "other")]);
    let told = world.told(&[]);
    let vertexes: Vec<&Value> =
        told.iter().filter_map(|line| line["vertexes"][0].as_object().map(|_| &line["vertexes"][0])).collect();
    assert_eq!(vertexes.len(), 3, "one cached; one that starts and ends: {told:?}");
    for vertex in &vertexes {
        assert!(vertex["digest"].as_str().unwrap().starts_with("sha256:"));
        vertex["started"].as_str().unwrap().parse::<Timestamp>().unwrap();
    }
    assert_eq!((&vertexes[0]["cached"], &vertexes[1]["completed"]), (&Value::Bool(true), &Value::Null));
    assert_eq!(vertexes[1]["digest"], vertexes[2]["digest"]);
    let why = told.iter().find(|line| line["rbuild"]["why"].is_object()).unwrap();
    assert_eq!((&why["rbuild"]["text"], &why["rbuild"]["vertex"]), (&"b differs".into(), &vertexes[1]["digest"]));
}

#[test]
fn another_cache_is_asked_in_the_same_way() {
    let world = app();
    world.log(&["-t", "x"]);
    world.write(&[("b", "other")]);
    world.log(&["-t", "x"]);
    let store = Store::open(&world.path("store")).unwrap();
    let (near, far) = (LocalBackend::of(&store), MemoryBackend::default());
    let diary = Diary::find(&store, "x").unwrap();
    let noted = diary.step(2).unwrap();
    let now = side(&near, &store, noted).unwrap().unwrap();
    let told = || elsewhere(&far, noted, &now).unwrap().map(|why| why.to_string());
    assert_eq!(told().as_deref(), Some("no earlier result of this step is known"));
    let names = noted.names.unwrap();
    let trail = known(&near, &names);
    let first = trail.traces().iter().find(|trace| trace.recipe != now.recipe).unwrap();
    far.trace(&names[0], first).unwrap();
    assert_eq!(told().as_deref(), Some("its files differ"), "the list is not there");
    far.trace(&names[0], &trail.traces()[0]).unwrap();
    assert_eq!(told().as_deref(), Some("its result was pruned or lost"));
    far.put(&near.get(&noted.key.unwrap()).unwrap().unwrap()).unwrap();
    assert_eq!(told(), None);
}
