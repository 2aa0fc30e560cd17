//! Tarballs in files, and Dockerfiles outside of their contexts.

use crate::lab::{Lab, tar};

#[test]
fn a_tarball_in_a_file_is_a_context() {
    let lab = Lab::new();
    lab.file("c/Dockerfile", b"FROM scratch\nCOPY f /\n");
    lab.file("c/f", b"in\n");
    lab.file("c.tar", &tar(&lab.path("c"), &[]));
    lab.file("c.tgz", &tar(&lab.path("c"), &["-z"]));
    lab.file("named-as-it-likes", &tar(&lab.path("c"), &["-J"]));
    for name in ["c.tar", "./c.tgz", "named-as-it-likes"] {
        assert_eq!(lab.files(&[name], b"")["f"], "in\n", "{name}");
    }
    assert_eq!(lab.files(&["-f", "-", "c.tar"], b"FROM scratch\nCOPY f /g\n")["g"], "in\n");
    // The same files are the same steps, wherever they come from.
    let again = lab.build(&["c.tar"], b"");
    assert!(again.log.contains("CACHED") && !again.log.contains("#1 DONE"), "{}", again.log);
}

#[test]
fn a_dockerfile_may_lie_outside_with_an_ignore_file_of_its_own() {
    let lab = Lab::new();
    lab.file("c/f", b"f");
    lab.file("c/g", b"g");
    lab.file("c/.dockerignore", b"f\n");
    lab.file("out/My.Dockerfile", b"FROM scratch\nCOPY . /\n");
    assert_eq!(
        lab.files(&["-f", "out/My.Dockerfile", "c"], b"").into_keys().collect::<Vec<_>>(),
        [".dockerignore", "g"]
    );
    lab.file("out/My.Dockerfile.dockerignore", b"g\n.*\n");
    assert_eq!(lab.files(&["-f", "out/My.Dockerfile", "c"], b"").into_keys().collect::<Vec<_>>(), ["f"]);
}

#[test]
fn a_lower_case_dockerfile_is_found_where_there_is_no_other() {
    let lab = Lab::new();
    lab.file("c/dockerfile", b"FROM scratch\nCOPY dockerfile /lower\n");
    assert!(lab.files(&["c"], b"").contains_key("lower"));
    lab.file("c/Dockerfile", b"FROM scratch\nCOPY Dockerfile /upper\n");
    assert!(lab.files(&["c"], b"").contains_key("upper"));
}
