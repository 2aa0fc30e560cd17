//! G2: the container's own layer, copy-on-write.

use crate::reader::{Reader, is_there};
use std::fs;
use std::path::Path;

const APPLICATION: &str = "mmumshad/my-custom-app";

/// With the application built.
fn with_application() -> Reader {
    let reader = Reader::with_applications();
    reader.builds(&format!("docker build Dockerfile -t {APPLICATION}"));
    reader
}

/// The lines of `docker diff`, sorted as docker has them: by path.
fn diff(reader: &Reader, container: &str) -> Vec<String> {
    reader.sees(&format!("docker diff {container}")).lines().map(str::to_owned).collect()
}

#[test]
fn row_11_a_container_is_a_thin_writable_layer_on_top() {
    let reader = Reader::with_alpine();
    let blobs = reader.blobs();
    reader.sees("docker run --name hi alpine sh -c 'echo hello > /greeting'");
    let upper = reader.upper("hi");
    assert_eq!(fs::read_to_string(upper.join("greeting")).unwrap(), "hello\n");
    let files = crate::common::walk(&upper).into_iter().filter(|path| path.is_file());
    assert_eq!(files.collect::<Vec<_>>(), [upper.join("greeting")], "nothing but what was written");
    let lower = reader.word("docker inspect --format '{{.GraphDriver.Data.LowerDir}}' hi");
    assert!(lower.split(':').any(|lower| Path::new(lower).join("bin/busybox").exists()), "{lower}");
    assert_eq!(
        reader.word("docker inspect --format '{{.GraphDriver.Name}}' hi"),
        reader.word("docker info -f '{{.Driver}}'")
    );
    assert_eq!(reader.blobs(), blobs);
}

#[test]
fn row_12_a_file_is_copied_up_when_it_is_first_written() {
    let reader = Reader::with_alpine();
    let blobs = reader.blobs();
    reader.sees("docker run --name one alpine sh -c 'echo changed >> /data/seed; cat /data/seed'");
    let upper = reader.upper("one").join("data/seed");
    assert_eq!(fs::read_to_string(upper).unwrap(), "from the image\nchanged\n", "all of the file is in the layer");
    assert_eq!(reader.sees("docker run --rm alpine cat /data/seed"), "from the image\n");
    assert_eq!(reader.blobs(), blobs, "the image's layers are what they were");
    reader.sees("docker run --name reader alpine cat /data/seed");
    assert!(!is_there(&reader.upper("reader").join("data")), "to read a file copies nothing");
}

#[test]
fn row_13_what_a_container_wrote_goes_with_it() {
    let reader = Reader::with_alpine();
    reader.sees("docker run --name hi alpine sh -c 'echo kept > /file'");
    // Truth: the texts say that it is gone when the container ends. It is there until the container is removed.
    assert_eq!(reader.word("docker inspect --format '{{.State.Status}}' hi"), "exited");
    reader.sees("docker run -d --name again alpine sh -c '[ -e /file ] || touch /file; ls /file; exec sleep 1000'");
    reader.sees("docker stop -t 0 again && docker start again && docker exec again ls /file");
    let upper = reader.upper("hi");
    assert_eq!(fs::read_to_string(upper.join("file")).unwrap(), "kept\n");
    assert_eq!(reader.sees("docker rm hi"), "hi\n");
    assert!(!is_there(&upper));
    assert!(reader.is_refused("docker inspect hi").contains("hi"));
    reader.sees("docker run --rm --name gone alpine touch /file");
    assert!(!reader.sees("docker ps -a --format '{{.Names}}'").contains("gone"));
    reader.sees("docker rm -f again");
    let left = fs::read_dir(reader.store("containers.v1")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.len() == 64).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn row_14_the_containers_directory_holds_its_logs_too() {
    let reader = Reader::with_alpine();
    let id = reader.word("docker run -d --name hi alpine echo hello");
    reader.sees("docker wait hi");
    let directory = reader.store("containers.v1").join(&id);
    for name in ["config.json", "upper"] {
        assert!(is_there(&directory.join(name)), "{name}");
    }
    let log = reader.word("docker inspect --format '{{.LogPath}}' hi");
    assert_eq!(Path::new(&log), directory.join(format!("{id}-json.log")));
    assert!(fs::read_to_string(log).unwrap().contains(r#""log":"hello\n""#));
    assert_eq!(reader.sees("docker logs hi"), "hello\n");
}

#[test]
fn row_15_containers_share_layers_and_do_not_interfere() {
    let reader = Reader::with_alpine();
    let names: Vec<String> = (0..4).map(|number| format!("c{number}")).collect();
    let children: Vec<_> = names
        .iter()
        .map(|name| {
            let script = format!("for n in $(seq 50); do echo {name} >> /mine; done; sort -u /mine");
            let mut command = reader.command(&format!("docker run --name {name} alpine sh -c '{script}'"));
            command.stdout(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for (child, name) in children.into_iter().zip(&names) {
        assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(), format!("{name}\n"));
    }
    let field = |name: &String, field: &str| {
        reader.word(&format!("docker inspect --format '{{{{.GraphDriver.Data.{field}}}}}' {name}"))
    };
    let mut uppers: Vec<String> = names.iter().map(|name| field(name, "UpperDir")).collect();
    let mut lowers: Vec<String> = names.iter().map(|name| field(name, "LowerDir")).collect();
    uppers.sort();
    uppers.dedup();
    lowers.dedup();
    assert_eq!((uppers.len(), lowers.len()), (4, 1), "an upper directory each, one set of lower ones");
}

#[test]
fn row_16_diff_tells_what_was_added_changed_and_deleted() {
    let reader = Reader::with_alpine();
    let script = "echo 1.2.3.4 there >> /etc/hosts; echo x >> /etc/group; touch /data/new; rm /data/seed; mkdir /made";
    reader.sees(&format!("docker run --name hi alpine sh -c '{script}'"));
    // Truth: the text changes /etc/hosts and sees it. That file is mounted, with docker and here, so it never shows.
    let expected = ["A /made", "C /data", "D /data/seed", "A /data/new", "C /etc", "C /etc/group"];
    let (mut shown, mut expected) = (diff(&reader, "hi"), expected.map(str::to_owned));
    shown.sort();
    expected.sort();
    assert_eq!(shown, expected);
    reader.sees("docker run --name quiet alpine cat /data/seed");
    assert_eq!(diff(&reader, "quiet"), [""; 0]);
}

#[test]
fn row_17_commit_makes_an_image_of_a_container() {
    let reader = Reader::with_alpine();
    reader
        .sees("docker run --name hi -v /vol alpine sh -c 'echo hello > /greeting; echo lost > /vol/x; rm /data/seed'");
    let line = "docker commit -m 'said hello' -a 'A Reader' -c 'CMD [\"cat\", \"/greeting\"]' -c 'ENV A=1' hi greeting";
    let id = reader.word(line);
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    assert_eq!(reader.sees("docker run --rm greeting"), "hello\n");
    assert_eq!(reader.sees("docker run --rm greeting sh -c 'echo $A; ls /data; test ! -e /vol/x'"), "1\n");
    let history = reader.sees("docker history greeting --format '{{.Comment}}|{{.Size}}'");
    assert_eq!((history.lines().next(), history.lines().count()), (Some("said hello|6B"), 3), "{history}");
    let [new, old] = ["greeting", "alpine"].map(|image| reader.inspects(&format!("docker inspect {image}")));
    assert_eq!(new["Author"], "A Reader");
    let layers = |value: &serde_json::Value| value["RootFS"]["Layers"].as_array().unwrap().clone();
    assert_eq!((layers(&new).len(), &layers(&new)[..1]), (2, &layers(&old)[..]), "one layer more on the same ones");
}

#[test]
fn row_18_temp_txt_and_app_py_in_a_running_container() {
    let reader = with_application();
    reader.sees(&format!("docker run -d --name web --entrypoint sleep {APPLICATION} 1000"));
    let script = "touch /opt/source-code/temp.txt; echo '# changed' >> /opt/source-code/app.py";
    reader.sees(&format!("docker exec web sh -c \"{script}\""));
    let mut shown = diff(&reader, "web");
    shown.sort();
    let expected = ["A /opt/source-code/temp.txt", "C /opt", "C /opt/source-code", "C /opt/source-code/app.py"];
    assert_eq!(shown, expected);
    assert_eq!(
        reader.sees(&format!("docker run --rm --entrypoint tail {APPLICATION} -c 2 /opt/source-code/app.py")),
        "#\n"
    );
    reader.sees("docker rm -f web");
}

#[test]
fn row_19_into_a_container() {
    let reader = Reader::with_alpine();
    assert_eq!(reader.sees("echo 'echo $0; ls /data' | docker run -i --rm alpine sh"), "sh\nseed\n");
    reader.sees("docker run -d --name hi alpine sleep 1000");
    assert_eq!(reader.sees("echo 'touch /here; ls /here' | docker exec -i hi sh"), "/here\n");
    assert_eq!(reader.sees("docker exec hi ls /here"), "/here\n", "the same container");
    // With a terminal, as `docker exec -it hi sh`: script(1) plays one.
    let typed = "printf 'tty; exit 3\\n' | script -qec 'docker exec -it hi sh' /dev/null; echo code $?";
    if Path::new("/usr/bin/script").exists() {
        let said = reader.types(typed);
        assert!(said.out.contains("/dev/pts/"), "{said:?}");
    } else {
        crate::common::skip("exec -it: no script(1) (Debian, Ubuntu: apt-get install bsdutils)");
    }
    reader.sees("docker rm -f hi");
}

/// A stand-in for a database's image: entrypoint script, a user of its own, a volume; as mysql's and mongo's are.
const DATABASE: &str = "\
FROM debian
RUN mkdir -p /var/lib/mysql && chown 1234:1235 /var/lib/mysql && touch /var/lib/mysql/ibdata
COPY --chmod=755 docker-entrypoint.sh /usr/local/bin/
VOLUME /var/lib/mysql
EXPOSE 3306
USER builder
ENTRYPOINT [\"docker-entrypoint.sh\"]
CMD [\"mysqld\"]
";

const ENTRYPOINT: &str = "\
#!/bin/sh
set -e
[ -n \"$MYSQL_ROOT_PASSWORD\" ] || { echo 'you need MYSQL_ROOT_PASSWORD' >&2; exit 1; }
[ -d /var/lib/mysql/mysql ] || { echo initializing; mkdir /var/lib/mysql/mysql; }
echo \"$1 as $(id -u)\"
";

#[test]
fn row_20_ordinary_images_run() {
    let reader = Reader::with_ubuntu();
    reader.import("debian", crate::common::base::busybox(), 0);
    assert_eq!(reader.sees("docker run --rm debian echo hello"), "hello\n");
    reader.write(&[("Dockerfile", DATABASE), ("docker-entrypoint.sh", ENTRYPOINT)]);
    reader.builds("docker build -t mysql -t mongo .");
    assert!(reader.is_refused("docker run --rm mysql").contains("you need MYSQL_ROOT_PASSWORD"));
    let line = "docker run --name db -e MYSQL_ROOT_PASSWORD=x -v data_volume:/var/lib/mysql mysql";
    assert_eq!(reader.sees(line), "initializing\nmysqld as 1234\n");
    let again = line.replace("--name db", "--rm");
    assert_eq!(reader.sees(&again), "mysqld as 1234\n", "the volume knows");
    let anonymous = "docker run --rm -e MYSQL_ROOT_PASSWORD=x mongo";
    assert_eq!(reader.sees(anonymous), "initializing\nmysqld as 1234\n", "a volume of its own");
    assert_eq!(reader.sees("docker volume ls -q"), "data_volume\n");
}
