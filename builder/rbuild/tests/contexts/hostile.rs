//! Tarballs that mean harm.

use crate::lab::{Lab, entry, tarball};

const ALL: &[u8] = b"FROM scratch\nCOPY . /\n";

fn dockerfile() -> Vec<u8> {
    entry("Dockerfile", b'0', "", ALL)
}

#[test]
fn what_leads_out_of_a_tarball_is_refused() {
    let lab = Lab::new();
    let outside = lab.path("outside");
    for (bad, names) in [
        (entry("../outside", b'0', "", b"x"), "../outside"),
        (entry("a/../../outside", b'0', "", b"x"), "outside"),
        (entry("h", b'1', "../../etc/passwd", b""), "etc/passwd"),
        (entry("h", b'1', "missing", b""), "missing"),
    ] {
        let said = lab.refusal(&["-"], &tarball(&[dockerfile(), bad.clone()]));
        assert!(said.contains(names) && said.contains("standard input"), "{said}");
        let path = lab.file("bad.tar", &tarball(&[dockerfile(), bad]));
        let said = lab.refusal(&[path.to_str().unwrap()], b"");
        assert!(said.contains(names) && said.contains("bad.tar"), "{said}");
    }
    assert!(!outside.exists());
}

#[test]
fn names_and_links_from_the_root_are_those_of_the_tarball() {
    let lab = Lab::new();
    let marker = lab.file("marker", b"of this machine");
    let target = marker.to_str().unwrap();
    let entries = [
        dockerfile(),
        entry("/etc/passwd", b'0', "", b"of the tarball"),
        entry("out", b'2', target, b""),
        entry("dir", b'2', "/etc", b""),
        entry("dir/through", b'0', "", b"inside"),
    ];
    let files = lab.files(&["-"], &tarball(&entries));
    assert_eq!(files["etc/passwd"], "of the tarball");
    assert_eq!(files["out"], format!("-> {target}"));
    assert_eq!(files["etc/through"], "inside");
    assert!(!std::path::Path::new("/etc/through").exists());
    let said = lab.refusal(&["-f", "out", "-"], &tarball(&entries));
    assert!(said.contains("no file out"), "{said}");
    let said = lab
        .refusal(&["-f", "-", lab.file("t.tar", &tarball(&entries)).to_str().unwrap()], b"FROM scratch\nCOPY out /\n");
    assert!(said.contains("/out not found"), "{said}");
}

#[test]
fn what_breaks_off_or_lies_is_refused() {
    let lab = Lab::new();
    let whole = tarball(&[dockerfile(), entry("f", b'0', "", &vec![7; 4096])]);
    let mut lying = whole.clone();
    // The second header says that its file is larger than all that follows.
    lying.splice(1024 + 124..1024 + 135, *b"00000777777");
    for (bytes, names) in [(&whole[..3000], "standard input"), (&lying[..], "standard input")] {
        let said = lab.refusal(&["-"], bytes);
        assert!(said.contains(names), "{said}");
    }
    let mut bomb = vec![0x1f, 0x8b, 8, 0];
    bomb.extend_from_slice(&[0; 64]);
    assert!(lab.refusal(&["-"], &bomb).contains("cannot use the tarball on standard input"));
}
