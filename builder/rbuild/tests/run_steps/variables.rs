//! The environment of a step: ENV, ARG, HOME, PATH, proxies.

use crate::world::for_everyone;

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The lines of a text, sorted.
fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn there_is_nothing_but_path_and_home() {
    for_everyone(|world| {
        let said = world.steps("RUN [\"/bin/env\"]").env("LANG", "C").env("SOME_SECRET", "x").ok().said();
        assert_eq!(sorted(&said), ["HOME=/root", PATH], "as {:?}", world.user);
    });
}

#[test]
fn env_and_args_are_there_from_where_they_stand() {
    for_everyone(|world| {
        let dockerfile = "FROM scratch\nARG EARLY=e\nENV A=1 B=\"two words\"\nCOPY rootfs/ /\n\
             RUN [\"/bin/env\"]\nARG LATE\nARG A=arg\nENV HOME=/elsewhere\nRUN [\"/bin/env\"]\n";
        let ended = world.build(dockerfile).args(["--build-arg", "LATE=given"]).ok();
        let first = String::from_utf8_lossy(&ended.logs[0]).into_owned();
        assert_eq!(sorted(&first), ["A=1", "B=two words", "EARLY=e", "HOME=/root", PATH]);
        let second = String::from_utf8_lossy(&ended.logs[1]).into_owned();
        assert_eq!(sorted(&second), ["A=arg", "B=two words", "EARLY=e", "HOME=/elsewhere", "LATE=given", PATH]);
    });
}

#[test]
fn proxies_are_seen_and_leave_no_trace() {
    for_everyone(|world| {
        let step = "RUN env | grep -ci '^http_proxy=' > /count; echo $HTTP_PROXY $http_proxy $no_proxy";
        let args = ["--build-arg", "HTTP_PROXY=http://proxy.test:3128", "--build-arg", "no_proxy=inside.test"];
        let ended = world.steps(step).args(args).args(["-t", "result"]).ok();
        assert_eq!(ended.said(), "http://proxy.test:3128 http://proxy.test:3128 inside.test\n");
        let image = crate::image::Image::read(&world.store(), "result");
        assert_eq!(image.layers[1]["count"].body, b"2\n");
        assert!(!image.contains("proxy.test") && !image.contains("inside.test"), "{}", image.config);
        let other = world.steps(step).args(["--build-arg", "HTTP_PROXY=http://other.test"]).ok();
        assert!(other.logs.is_empty(), "a proxy changes no key: {}", other.shown);
    });
}
