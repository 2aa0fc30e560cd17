//! A base image with device nodes, as many have them: an ordinary user, who may not make devices, builds on it too, and
//! to the same digest.

use crate::common::{base, context};
use crate::tool::{EPOCH, Tool, Who};

#[test]
fn who_may_not_make_devices_builds_on_an_image_that_has_them() {
    let context = context(&[(
        "Dockerfile",
        "FROM devices\nRUN test -e /opt/null && echo made > /file\nRUN chmod 600 /opt/other\nRUN rm /opt/null\n",
    )]);
    let mut seen = Vec::new();
    for who in Who::all() {
        for driver in ["overlay", "copy"] {
            let tool = Tool::new(who).with_driver(driver);
            let devices = base::busybox().dir("opt", 0o755).null("opt/null").null("opt/other");
            let layout = devices.layout("devices", &tool.path("devices"));
            let args = ["--build-context", &layout, "--build-arg", EPOCH];
            let first = tool.build(context.path(), &args);
            let again = tool.build(context.path(), &[&args[..], &["--no-cache"]].concat());
            seen.push((who, driver, first.id));
            seen.push((who, driver, again.id));
        }
    }
    let differing: Vec<_> = seen.iter().filter(|(_, _, id)| *id != seen[0].2).collect();
    assert!(differing.is_empty(), "not as {:?}: {differing:#?}", seen[0]);
}
