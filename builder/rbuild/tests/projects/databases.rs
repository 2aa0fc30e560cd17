//! The databases that the texts run: in the background, on a named volume, written to through their own client. The
//! container goes, by stop and rm or by kill, and another one on the same volume has the rows.

use crate::common::skip;
use crate::examples::Example;
use crate::place::Place;
use std::time::{Duration, Instant};

/// A database, and how a reader uses it.
struct Database {
    /// The folder of examples/, and the image's name.
    name: &'static str,
    /// Options of its containers, beside the port.
    options: &'static [&'static str],
    /// What the log says of a server that is up.
    up: &'static str,
    /// A query that needs no rows.
    probe: &'static str,
    /// The client in the container, for a shell there; a query follows as its only argument.
    client: &'static str,
    /// Makes rows.
    write: &'static str,
    /// More rows.
    write_more: &'static str,
    /// Tells of the rows.
    read: &'static str,
    /// What that gives after each.
    rows: [&'static str; 2],
}

const POSTGRES: Database = Database {
    name: "postgres",
    options: &["-v", "pgdata:/var/lib/postgresql/data", "-e", "POSTGRES_PASSWORD=secret", "-e", "PGPASSWORD=secret"],
    up: "database system is ready to accept connections",
    probe: "select 1",
    client: "psql -h 127.0.0.1 -tAc \"$1\"",
    write: "create table kept as select n, md5(n::text) from generate_series(1, 1000) n",
    write_more: "insert into kept select n, md5(n::text) from generate_series(1001, 1500) n",
    read: "select count(*), sum(n), count(distinct md5) from kept",
    rows: ["1000|500500|1000", "1500|1125750|1500"],
};

const REDIS: Database = Database {
    name: "redis",
    options: &["-v", "redis:/data"],
    up: "Ready to accept connections",
    probe: "ping",
    client: "redis-cli -e -p \"$PORT\" $1",
    write: "mset one 1 two 2",
    write_more: "mset three 3",
    read: "mget one two three",
    rows: ["1\n2", "1\n2\n3"],
};

impl Database {
    /// A container of that name in the background, once it answers.
    fn start(&self, example: &Example, container: &str) {
        let ports = example.ports();
        let options = ["run", "-d", "--name", container, "-e", &ports[0], "-e", &ports[1]];
        let id = example.place.attempt(&[&options[..], self.options, &[self.name]].concat()).unwrap();
        assert!(id.lines().any(|line| line.len() == 64), "{id}");
        let deadline = Instant::now() + Duration::from_secs(90);
        while let Err(error) = self.ask(example, container, self.probe) {
            let log = example.place.attempt(&["logs", container]).unwrap();
            assert!(Instant::now() < deadline, "no answer: {error}\n{log}");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(example.place.attempt(&["logs", container]).unwrap().contains(self.up));
    }

    /// What the client in a container answers.
    fn ask(&self, example: &Example, container: &str, query: &str) -> Result<String, String> {
        example.place.attempt(&["exec", container, "sh", "-c", self.client, "client", query])
    }

    fn rows(&self, example: &Example, container: &str) -> String {
        self.ask(example, container, self.read).unwrap().trim().to_owned()
    }
}

/// Rows outlive the containers that wrote them.
fn outlives_its_containers(database: &Database, place: Place) {
    let example = Example::build(database.name, place);
    let rbuild = |arguments: &[&str]| example.place.attempt(arguments).unwrap_or_else(|error| panic!("{error}"));
    database.start(&example, "db");
    database.ask(&example, "db", database.write).unwrap();
    assert_eq!(database.rows(&example, "db"), database.rows[0]);
    let user = rbuild(&["exec", "db", "id", "-u"]);
    assert_ne!(user.trim(), "0", "{} runs as root", database.name);
    rbuild(&["stop", "db"]);
    rbuild(&["rm", "db"]);
    assert_eq!(rbuild(&["ps", "-aq"]), "");

    // Another container, by the name that is free again, which is then killed in the midst of its work.
    database.start(&example, "db");
    assert_eq!(database.rows(&example, "db"), database.rows[0]);
    database.ask(&example, "db", database.write_more).unwrap();
    rbuild(&["rm", "-f", "db"]);

    database.start(&example, "last");
    assert_eq!(database.rows(&example, "last"), database.rows[1]);
    let volume = database.options[1].split(':').next().unwrap();
    assert!(example.place.attempt(&["volume", "rm", volume]).unwrap_err().contains(volume), "it is in use");
    rbuild(&["rm", "-f", "-v", "last"]);
    assert_eq!(rbuild(&["volume", "ls", "-q"]).trim(), volume, "a named volume stays");
    rbuild(&["volume", "rm", volume]);
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn postgres_on_a_volume() {
    outlives_its_containers(&POSTGRES, Place::new());
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn redis_on_a_volume() {
    outlives_its_containers(&REDIS, Place::new());
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn databases_of_an_ordinary_user_on_volumes() {
    for database in [&POSTGRES, &REDIS] {
        match Place::of_a_user() {
            Ok(place) => outlives_its_containers(database, place),
            Err(reason) => return skip(&format!("databases as an ordinary user: {reason}")),
        }
    }
}
