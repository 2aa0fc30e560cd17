//! Without the right to change owners: the owner is written down, not made. The tests run themselves again as an
//! ordinary user.

use crate::fixture::{Item, OVERLAY, Taken, dir, file, node, pack, scan, target, unpack_as};
use rbuild_store::Device;
use rbuild_store::layer::{Entry, FileData, Node, Ownership, Packed, Recorded, Style, UnpackOptions, View};
use std::process::Command;

const USER: &str = "65534";

/// Runs `test` of this program as an ordinary user, if this is root; false if it is to be run here and now.
fn again_as_user(test: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        return false;
    }
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for path in [place.path(), &program] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    }
    let user = Command::new("setpriv")
        .args(["--reuid", USER, "--regid", USER, "--clear-groups"])
        .arg(&program)
        .args(["--exact", "--nocapture", test])
        .env("TMPDIR", place.path())
        .status();
    match user {
        Ok(status) => assert!(status.success(), "{test} failed as user {USER}"),
        Err(error) => eprintln!("SKIP: {test} needs setpriv to become an ordinary user: {error}"),
    }
    true
}

fn unpacked(
    packed: &Packed<Vec<u8>>,
    ownership: Ownership,
    style: Style,
) -> (crate::fixture::Target, rbuild_store::Result<Taken>) {
    let target = target();
    let options = UnpackOptions { style, ownership, below: &View::default() };
    let result = unpack_as(&packed.out, &target, &options);
    (target, result)
}

fn owned((entry, body): Item, uid: u32, gid: u32) -> Item {
    (Entry { uid, gid, ..entry }, body)
}

/// What a packer makes of the directory: records turned back into what they stand for.
fn read_back(items: Vec<Item>) -> Vec<Item> {
    let turn = |(mut entry, body): Item| {
        (entry.uid, entry.gid) = (0, 0);
        if let Some(recorded) = entry.xattrs.remove(Recorded::XATTR).and_then(|value| Recorded::decode(&value)) {
            (entry.uid, entry.gid) = (recorded.uid, recorded.gid);
            entry.node = match recorded.device {
                Some((rbuild_store::FileKind::BlockDevice, device)) => Node::BlockDevice(device),
                Some((_, device)) => Node::CharDevice(device),
                None => entry.node,
            };
        }
        (entry, body)
    };
    items.into_iter().map(turn).collect()
}

#[test]
fn owners_modes_and_devices_are_kept_without_the_right_to_make_them() {
    if again_as_user("ordinary::owners_modes_and_devices_are_kept_without_the_right_to_make_them") {
        return;
    }
    let device = Device { major: 8, minor: 300 };
    let mut closed = owned(dir("closed"), 7, 8);
    closed.0.mode = 0o500;
    let mut secret = owned(file("closed/secret", "s"), 1234, 50);
    secret.0.mode = 0o4400;
    let items = [
        dir(""),
        owned(node("block", Node::BlockDevice(device)), 0, 6),
        owned(node("char", Node::CharDevice(device)), 0, 0),
        closed,
        owned(dir("closed/deeper"), 9, 9),
        secret,
        node("pipe", Node::Fifo),
        node("to", Node::Symlink { target: b"closed".to_vec() }),
    ];
    let packed = pack(&items);
    for style in [Style::Plain, OVERLAY] {
        let (target, result) = unpacked(&packed, Ownership::Recorded, style);
        result.unwrap();
        let found = read_back(scan(&target.root));
        assert!(pack(&found).out == packed.out, "{found:?}");
        std::fs::set_permissions(
            target.holder.path().join("inside/closed"),
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )
        .unwrap();
    }
}

#[test]
fn devices_that_may_not_be_made_are_kept_where_owners_are_real() {
    if again_as_user("ordinary::devices_that_may_not_be_made_are_kept_where_owners_are_real") {
        return;
    }
    let id = USER.parse().unwrap();
    let mine = |item| owned(item, id, id);
    let device = Device { major: 1, minor: 3 };
    let items = [
        mine(dir("")),
        mine(node("block", Node::BlockDevice(device))),
        mine(node("char", Node::CharDevice(device))),
        mine(file("file", "f")),
    ];
    let packed = pack(&items);
    for style in [Style::Plain, OVERLAY] {
        let (target, result) = unpacked(&packed, Ownership::Apply, style);
        result.unwrap();
        let found: Vec<Item> = read_back(scan(&target.root)).into_iter().map(mine).collect();
        assert!(pack(&found).out == packed.out, "{found:?}");
    }
}

#[test]
fn what_needs_root_is_reported() {
    if again_as_user("ordinary::what_needs_root_is_reported") {
        return;
    }
    let mut entry = Entry::new("f", Node::File(FileData::unread(0)), 0o755);
    let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    entry.xattrs.insert(b"security.capability".to_vec(), capability.to_vec());
    let (_, result) = unpacked(&pack(&[(entry, Vec::new())]), Ownership::Recorded, Style::Plain);
    assert!(result.unwrap().unsupported.contains(&b"security.capability"[..]));
}
