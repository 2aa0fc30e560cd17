//! What prunes say, what they take and what they leave; and a build cache that is kept within a size.

use crate::common::{context, fsck};
use crate::tool::{Tool, Who};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

const DOCKERFILE: &str = "FROM busybox AS made
RUN head -c 3000000 /dev/urandom > /big
RUN --mount=type=cache,target=/c head -c 1000000 /dev/urandom > /c/x; echo small > /small
FROM busybox
LABEL tier=web
COPY --from=made /small /
COPY file /
RUN true
CMD [\"true\"]
";

fn said(tool: &Tool, args: &[&str]) -> String {
    let output = tool.command(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same with an answer on standard input.
fn answered(tool: &Tool, args: &[&str], answer: &str) -> String {
    let mut child = tool.command(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

fn refusal(tool: &Tool, args: &[&str]) -> String {
    let output = tool.command(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A store with an image, one that lost its name to it, and a stage in no image.
fn filled(who: Who) -> (Tool, tempfile::TempDir, [String; 2]) {
    let context = context(&[("Dockerfile", DOCKERFILE), ("file", "one\n")]);
    let tool = Tool::new(who);
    let old = tool.build(context.path(), &["-t", "app"]).id;
    std::fs::write(context.path().join("file"), "two\n").unwrap();
    let new = tool.build(context.path(), &["-t", "app"]).id;
    (tool, context, [old, new])
}

fn steps(tool: &Tool, context: &Path) -> usize {
    tool.build(context, &["-t", "app"]).started().len()
}

#[test]
fn images_without_a_name_go_and_those_with_one_when_asked_for() {
    for who in Who::all() {
        let (tool, context, [old, new]) = filled(who);
        let none = answered(&tool, &["image", "prune"], "n\n");
        assert_eq!(none, "WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] ");
        let would = said(&tool, &["image", "prune", "--dry-run", "-v"]);
        assert!(would.contains(&old[7..19]) && would.contains("it has no name, and no container uses it"), "{would}");
        assert!(would.contains("Would stay:") && would.contains("app:latest"), "{would}");
        let done = said(&tool, &["image", "prune", "-f"]);
        assert!(done.starts_with(&format!("Deleted Images:\ndeleted: {old}\n")), "{done}");
        assert_eq!(done.matches(&old).count(), 1, "{done}");
        assert_eq!(said(&tool, &["image", "prune", "-f"]), "Total reclaimed space: 0B\n");
        assert_eq!(steps(&tool, context.path()), 0, "what the other image needs is there");
        said(&tool, &["create", "--name", "user", "app"]);
        tool.build(context.path(), &["-t", "other:1", "-t", "other:2", "--label", "tier=db"]);
        for (filter, goes) in
            [("label=tier=web", false), ("label!=tier", false), ("until=1h", false), ("label=tier=db", true)]
        {
            let would = said(&tool, &["image", "prune", "-a", "--dry-run", "--filter", filter]);
            assert_eq!(would.contains("other:1"), goes, "{filter}: {would}");
        }
        let ask = "WARNING! This will remove all images without at least one container associated to them.\n\
                   Are you sure you want to continue? [y/N] ";
        let done = answered(&tool, &["image", "prune", "--all"], "y\n");
        let done = done.strip_prefix(ask).unwrap_or_else(|| panic!("{done}"));
        assert!(done.starts_with("Deleted Images:\nuntagged: other:1\nuntagged: other:2\ndeleted: sha256:"), "{done}");
        assert!(said(&tool, &["images", "--no-trunc"]).contains(&new));
        assert_eq!(fsck::check(&tool.root()).tags, 1);
        assert!(refusal(&tool, &["image", "prune", "--filter", "name=x"]).contains("known are until=TIME"));
    }
}

#[test]
fn the_build_cache_goes_and_what_images_need_stays() {
    for who in Who::all() {
        let (tool, context, _) = filled(who);
        let du = said(&tool, &["builder", "du", "--format", "{{.Type}} {{.Reclaimable}} {{.Description}}"]);
        assert!(du.contains("regular true RUN /bin/sh -c head -c 3000000 /dev/urandom > /big\n"), "{du}");
        assert!(du.contains("exec.cachemount true a cache mount\n"), "{du}");
        let one = said(&tool, &["builder", "prune", "-f", "--filter", "type=exec.cachemount"]);
        assert_eq!(one.lines().count(), 4, "{one}");
        assert_eq!(said(&tool, &["buildx", "prune", "-f", "--filter", "until=1h"]), "Total reclaimed space: 0B\n");
        let kept = said(&tool, &["builder", "prune", "-f", "--keep-storage", "1GB"]);
        assert_eq!(kept, "Total reclaimed space: 0B\n");
        let ask = "WARNING! This will remove all dangling build cache. Are you sure you want to continue? [y/N] ";
        let done = answered(&tool, &["builder", "prune"], "y\n");
        assert!(done.starts_with(&format!("{ask}Deleted build cache objects:\n")), "{done}");
        assert!(done.contains("Total reclaimed space: 6."), "the layer and its snapshot: {done}");
        assert_eq!(said(&tool, &["builder", "prune", "-f"]), "Total reclaimed space: 0B\n");
        // The stage that is in no image runs again, what is in the image does not.
        assert_eq!(steps(&tool, context.path()), 2);
        let all = said(&tool, &["builder", "prune", "-a", "-f"]);
        assert!(all.contains("Deleted build cache objects:"), "{all}");
        assert_eq!(fsck::check(&tool.root()).tags, 1);
        assert_eq!(steps(&tool, context.path()), 5, "all of it is forgotten");
        let wrong = refusal(&tool, &["builder", "prune", "--filter", "type=layer"]);
        assert!(wrong.contains("known are regular, source.local"), "{wrong}");
        assert!(refusal(&tool, &["builder", "prune", "--keep-storage", "much"]).contains("is not a size"));
    }
}

#[test]
fn everything_goes_at_once_class_by_class() {
    let (tool, _context, [old, _]) = filled(Who::Caller);
    said(&tool, &["create", "--name", "stopped", "-v", "/data", "app"]);
    said(&tool, &["create", "--name", "kept", "-v", "named:/data", "app"]);
    let warning = answered(&tool, &["system", "prune", "-a", "--volumes", "--filter", "label=x"], "n\n");
    assert_eq!(
        warning,
        "WARNING! This will remove:
  - all stopped containers
  - all anonymous volumes not used by at least one container
  - all images without at least one container associated to them
  - all build cache

  Items to be pruned will be filtered with:
  - label=x

Are you sure you want to continue? [y/N] "
    );
    let warning = answered(&tool, &["system", "prune"], "");
    assert!(
        warning
            .ends_with("  - all dangling images\n  - unused build cache\n\nAre you sure you want to continue? [y/N] "),
        "{warning}"
    );
    assert!(refusal(&tool, &["system", "prune", "--volumes", "--filter", "until=1h"]).contains("not supported"));
    said(&tool, &["rm", "kept"]);
    let done = said(&tool, &["system", "prune", "-f"]);
    let headings: Vec<&str> = done.lines().filter(|line| line.ends_with(':')).collect();
    assert_eq!(headings, ["Deleted Containers:", "Deleted Images:", "Deleted build cache objects:"], "{done}");
    assert!(done.contains(&old), "{done}");
    let done = said(&tool, &["system", "prune", "-a", "-f", "--volumes"]);
    let headings: Vec<&str> = done.lines().filter(|line| line.ends_with(':')).collect();
    assert_eq!(headings, ["Deleted Volumes:", "Deleted Images:", "Deleted build cache objects:"], "{done}");
    assert_eq!(said(&tool, &["volume", "ls", "-q"]), "named\n");
    let sizes = said(&tool, &["system", "df", "--format", "{{.Type}}:{{.TotalCount}}:{{.Active}}"]);
    assert_eq!(sizes, "Images:0:0\nContainers:0:0\nLocal Volumes:1:0\nBuild Cache:0:0\n");
}

#[test]
fn df_has_dockers_columns() {
    let (tool, _context, _) = filled(Who::Caller);
    said(&tool, &["create", "--name", "one", "-v", "named:/data", "app"]);
    let text = said(&tool, &["system", "df"]);
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().unwrap(), ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]);
    for (name, numbers) in
        [("Images", ["2", "1"]), ("Containers", ["1", "0"]), ("Local", ["1", "1"]), ("Build", ["", ""])]
    {
        let line = lines.next().unwrap();
        let at = line.iter().position(|word| word.starts_with(|char: char| char.is_ascii_digit())).unwrap();
        assert_eq!(line[0], name);
        assert!(numbers[0].is_empty() || line[at..at + 2] == numbers, "{line:?}");
    }
    let text = said(&tool, &["system", "df", "-v"]);
    for heading in [
        "Images space usage:\n\nREPOSITORY   TAG       IMAGE ID       CREATED",
        "SIZE      SHARED SIZE   UNIQUE SIZE   CONTAINERS\n",
        "Containers space usage:\n\nCONTAINER ID   IMAGE     COMMAND   LOCAL VOLUMES   SIZE",
        "Local Volumes space usage:\n\nVOLUME NAME   LINKS     SIZE\nnamed         1         ",
        "Build cache usage: ",
        "\n\nCACHE ID   ",
        "   CACHE TYPE        SIZE      CREATED",
    ] {
        assert!(text.contains(heading), "{heading:?} in {text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&said(&tool, &["system", "df", "-v", "--format", "json"])).unwrap();
    assert_eq!((json["Images"].as_array().unwrap().len(), &json["Volumes"][0]["Name"]), (2, &"named".into()));
}

#[test]
fn what_was_used_longest_ago_goes_after_a_build_that_had_work_to_do() {
    let dockerfile = |number: usize| {
        format!(
            "FROM busybox AS a\nRUN head -c 4000000 /dev/urandom > /{number}\nFROM busybox\nCOPY --from=a /{number} /x\n"
        )
    };
    for who in Who::all() {
        let (tool, context) = (Tool::new(who), context(&[]));
        let build = |number: usize, limit: &str| {
            std::fs::write(context.path().join("Dockerfile"), dockerfile(number)).unwrap();
            let tag = format!("app:{number}");
            tool.build(context.path(), &["-t", &tag, "--keep-storage", limit])
        };
        for number in 0..3 {
            assert!(!build(number, "1GB").log().contains("of the build cache"), "{number}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        // Each stage takes its layer and its snapshot; the last two of four are left.
        let log = build(3, "20MB").log();
        assert!(log.contains("of the build cache, which is kept within 21MB"), "{log}");
        assert_eq!(build(3, "20MB").started(), Vec::<String>::new());
        assert_eq!(build(2, "1GB").started(), Vec::<String>::new());
        assert_eq!(build(0, "1GB").started().len(), 2, "what was used longest ago is gone");
        assert_eq!(fsck::check(&tool.root()).tags, 4);
        let before = tool.stamps();
        assert_eq!(build(0, "1").started(), Vec::<String>::new());
        assert_eq!(tool.stamps(), before, "a build that finds everything looks at nothing");
    }
}
