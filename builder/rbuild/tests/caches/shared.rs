//! What one machine built, another need not build, and it carries only what it must.

use crate::buckets::{BUCKET, Bucket, SECRET};
use crate::common;
use crate::common::registry::Registry;
use crate::machine::{Env, Machine, project};
use crate::meter::Meter;
use rbuild_records::testing::ActionsCache;

/// Puts a busybox into a registry, for machines to begin with.
pub(crate) fn publish_base(registry: &Registry) -> String {
    let (machine, name) = (Machine::new(), registry.name("busybox:1"));
    let layout = common::base::busybox_layout(&machine.path(""));
    let context = common::context(&[("Dockerfile", "FROM busybox\n")]);
    machine.build(context.path(), &["--build-context", &layout, "-t", &name, "--push"]);
    name
}

/// Two machines and a cache between them.
struct Scenario<'a> {
    name: String,
    base: &'a str,
    to: String,
    from: String,
    env: Env,
    /// What goes to the cache and comes from it, where that goes over a wire.
    meter: Option<&'a Meter>,
}

impl Scenario<'_> {
    fn moved(&self) -> (u64, u64) {
        self.meter.map_or((0, 0), Meter::read)
    }

    /// What caches are for: app on machine A tells a cache, app and app2 on an empty machine B ask it. What it costs is
    /// told where the harness does not swallow it.
    fn run(&self) {
        let Self { name, base, to, from, env, .. } = self;
        let (app, app2) = (project(base, "app"), project(base, "app2"));
        let (a, b) = (Machine::with(env), Machine::with(env));
        self.moved();
        let first = a.build(app.path(), &["-t", "app", "--cache-to", to]);
        let (up, _) = self.moved();
        assert_eq!(first.ran().len(), 3, "{}", first.log());
        let second = a.build(app.path(), &["-t", "app", "--cache-to", to]);
        let again = self.moved();
        assert!(again.0 + again.1 < 20_000, "{name}: an unchanged export moves {again:?} bytes\n{}", second.log());
        let there = b.build(app.path(), &["-t", "app", "--cache-from", from]);
        let (_, down) = self.moved();
        assert_eq!(there.ran(), Vec::<String>::new(), "{}", there.log());
        let other = b.build(app2.path(), &["-t", "app2", "--cache-from", from]);
        let (_, down2) = self.moved();
        assert_eq!(other.ran(), ["RUN head -c 100000 /dev/urandom > /made-for-app2"], "{}", other.log());
        assert_eq!(a.inspect("app")["RootFS"], b.inspect("app")["RootFS"], "the same image on both machines");
        let seconds = [first, second, there, other].map(|built| built.took.as_secs_f32());
        common::say(&format!(
            "{name}: A builds and sends {up} bytes in {:.2} s; again {} bytes in {:.2} s; B gets {down} bytes in {:.2} s; \
             app2 on B gets {down2} bytes in {:.2} s",
            seconds[0],
            again.0 + again.1,
            seconds[1],
            seconds[2],
            seconds[3]
        ));
    }
}

/// Both modes of a cache that one text names for both directions.
fn both_modes(name: &str, base: &str, text: &dyn Fn(&str) -> String, env: &Env, meter: Option<&Meter>) {
    for mode in ["min", "max"] {
        let from = text(mode);
        let (name, to) = (format!("{name}, mode={mode}"), format!("{from},mode={mode}"));
        Scenario { name, base, to, from, env: env.clone(), meter }.run();
    }
}

#[test]
fn a_directory_carries_it() {
    let Some(registry) = Registry::start(&[]) else { return };
    let base = publish_base(&registry);
    let place = tempfile::tempdir().unwrap();
    for mode in ["min", "max"] {
        let cache = place.path().join(mode).display().to_string();
        let (to, from) = (format!("type=local,dest={cache},mode={mode}"), format!("type=local,src={cache}"));
        Scenario { name: format!("local, mode={mode}"), base: &base, to, from, env: Env::new(), meter: None }.run();
    }
}

#[test]
fn a_registry_carries_it() {
    let Some(registry) = Registry::start(&[]) else { return };
    let (base, meter) = (publish_base(&registry), Meter::new(&registry.host));
    let text = |mode: &str| format!("type=registry,ref={}/cache:{mode}", meter.host);
    both_modes("registry", &base, &text, &Env::new(), Some(&meter));
}

#[test]
fn a_bucket_carries_it() {
    let Some(registry) = Registry::start(&[]) else { return };
    let base = publish_base(&registry);
    for (name, bucket) in [("moto", Bucket::moto()), ("s3s-fs", Bucket::s3s())] {
        let Some(bucket) = bucket else { continue };
        let meter = Meter::new(&bucket.host);
        let text = |mode: &str| {
            let place = format!("bucket={BUCKET},region=us-east-1,endpoint_url=http://{}", meter.host);
            format!("type=s3,{place},prefix={mode}/")
        };
        both_modes(&format!("s3 ({name})"), &base, &text, &keys(), Some(&meter));
    }
}

/// The environment that opens a bucket.
pub(crate) fn keys() -> Env {
    let pairs = [("AWS_ACCESS_KEY_ID", "ID"), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[test]
fn githubs_service_carries_it() {
    let Some(registry) = Registry::start(&[]) else { return };
    let service = ActionsCache::start(&[("token", &["main"])]).unwrap();
    let env = Env::from([
        ("ACTIONS_RESULTS_URL".to_owned(), service.url()),
        ("ACTIONS_RUNTIME_TOKEN".to_owned(), "token".to_owned()),
    ]);
    let text = |mode: &str| format!("type=gha,scope={mode}");
    both_modes("gha", &publish_base(&registry), &text, &env, None);
}

#[test]
fn an_image_carries_it() {
    let Some(registry) = Registry::start(&[]) else { return };
    let (base, meter) = (publish_base(&registry), Meter::new(&registry.host));
    let (app, a, b) = (project(&base, "app"), Machine::new(), Machine::new());
    let image = format!("{}/team/app:1", meter.host);
    a.build(app.path(), &["-t", &image, "--push", "--cache-to", "type=inline"]);
    let pushed = a.run(&["manifest", "inspect", &image]);
    let built = b.build(app.path(), &["-t", &image, "--push", "--cache-to", "type=inline", "--cache-from", &image]);
    assert_eq!(built.ran(), Vec::<String>::new(), "{}", built.log());
    assert_eq!(b.run(&["manifest", "inspect", &image]), pushed, "the same image, its cache included");
    let upon = common::context(&[("Dockerfile", &format!("FROM {image}\nLABEL a=b\n"))]);
    b.build(upon.path(), &["-t", "upon"]);
    assert!(!b.run(&["inspect", "upon"]).contains("rbuild.cache"), "what is built upon it does not carry it on");
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
