//! Every folder of examples/ is built as its README says, run, and asked for what it is there for.

use crate::common::{say, skip};
use crate::debian;
use crate::place::Place;
use crate::served::{Served, free_port, get};
use rustix::process::Signal;
use serde_json::Value;

/// An example, built.
pub(crate) struct Example {
    pub(crate) place: Place,
    name: &'static str,
    port: u16,
}

impl Example {
    fn new(name: &'static str) -> Self {
        Self::build(name, Place::new())
    }

    /// Builds the example in a place.
    pub(crate) fn build(name: &'static str, place: Place) -> Self {
        let context = place.copy(&format!("examples/{name}"));
        let images = ["debian:bookworm", "ubuntu"].map(|image| format!("{image}={}", debian::source()));
        let contexts = ["--build-context", &images[0], "--build-context", &images[1]];
        let words = [&contexts[..], &[context.to_str().unwrap()]].concat();
        if !name.starts_with("app") {
            let checked = place.attempt(&[&["build", "--check"], &words[..]].concat()).unwrap();
            assert!(checked.contains("no warnings found"), "{checked}");
        }
        let took = place.build(&[&["-t", name], &words[..]].concat());
        say(&format!("{:7.1} s  examples/{name}", took.unwrap_or_else(|error| panic!("{error}")).as_secs_f32()));
        Self { place, name, port: free_port() }
    }

    /// The port, by the name that each example knows it by.
    pub(crate) fn ports(&self) -> [String; 2] {
        ["PORT", "PGPORT"].map(|name| format!("{name}={}", self.port))
    }

    /// Runs the image; it serves on the port.
    fn serve(&self, options: &[&str]) -> Served {
        let [port, other] = self.ports();
        Served::start(&self.place, &[&["-e", &port, "-e", &other], options].concat(), self.name)
    }

    /// What a command prints in a second container beside the one that serves.
    fn beside(&self, options: &[&str], command: &[&str]) -> Result<String, String> {
        let [port, other] = self.ports();
        self.place.run(&[&["-e", &port, "-e", &other], options].concat(), self.name, command)
    }

    fn config(&self) -> Value {
        let inspected: Value = serde_json::from_str(&self.place.attempt(&["inspect", self.name]).unwrap()).unwrap();
        inspected[0]["Config"].clone()
    }

    /// The image's own health check, as a command of the container beside.
    fn healthy(&self) -> Result<String, String> {
        let test = self.config()["Healthcheck"]["Test"].clone();
        let words: Vec<&str> =
            test.as_array().expect("a HEALTHCHECK").iter().map(|word| word.as_str().unwrap()).collect();
        match words[0] {
            "CMD-SHELL" => self.beside(&[], &["/bin/sh", "-c", words[1]]),
            _ => self.beside(&[], &words[1..]),
        }
    }

    fn assert_ordinary_user(&self) {
        let user = self.config()["User"].as_str().unwrap().to_owned();
        assert!(!["", "0", "root"].contains(&user.as_str()), "{} runs as {user:?}", self.name);
    }

    /// Serves pages as an ordinary user, is healthy while it does, and ends when it is told to.
    fn answers(&self, page: &str) {
        let mut served = self.serve(&[]);
        let answer = served.ask(|| get(self.port, ""));
        assert!(answer.contains(" 200 OK") && answer.contains(page), "{answer}");
        self.healthy().unwrap();
        self.assert_ordinary_user();
        served.stop(Signal::TERM);
        self.healthy().expect_err("healthy although nothing runs");
    }
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn python_web() {
    Example::new("python-web").answers("Hello from Python");
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn node_web() {
    Example::new("node-web").answers("Hello from Node");
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn rust_service() {
    let example = Example::new("rust-service");
    example.answers("Hello from Rust");
    let left = example.beside(&[], &["sh", "-c", "command -v cargo; ls /src"]).unwrap_err();
    assert!(left.contains("'/src'"), "the toolchain is in the image: {left}");
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn nginx_static() {
    let example = Example::new("nginx-static");
    example.answers("Hello from nginx");
    let mut served = example.serve(&[]);
    let answer = served.ask(|| get(example.port, "Accept-Encoding: gzip\r\n"));
    assert!(answer.contains("Content-Encoding: gzip"), "{answer}");
    served.stop(Signal::TERM);
}

/// Answers queries, keeps what was written for the next container of the same volume, and lets nobody in without the
/// password.
fn keeps_rows(example: &Example) {
    let psql = |password: &str, query: &str| {
        let password = format!("PGPASSWORD={password}");
        example.beside(&["-e", &password], &["psql", "-h", "127.0.0.1", "-tAc", query])
    };
    let options = ["-v", "pgdata:/var/lib/postgresql/data", "-e", "POSTGRES_PASSWORD=secret"];
    let mut served = example.serve(&options);
    assert_eq!(served.ask(|| psql("secret", "select 1")).trim(), "1");
    example.healthy().unwrap();
    example.assert_ordinary_user();
    psql("secret", "create table kept as select 42 as answer").unwrap();
    served.stop(Signal::TERM);

    let mut again = example.serve(&options);
    assert_eq!(again.ask(|| psql("secret", "select answer from kept")).trim(), "42");
    assert!(psql("wrong", "select 1").unwrap_err().contains("password authentication failed"));
    again.stop(Signal::TERM);
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn postgres() {
    keeps_rows(&Example::new("postgres"));
}

/// Answers commands, and keeps what was written for the next container of the same volume.
fn keeps_values(example: &Example) {
    let ask = |words: &[&str]| {
        let port = example.port.to_string();
        let said = example.beside(&[], &[&["redis-cli", "-e", "-p", &port], words].concat())?;
        if said.contains("LOADING") { Err(said) } else { Ok(said) }
    };
    let options = ["-v", "kept:/data"];
    let mut served = example.serve(&options);
    assert_eq!(served.ask(|| ask(&["ping"])).trim(), "PONG");
    assert!(example.healthy().unwrap().contains("PONG"));
    example.assert_ordinary_user();
    ask(&["set", "answer", "42"]).unwrap();
    served.stop(Signal::TERM);

    let mut again = example.serve(&options);
    assert_eq!(again.ask(|| ask(&["get", "answer"])).trim(), "42");
    again.stop(Signal::TERM);
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn redis() {
    keeps_values(&Example::new("redis"));
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn redis_and_postgres_as_an_ordinary_user() {
    match Place::of_a_user() {
        Ok(place) => keeps_values(&Example::build("redis", place)),
        Err(reason) => return skip(&format!("examples as an ordinary user: {reason}")),
    }
    keeps_rows(&Example::build("postgres", Place::of_a_user().unwrap()));
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn app_and_app2_share_their_layers() {
    let app = Example::new("app");
    let mut served = app.serve(&[]);
    assert!(served.ask(|| get(app.port, "")).contains("Welcome!"));
    served.stop(Signal::TERM);
    let second = Example::build("app2", app.place);
    let mut served = second.serve(&[]);
    assert!(served.ask(|| get(second.port, "")).contains("Welcome to the second app!"));
    served.stop(Signal::TERM);
}
