//! Runs the transcripts below testdata/transcripts: README's commands among them. The store they share has an image
//! `busybox`, imported from this machine's static one.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::base::busybox;
use std::process::Command;

#[test]
fn transcripts_hold() {
    let home = common::public_dir();
    let store = home.path().join("store");
    let content = busybox();
    let rbuild = env!("CARGO_BIN_EXE_rbuild");
    content.tarball(&home.path().join("busybox.tar"));
    let import = ["import", "busybox.tar", "busybox"];
    let mut command = Command::new(rbuild);
    let done = command.args(import).current_dir(home.path()).env("RBUILD_ROOT", &store).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    trycmd::TestCases::new()
        .env("RBUILD_ROOT", store.to_str().unwrap())
        .register_bin("rbuild", std::path::Path::new(rbuild))
        .case("../../testdata/transcripts/*.trycmd");
}
