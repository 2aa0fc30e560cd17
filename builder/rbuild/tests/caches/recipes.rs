//! examples/ci: what each recipe says is done, on two machines with no disk in common, as far as one machine can: the
//! steps that install the program or belong to a CI system's own actions are left out.

use crate::buckets::{BUCKET, Bucket};
use crate::common;
use crate::common::registry::Registry;
use crate::machine::{Env, Machine};
use crate::shared::{keys, publish_base};
use rbuild_records::testing::ActionsCache;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join("ci")
}

/// A file of YAML. None, said aloud, where nobody here can read it.
fn yaml(name: &str) -> Option<Value> {
    let program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let output = Command::new("python3").args(["-c", program]).arg(folder().join(name)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("No module named") {
        common::skip("python3-yaml is not installed: recipes are not run");
        return None;
    }
    assert!(output.status.success(), "{name}: {said}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The project on a machine, where somebody checked it out.
fn check_out(machine: &Machine) -> PathBuf {
    let (from, to) = (folder(), machine.path("checkout"));
    fs::create_dir(&to).unwrap();
    for file in ["Dockerfile", "words.txt", "make-page.sh", "Makefile"] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    to
}

/// Runs a script in the project as a CI system does; what it printed.
fn script(machine: &Machine, checkout: &Path, text: &str, env: &Env) -> String {
    let bin = machine.path("bin");
    if !bin.exists() {
        fs::create_dir(&bin).unwrap();
        symlink(env!("CARGO_BIN_EXE_rbuild"), bin.join("rbuild")).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-eo", "pipefail", "-c", text]).current_dir(checkout).envs(env).env("PATH", path);
    let output = shell.env("RBUILD_ROOT", machine.root()).env("HOME", machine.path("home")).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}\n{said}");
    said
}

/// The steps that ran, by a log.
fn ran(log: &str) -> usize {
    let starts = |line: &&str| line.starts_with('#') && line.contains("] RUN ");
    let number = |line: &str| line.split(' ').next().unwrap().to_owned();
    let runs: Vec<String> = log.lines().filter(starts).map(number).collect();
    runs.iter().filter(|number| log.contains(&format!("{number} DONE"))).count()
}

/// A machine builds and tells a cache, an empty one finds everything there, and one more finds what a changed word
/// leaves, its cache mount included where `mounts` is set.
fn on_three_machines(name: &str, text: &str, env: &Env, between: impl Fn(&Path, &Path), mounts: bool) {
    let (a, b, c) = (Machine::new(), Machine::new(), Machine::new());
    let [at_a, at_b, at_c] = [&a, &b, &c].map(check_out);
    let log = script(&a, &at_a, text, env);
    assert_eq!(ran(&log), 1, "{name}: {log}");
    between(&at_a, &at_b);
    let log = script(&b, &at_b, text, env);
    assert_eq!(ran(&log), 0, "{name}, an empty machine: {log}");
    between(&at_b, &at_c);
    fs::write(at_c.join("words.txt"), "another\n").unwrap();
    let log = script(&c, &at_c, text, env);
    assert_eq!(ran(&log), 1, "{name}, another word: {log}");
    let seen = if mounts { 4 } else { 1 };
    assert!(log.contains(&format!("this cache has seen {seen} words")), "{name}: {log}");
}

fn nothing(_: &Path, _: &Path) {}

#[test]
fn make_with_a_directory_that_is_saved_and_restored() {
    let Some(registry) = Registry::start(&["make"]) else { return };
    let env =
        Env::from([("BASE".to_owned(), publish_base(&registry)), ("IMAGE".to_owned(), registry.name("team/page"))]);
    let carry = |from: &Path, to: &Path| {
        let copied = Command::new("cp").arg("-r").arg(from.join(".rbuild-cache")).arg(to).status().unwrap();
        assert!(copied.success());
    };
    on_three_machines("make image", "make -e image", &env, carry, true);
    let machine = Machine::new();
    let checkout = check_out(&machine);
    script(&machine, &checkout, "make -e push", &env);
    script(&machine, &checkout, "make -e verify", &env);
}

#[test]
fn gitlab_with_the_projects_registry() {
    let (Some(registry), Some(recipe)) = (Registry::start(&[]), yaml(".gitlab-ci.yml")) else { return };
    let lines = recipe["image"]["script"].as_array().unwrap();
    let text: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    let pairs = [
        ("BASE", publish_base(&registry)),
        ("CI_REGISTRY", registry.host.clone()),
        ("CI_REGISTRY_USER", "somebody".to_owned()),
        ("CI_REGISTRY_PASSWORD", "hush".to_owned()),
        ("CI_REGISTRY_IMAGE", registry.name("team/page")),
        ("CI_COMMIT_REF_SLUG", "main".to_owned()),
    ];
    let env: Env = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    on_three_machines("gitlab", &text.join("\n"), &env, nothing, true);
}

#[test]
fn github_with_its_cache_service() {
    let (Some(registry), Some(recipe)) = (Registry::start(&[]), yaml(".github/workflows/image.yml")) else { return };
    let service = ActionsCache::start(&[("token", &["main"])]).unwrap();
    let steps = recipe["jobs"]["image"]["steps"].as_array().unwrap();
    let (mut env, mut text) = (Env::new(), Vec::new());
    for step in steps.iter().filter(|step| step["name"] != "Install rbuild") {
        text.extend(step["run"].as_str());
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            env.insert(name.clone(), value.as_str().unwrap().to_owned());
        }
    }
    assert_eq!(text.len(), 2, "one logs in, one builds");
    env.extend(
        [
            ("BASE", publish_base(&registry)),
            ("REGISTRY", registry.host.clone()),
            ("GITHUB_REPOSITORY", "team/page".to_owned()),
            ("GITHUB_SHA", "0123abc".to_owned()),
            ("GITHUB_REF_NAME", "feature".to_owned()),
            ("GITHUB_ACTOR", "somebody".to_owned()),
            ("ACTIONS_RESULTS_URL", service.url()),
            ("ACTIONS_RUNTIME_TOKEN", "token".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    on_three_machines("github", &text.join("\n"), &env, nothing, false);
}

#[test]
fn kubernetes_with_a_bucket() {
    let (Some(registry), Some(recipe)) = (Registry::start(&[]), yaml("kubernetes-job.yaml")) else { return };
    let Some(bucket) = Bucket::moto() else { return };
    let container = &recipe["spec"]["template"]["spec"]["containers"][0];
    let mut env = keys();
    for variable in container["env"].as_array().unwrap() {
        env.insert(variable["name"].as_str().unwrap().to_owned(), variable["value"].as_str().unwrap().to_owned());
    }
    env.extend(
        [
            ("BASE", publish_base(&registry)),
            ("IMAGE", registry.name("team/page:latest")),
            ("BUCKET", BUCKET.to_owned()),
            ("S3_ENDPOINT", format!("http://{}", bucket.host)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let text = container["args"][0].as_str().unwrap();
    on_three_machines("kubernetes", text, &env, nothing, false);
}
