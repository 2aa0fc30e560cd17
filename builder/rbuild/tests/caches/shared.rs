//! What one machine built, another need not build, and it carries only what it must.

use crate::common;
use crate::common::registry::Registry;
use crate::machine::{Machine, project};
use crate::meter::Meter;
use std::path::Path;

/// Puts a busybox into a registry, for machines to begin with.
pub(crate) fn publish_base(registry: &Registry) -> String {
    let (machine, name) = (Machine::new(), registry.name("busybox:1"));
    let layout = common::base::busybox_layout(&machine.path(""));
    let context = common::context(&[("Dockerfile", "FROM busybox\n")]);
    machine.build(context.path(), &["--build-context", &layout, "-t", &name, "--push"]);
    name
}

/// What a cache costs, told where the harness does not swallow it.
struct Costs {
    up: (u64, f32),
    again: (u64, u64),
    down: (u64, f32),
    other: (u64, u64),
}

/// The scenario that caches are for: app on machine A tells a cache, app and app2 on an empty machine B ask it.
fn scenario(name: &str, base: &str, to: &str, from: &str, meter: Option<&Meter>) {
    let moved = || meter.map_or((0, 0), Meter::read);
    let (app, app2) = (project(base, "app"), project(base, "app2"));
    let (a, b) = (Machine::new(), Machine::new());
    moved();
    let first = a.build(app.path(), &["-t", "app", "--cache-to", to]);
    let up = (moved().0, first.took.as_secs_f32());
    assert_eq!(first.ran().len(), 3, "{}", first.log());
    let second = a.build(app.path(), &["-t", "app", "--cache-to", to]);
    let again = moved();
    assert!(again.0 + again.1 < 20_000, "{name}: an unchanged export moves {again:?} bytes\n{}", second.log());
    let there = b.build(app.path(), &["-t", "app", "--cache-from", from]);
    let down = (moved().1, there.took.as_secs_f32());
    assert_eq!(there.ran(), Vec::<String>::new(), "{}", there.log());
    let other = b.build(app2.path(), &["-t", "app2", "--cache-from", from]);
    let other_moved = moved();
    assert_eq!(other.ran(), ["RUN head -c 100000 /dev/urandom > /made-for-app2"], "{}", other.log());
    assert_eq!(a.inspect("app")["RootFS"], b.inspect("app")["RootFS"], "the same image on both machines");
    let costs = Costs { up, again, down, other: other_moved };
    common::say(&format!(
        "{name}: up {} bytes in {:.2} s; again {} up, {} down; app on the other machine {} down in {:.2} s; \
         app2 there {} up, {} down",
        costs.up.0, costs.up.1, costs.again.0, costs.again.1, costs.down.0, costs.down.1, costs.other.0, costs.other.1
    ));
}

#[test]
fn a_directory_carries_it() {
    let Some(registry) = Registry::start(&[]) else { return };
    let base = publish_base(&registry);
    let place = tempfile::tempdir().unwrap();
    let text = |key: &str, path: &Path| format!("type=local,{key}={}", path.display());
    for mode in ["min", "max"] {
        let cache = place.path().join(mode);
        let to = format!("{},mode={mode}", text("dest", &cache));
        scenario(&format!("local, mode={mode}"), &base, &to, &text("src", &cache), None);
    }
}

#[test]
fn a_registry_carries_it() {
    let Some(registry) = Registry::start(&[]) else { return };
    let base = publish_base(&registry);
    let meter = Meter::new(&registry.host);
    for mode in ["min", "max"] {
        let from = format!("type=registry,ref={}/cache:{mode}", meter.host);
        scenario(&format!("registry, mode={mode}"), &base, &format!("{from},mode={mode}"), &from, Some(&meter));
    }
}

#[test]
fn an_up_to_date_build_of_a_pushed_image_brings_no_layer() {
    let Some(registry) = Registry::start(&[]) else { return };
    let meter = Meter::new(&registry.host);
    let base = publish_base(&registry).replace(&registry.host, &meter.host);
    let (app, a, b) = (project(&base, "app"), Machine::new(), Machine::new());
    let (image, cache) = (format!("{}/app:1", meter.host), format!("type=registry,ref={}/cache", meter.host));
    a.build(app.path(), &["-t", &image, "--push", "--cache-to", &cache]);
    let pushed = a.run(&["manifest", "inspect", &image]);
    meter.read();
    let built = b.build(app.path(), &["-t", &image, "--push", "--cache-from", &cache]);
    let (up, down) = meter.read();
    assert!(built.ended("DONE").iter().all(|line| line.starts_with("FROM")), "{}", built.log());
    assert!(up < 30_000 && down < 60_000, "{up} bytes up, {down} bytes down\n{}", built.log());
    assert_eq!(b.run(&["manifest", "inspect", &image]), pushed, "what is pushed is what was there");
    let said = b.run(&["run", "--rm", &image, "wc", "-c", "/tool"]);
    assert!(said.starts_with("300000"), "{said}");
}
