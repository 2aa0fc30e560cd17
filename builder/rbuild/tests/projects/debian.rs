//! The Debian base that stands in where no registry answers, made by examples/debian-base.sh once and kept between runs
//! below the system's directory for temporary files: delete it to make it anew.

use crate::place::repository;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The base, as the source of a `--build-context`.
pub(crate) fn source() -> String {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let layout = MADE.get_or_init(|| {
        let user = rustix::process::geteuid().as_raw();
        let layout = std::env::temp_dir().join(format!("rbuild-projects-{user}/debian"));
        make(&layout);
        layout
    });
    format!("oci-layout://{}:debian:bookworm", layout.display())
}

fn make(layout: &Path) {
    let script = repository().join("examples/debian-base.sh");
    let made = Command::new(script).arg(layout).arg(env!("CARGO_BIN_EXE_rbuild")).output().unwrap();
    assert!(
        made.status.success(),
        "examples/debian-base.sh: {}\n{}{}(it needs root or sudo, debootstrap, and a Debian mirror)",
        made.status,
        String::from_utf8_lossy(&made.stdout),
        String::from_utf8_lossy(&made.stderr)
    );
}
