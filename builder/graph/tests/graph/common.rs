//! What the tests share: cases as folders, and a caller that answers every question about images.

use dockerfile_parser::Source;
use dockerfile_parser::ignore::{Matcher, Patterns};
use dockerfile_parser::lint::Linter;
use rbuild_graph::{Answer, Answers, Ask, ImageSource, NamedContext, Network, Outcome, Request, lower};
use rbuild_oci::{Digest, ImageConfig, Platform};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// All folders of `testdata/graph`, sorted.
pub(crate) fn cases() -> Vec<PathBuf> {
    cases_of("graph")
}

/// All folders of a room of `testdata`, sorted.
pub(crate) fn cases_of(room: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(room);
    let mut cases: Vec<PathBuf> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// The request of a case, `request.json` where there is one: target, args, platforms, contexts, labels, epoch, network, hosts.
pub(crate) fn request(case: &Path) -> Request {
    let json = json_of(&case.join("request.json"));
    let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
    let pairs = |name: &str| -> BTreeMap<String, String> {
        let object = json.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        object.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect()
    };
    let platforms = json.get("platforms").and_then(Value::as_array).cloned().unwrap_or_default();
    Request {
        target: text("target"),
        build_args: pairs("args"),
        platforms: platforms.iter().map(|text| text.as_str().unwrap().parse().unwrap()).collect(),
        named_contexts: pairs("contexts").into_iter().map(|(name, text)| (name, context(&text))).collect(),
        labels: pairs("labels"),
        source_date_epoch: json.get("epoch").and_then(Value::as_i64),
        network: match text("network").as_deref() {
            Some("none") => Network::None,
            Some("host") => Network::Host,
            _ => Network::Default,
        },
        add_hosts: pairs("hosts").into_iter().collect(),
        ignore: ignore(case),
        ..Request::new(Platform::new("linux", "amd64"))
    }
}

/// What the case's file `dockerignore` leaves out.
fn ignore(case: &Path) -> Matcher {
    let text = fs::read(case.join("dockerignore")).unwrap_or_default();
    Matcher::new(Patterns::read(&text).unwrap())
}

fn context(text: &str) -> NamedContext {
    match text.split_once(':') {
        Some(("image", id)) => NamedContext::Image(id.to_owned()),
        Some(("remote", address)) => NamedContext::Remote(address.to_owned()),
        None if text == "scratch" => NamedContext::Scratch,
        _ => NamedContext::Directory,
    }
}

fn json_of(path: &Path) -> Map<String, Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|_| "{}".to_owned());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Images by name: what `answers.json` says (null: nobody knows it), else an ordinary image made from the name.
pub(crate) struct World(Map<String, Value>);

impl World {
    /// The world of a case.
    pub(crate) fn of(case: &Path) -> Self {
        Self(json_of(&case.join("answers.json")))
    }

    /// One that knows every image.
    pub(crate) fn ordinary() -> Self {
        Self(Map::new())
    }

    fn answer(&self, ask: &Ask) -> Option<Answer> {
        let name = match &ask.image {
            ImageSource::Registry(reference) => reference.to_string(),
            ImageSource::Context(id) => format!("context:{id}"),
        };
        let config = match self.0.get(&name) {
            Some(Value::Null) => return None,
            Some(config) => config.clone(),
            None => json!({
                "architecture": ask.platform.architecture, "os": ask.platform.os,
                "config": {"Env": ["PATH=/base/bin", "BASE=yes"], "Cmd": ["sh"], "Labels": {"base": "yes"}},
                "rootfs": {"type": "layers", "diff_ids": [Digest::of(name.as_bytes()).to_string()]},
                "history": [{"created_by": "base files"}],
            }),
        };
        let config = ImageConfig::from_json(config.to_string().as_bytes()).unwrap();
        Some(Answer { manifest: Digest::of(format!("{name} {}", ask.platform).as_bytes()), config })
    }
}

/// Asks and answers until there is a graph, an error, or a question nobody can answer; errors begin with their place.
pub(crate) fn outcome(dockerfile: &[u8], request: &Request, world: &World) -> Result<Outcome, String> {
    linted(dockerfile, request, world, &mut Linter::default())
}

/// As [`outcome`], with a linter that sees all of it.
pub(crate) fn linted(
    dockerfile: &[u8],
    request: &Request,
    world: &World,
    linter: &mut Linter,
) -> Result<Outcome, String> {
    let source = Source::new(dockerfile);
    let place = |offset: u32| {
        let position = source.position(offset);
        format!("{}:{}: ", position.line, position.column)
    };
    let file = dockerfile_parser::parse_linted(dockerfile, linter)
        .map_err(|error| format!("{}{error}", place(error.span.start)))?;
    let mut answers = Answers::new();
    loop {
        let outcome = lower(&file, request, &answers, linter)
            .map_err(|error| format!("{}{error}", error.span.map(|span| place(span.start)).unwrap_or_default()))?;
        let Outcome::Need(questions) = outcome else { return Ok(outcome) };
        assert!(questions.iter().all(|question| !answers.contains_key(&question.ask)), "every question is new");
        let known: Vec<_> =
            questions.iter().filter_map(|one| Some((one.ask.clone(), world.answer(&one.ask)?))).collect();
        if known.len() < questions.len() {
            return Ok(Outcome::Need(questions));
        }
        answers.extend(known);
    }
}
