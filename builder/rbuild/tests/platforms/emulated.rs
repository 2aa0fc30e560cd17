//! Steps of other platforms: run where the kernel has an emulator, refused before any work where it has none.

use crate::common::base;
use crate::world::{Emulators, World, arm64_busybox, arm64_emulator, has_private_emulators, platform};
use rbuild_oci::Platform;

#[test]
fn a_foreign_step_runs_in_the_emulator() {
    let (true, Some(qemu), Some(busybox)) = (has_private_emulators(), arm64_emulator("POF"), arm64_busybox()) else {
        return;
    };
    let dockerfile = "FROM --platform=$BUILDPLATFORM busybox AS build\nRUN uname -m > /native\nFROM busybox\n\
                      COPY --from=build /native /native\nRUN uname -m > /machine && chown 0:0 /machine && ls / | wc -l\n\
                      RUN [ \"$(cat /machine)\" != \"\" ]\nCMD [\"uname\", \"-m\"]\n";
    let images = vec![(Platform::native(), base::busybox()), (platform("linux/arm64"), base::around(&busybox))];
    let world = World::on(&[("Dockerfile", dockerfile)], images);
    let only = [qemu.as_str()];
    let arguments = ["--platform", "local,linux/arm64", "-t", "app", "-o", "type=local,dest=out"];
    world.attempt(Emulators::Only(&only), &arguments).ok();
    assert_eq!(world.text("out/linux_arm64/machine"), "aarch64\n");
    let native = format!("out/{}", Platform::native().to_string().replace('/', "_"));
    assert_eq!(world.text(&format!("{native}/machine")), world.text("out/linux_arm64/native"));
    let none = world.attempt(Emulators::Only(&[]), &arguments).ok();
    assert_eq!(none.started(), Vec::<String>::new(), "what is known needs no emulator");
    let ran = world.run(Emulators::Only(&only), &["run", "--rm", "--platform", "linux/arm64", "app"]).ok();
    assert_eq!(ran.out, "aarch64\n");
    let refused = world.run(Emulators::Only(&[]), &["run", "--rm", "--platform", "linux/arm64", "app"]);
    assert_eq!(refused.code, Some(125), "{}", refused.err);
    assert!(refused.err.contains("linux/arm64") && refused.err.contains("qemu-user-static"), "{}", refused.err);
}

#[test]
fn an_image_of_another_platform_is_built_upon_as_what_it_is() {
    let (true, Some(qemu), Some(busybox)) = (has_private_emulators(), arm64_emulator("POF"), arm64_busybox()) else {
        return;
    };
    let world = World::on(
        &[("Dockerfile", "FROM busybox\nRUN uname -m > /machine\n"), ("named/Dockerfile", "FROM app\nRUN uname -m\n")],
        vec![(platform("linux/arm64"), base::around(&busybox))],
    );
    let arguments = ["--platform", "linux/arm64", "-t", "app"];
    world.attempt(Emulators::Only(&[&qemu]), &arguments).ok();
    let file = ["-f", "context/named/Dockerfile", "-t", "child"];
    world.attempt(Emulators::Only(&[&qemu]), &file).ok();
    let inspected = world.print(&["inspect", "-f", "{{.Os}}/{{.Architecture}}", "child"]);
    assert_eq!(inspected, "linux/arm64\n");
    let refused = world.attempt(Emulators::Only(&[]), &[&file[..], &["--no-cache"]].concat());
    assert!(refused.err.contains("linux/arm64"), "{}", refused.err);
}

#[test]
fn without_an_emulator_nothing_is_begun() {
    if !has_private_emulators() {
        return;
    }
    let dockerfile = "FROM --platform=$BUILDPLATFORM busybox AS tools\nRUN echo begun\n\
                      FROM busybox AS server\nCOPY --from=tools /arch /tools\n\nRUN make \\\n  install\n";
    let world = World::new(&[("Dockerfile", dockerfile)]);
    let said = world.attempt(Emulators::Only(&[]), &["--platform", "linux/riscv64", "-t", "app"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    for expected in ["Dockerfile:6:1", "server 3/3]", "RUN make", "linux/riscv64", "apt-get install qemu-user-static"] {
        assert!(said.err.contains(expected), "{expected} in\n{}", said.err);
    }
    assert_eq!(said.started(), Vec::<String>::new());
    let blobs = std::fs::read_dir(world.path("store/blobs/sha256")).unwrap().count();
    assert_eq!(blobs, 0, "no layer was brought here");
}

#[test]
fn an_emulator_that_images_cannot_see_does_not_count() {
    let (true, Some(qemu)) = (has_private_emulators(), arm64_emulator("PO")) else { return };
    let world = World::new(&[("Dockerfile", "FROM busybox\nRUN true\n")]);
    let said = world.attempt(Emulators::Only(&[&qemu]), &["--platform", "linux/arm64"]);
    assert!(said.err.contains("without the flag F"), "{}", said.err);
}

#[test]
fn files_are_copied_for_any_platform() {
    if !has_private_emulators() {
        return;
    }
    let world = World::new(&[("Dockerfile", "FROM busybox\nCOPY f /f\nWORKDIR /w\n"), ("f", "x")]);
    let arguments = ["--platform", "linux/riscv64", "-t", "app", "-o", "type=local,dest=out"];
    world.attempt(Emulators::Only(&[]), &arguments).ok();
    assert_eq!((world.text("out/arch"), world.text("out/f")), ("linux/riscv64".to_owned(), "x".to_owned()));
}
