//! More files than a build keeps in mind while it looks at them: they are walked over again, piece by piece, when they are
//! copied.

use crate::equal::{entries, last};
use crate::tool::{Tool, Who};
use rbuild_oci::Digest;
use rbuild_store::layer::Node;
use std::fs;

const DIRECTORIES: usize = 40;
const FILES: usize = 1_300;

#[test]
fn many_files_are_copied_with_their_links_and_replaced_by_a_later_source() {
    let context = tempfile::tempdir().unwrap();
    let place = |path: &str| context.path().join(path);
    fs::write(place("Dockerfile"), "FROM scratch\nCOPY src over /x/\n").unwrap();
    for directory in 0..DIRECTORIES {
        fs::create_dir_all(place(&format!("src/d{directory:02}"))).unwrap();
        for file in 0..FILES {
            fs::write(place(&format!("src/d{directory:02}/f{file:04}")), format!("{directory} {file}")).unwrap();
        }
    }
    // Names of one file, in several pieces of the walk; the first is replaced by the second source.
    for name in ["src/d20/link", "src/d39/link"] {
        fs::hard_link(place("src/d00/f0000"), place(name)).unwrap();
    }
    fs::create_dir_all(place("over/d00")).unwrap();
    fs::write(place("over/d00/f0000"), "over").unwrap();

    let tool = Tool::new(Who::Caller);
    tool.build(context.path(), &["-t", "x"]);
    let all = entries(&tool);
    let digest = |path: &str| last(&all, path).digest();
    assert_eq!(all.iter().filter(|entry| matches!(entry.node, Node::File(_))).count(), DIRECTORIES * FILES + 1);
    assert_eq!(digest("x/d00/f0000"), Digest::of(b"over"));
    assert_eq!(digest("x/d20/link"), Digest::of(b"0 0"), "the data went to the next name");
    assert_eq!(last(&all, "x/d39/link").node, Node::HardLink { target: b"x/d20/link".to_vec() });
    assert_eq!(digest("x/d07/f0700"), Digest::of(b"7 700"));

    fs::write(place("src/d07/f0700"), "changed").unwrap();
    let again = tool.build(context.path(), &["-t", "x"]);
    assert!(again.log().contains("src/d07/f0700"), "what was changed is named: {}", again.log());
    let all = entries(&tool);
    assert_eq!(last(&all, "x/d07/f0700").digest(), Digest::of(b"changed"));
    assert_eq!(last(&all, "x/d20/link").digest(), Digest::of(b"0 0"));
}
