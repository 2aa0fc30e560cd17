//! `rbuild registry doctor`: each way in which a registry can be out of reach, and that the advice helps.

use crate::server::{Debian, HTPASSWD, MUTUAL_TLS, SELF_SIGNED, TLS};
use crate::world::{Came, World, quoted, registry};
use rbuild_registry::testing::{Fault, Login, Registry};

fn doctor(world: &World, subject: &str) -> Came {
    world.rbuild(&["registry", "doctor", subject])
}

/// A step that is said to be so, with what is said of it and behind it.
#[track_caller]
fn says(came: &Came, step: &str, words: &[&str]) {
    let lines: Vec<String> =
        came.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let line = lines.iter().position(|line| line.starts_with(step));
    let Some(line) = line else { panic!("no {step:?}: {came:?}") };
    let advice = lines.get(line + 1).filter(|line| line.starts_with("->")).cloned().unwrap_or_default();
    let said = format!("{} {advice}", lines[line]);
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}: {came:?}");
    }
}

#[test]
fn an_open_registry_on_this_machine_is_well() {
    let (world, registry) = (World::new(), registry());
    let came = doctor(&world, registry.host());
    assert_eq!(came.code, 0, "{came:?}");
    says(&came, "ok settings", &["none for", ".config/rbuild/config.json"]);
    says(&came, "note login", &["as anybody"]);
    says(&came, "ok name", &["127.0.0.1"]);
    says(&came, "ok connection", &[registry.host()]);
    says(&came, "note tls", &["plain HTTP"]);
    says(&came, "ok api", &["lets everybody in"]);
    let image = |name: &str| doctor(&world, &format!("{}/library/{name}", registry.host()));
    says(&image("app:1"), "ok image", &["app:1 can be pulled"]);
    let came = image("app");
    says(&came, "note image", &["nothing in it is called latest"]);
    assert_eq!(came.code, 0);
    let came = image("app:2");
    says(&came, "FAIL image", &["does not exist", "-> check the name"]);
    assert_eq!(came.code, 1);
}

#[test]
fn nobody_there_is_told_from_no_such_name() {
    let (world, gone) = (World::new(), Registry::start().unwrap().host().to_owned());
    let came = doctor(&world, &gone);
    says(&came, "FAIL connection", &["-> nothing listens there"]);
    assert_eq!(came.code, 1);
    let came = doctor(&world, "registry.invalid");
    says(&came, "FAIL name", &["registry.invalid", "/etc/resolv.conf"]);
    assert_eq!(came.code, 1);
    doctor(&world, "a b").bad(2);
}

#[test]
fn a_certificate_is_shown_and_the_advice_makes_it_trusted() {
    let (Some(registry), world) = (Debian::start(TLS), World::new()) else { return };
    let host = &registry.host;
    let set = |what: &str| world.settings(&format!(r#"{{"registries": {{"{host}": {{{what}}}}}}}"#));
    set(r#""insecure": false"#);
    let came = doctor(&world, host);
    says(&came, "FAIL tls", &["of server", "signed by Lab-authority", "until 20", r#""ca": ["FILE"]"#]);
    assert!(came.code == 1 && !came.out.contains("FAIL api"), "{came:?}");
    set(&format!(r#""ca": {}"#, quoted(registry.file("ca.pem"))));
    let came = doctor(&world, host);
    says(&came, "note tls", &["TLS 1.3", "signed by Lab-authority", "soon"]);
    says(&came, "ok settings", &["authorities", "ca.pem"]);
    says(&came, "ok api", &[&format!("https://{host}/v2/")]);
    assert_eq!(came.code, 0, "{came:?}");
    set(r#""plain-http": true"#);
    says(&doctor(&world, host), "FAIL api", &["400", "leave \"plain-http\""]);
    set(&format!(r#""ca": {}"#, quoted(registry.file("config.yml"))));
    says(&doctor(&world, host), "FAIL api", &["config.yml", "no certificate"]);
}

#[test]
fn a_certificate_of_the_client_is_missed() {
    let (Some(registry), world) = (Debian::start(MUTUAL_TLS), World::new()) else { return };
    let (host, ca) = (&registry.host, quoted(registry.file("ca.pem")));
    let set = |more: &str| world.settings(&format!(r#"{{"registries": {{"{host}": {{"ca": {ca}{more}}}}}}}"#));
    set("");
    let came = doctor(&world, host);
    assert_eq!(came.code, 1, "{came:?}");
    assert!(came.out.contains("it wants a certificate of the client") && came.out.contains("\"key\""), "{came:?}");
    let (cert, key) = (quoted(registry.file("client.pem")), quoted(registry.file("client.key")));
    set(&format!(r#", "cert": {cert}, "key": {key}"#));
    let came = doctor(&world, host);
    says(&came, "ok settings", &["certificate of the client"]);
    assert_eq!(came.code, 0, "{came:?}");
}

#[test]
fn a_host_without_tls_is_told_by_what_to_set() {
    let (Some(registry), world) = (Debian::start(""), World::new()) else { return };
    let host = &registry.host;
    let set = |what: &str| world.settings(&format!(r#"{{"registries": {{"{host}": {{{what}}}}}}}"#));
    set(r#""insecure": false"#);
    let came = doctor(&world, host);
    says(&came, "FAIL api", &["no secure connection", r#""plain-http": true"#]);
    set(r#""plain-http": true"#);
    assert_eq!(doctor(&world, host).code, 0);
}

#[test]
fn logins_are_missed_found_and_tried() {
    let (Some(registry), Some(hidden)) = (Debian::start(HTPASSWD), Debian::start(SELF_SIGNED)) else { return };
    let (world, host) = (World::new(), &registry.host);
    let came = doctor(&world, host);
    says(&came, "FAIL access", &[&format!("-> rbuild login {host}")]);
    assert_eq!(came.code, 1);
    world.told(&["login", "-u", "u", "--password-stdin", host], "hunter2").good();
    let came = doctor(&world, host);
    says(&came, "ok login", &["user u, from", ".docker/config.json"]);
    says(&came, "ok access", &["is taken"]);
    assert_eq!(came.code, 0, "{came:?}");
    world.write(".docker/config.json", &world.logins().replace("dTpodW50ZXIy", "dTpodW50ZXIz"));
    let came = doctor(&world, host);
    says(&came, "FAIL access", &["refuses", "rbuild login"]);
    assert!(!came.out.contains("hunter"), "{came:?}");
    world.write(".docker/config.json", r#"{"auths": {"x": hunter2}}"#);
    let came = doctor(&world, host);
    says(&came, "FAIL login", &["config.json", "line 1"]);
    assert!(!came.out.contains("hunter"), "{came:?}");
    says(&doctor(&world, &hidden.host), "note tls", &["signed by itself", "not verified"]);
}

#[test]
fn tokens_are_asked_for_as_a_pull_does() {
    let registry = Registry::with_login(Login::Token("u".into(), "hunter2".into())).unwrap();
    registry.put_image("team/app", "1", &rbuild_oci::testing::random_image(1, 1));
    let world = World::new();
    let came = doctor(&world, &format!("{}/team/app:1", registry.host()));
    says(&came, "ok api", &["asks for a token from", "/token"]);
    says(&came, "ok image", &["can be pulled"]);
    assert_eq!(came.code, 0, "{came:?}");
}

#[test]
fn every_mirror_is_visited() {
    let (world, good) = (World::new(), registry());
    let gone = Registry::start().unwrap().host().to_owned();
    let mirrors = format!(r#"["http://{gone}", "http://{}"]"#, good.host());
    let text = format!(r#"{{"registries": {{"{}": {{"mirrors": {mirrors}, "fallback": false}}}}}}"#, good.host());
    world.settings(&text);
    let came = doctor(&world, &format!("{}/library/app:1", good.host()));
    let (first, rest) = came.out.split_once(&format!("mirror http://{}\n", good.host())).unwrap();
    assert!(first.contains(&format!("mirror http://{gone}\n")) && first.contains("FAIL  connection"), "{came:?}");
    assert!(rest.contains("can be pulled") && !rest.contains("FAIL"), "{came:?}");
    assert!(rest.contains(&format!("registry {} (for what is pushed only)", good.host())), "{came:?}");
    assert_eq!(came.code, 1);
}

#[test]
fn what_is_no_registry_and_settings_that_are_none_are_told() {
    let (world, registry) = (World::new(), registry());
    registry.fail("/v2/", Fault::Status(404, Vec::new()), usize::MAX);
    says(&doctor(&world, registry.host()), "FAIL api", &["answers 404", "is this the address of a registry?"]);
    world.settings(r#"{"registries": {"a": {"fallbak": true}}}"#);
    let came = doctor(&world, registry.host());
    says(&came, "FAIL settings", &["fallbak", "did you mean fallback?", "-> mend"]);
    assert!(came.code == 1 && came.out.lines().count() == 2, "{came:?}");
    let came = World::new().rbuild(&["--offline", "registry", "doctor", "docker.io"]);
    says(&came, "FAIL network", &["offline", "RBUILD_OFFLINE"]);
}

#[test]
fn a_proxy_is_named_without_its_password() {
    let gone = Registry::start().unwrap().host().to_owned();
    let world = World::new().with("HTTPS_PROXY", format!("http://me:hunter2@{gone}"));
    let came = doctor(&world, "registry.invalid");
    says(&came, "note proxy", &["registry.invalid is reached through", &gone]);
    says(&came, "FAIL connection", &["nothing listens there"]);
    assert!(!came.out.contains("hunter2"), "{came:?}");
    let world = world.with("NO_PROXY", "registry.invalid");
    says(&doctor(&world, "registry.invalid"), "FAIL name", &["registry.invalid"]);
}
