//! USER, WORKDIR and SHELL of a step.

use crate::world::{for_everyone, skip};

#[test]
fn accounts_are_found_behind_links() {
    for_everyone(|world| {
        let steps = "RUN mkdir /real && mv /etc/passwd /real/p && ln -s /real/p /etc/passwd && \
             mv /etc/group /etc/g && ln -s g /etc/group\nUSER app:extra\nWORKDIR /made\n\
             COPY --chown=app:staff rootfs/etc/group /own\nRUN id -u; id -g; stat -c '%u %g' /made /own";
        let said = world.said(steps);
        let expected = if world.user.has_one_id() { "0\n0\n0 0\n0 0\n" } else { "1234\n2345\n1234 2345\n1234 50\n" };
        assert_eq!(said, expected, "as {:?}", world.user);
    });
}

#[test]
fn a_working_directory_is_no_file() {
    for_everyone(|world| {
        let shown = world.steps("WORKDIR /etc/passwd").fails();
        assert!(shown.contains("/etc/passwd is not a directory"), "as {:?}: {shown}", world.user);
    });
}

#[test]
fn a_user_is_who_the_image_says() {
    for_everyone(|world| {
        for (user, uid, gid, groups, home) in [
            ("root", 0, 0, "0", "/root"),
            ("app", 1234, 1235, "1235 2345", "/home/app"),
            ("1234", 1234, 1235, "1235 2345", "/home/app"),
            ("app:staff", 1234, 50, "50", "/home/app"),
            ("1234:50", 1234, 50, "50", "/home/app"),
            ("app:0", 1234, 0, "0", "/home/app"),
            ("daemon", 1, 1, "1 2345", "/usr/sbin"),
            ("4321", 4321, 0, "0", "/"),
            ("4321:8765", 4321, 8765, "8765", "/"),
        ] {
            let said = world.said(&format!("USER {user}\nRUN echo $(id -u) $(id -g) \"<$(id -G)>\" $HOME"));
            let expected = if world.user.has_one_id() {
                format!("0 0 {home}\n")
            } else {
                format!("{uid} {gid} <{groups}> {home}\n")
            };
            let said = if world.user.has_one_id() {
                let words: Vec<&str> = said.split_whitespace().collect();
                format!("{} {} {}\n", words[0], words[1], words[words.len() - 1])
            } else {
                said
            };
            assert_eq!(said, expected, "USER {user} as {:?}", world.user);
        }
    });
}

#[test]
fn what_a_user_makes_is_theirs() {
    for_everyone(|world| {
        if world.user.has_one_id() {
            skip(&format!("owners as {:?}: there is no other id", world.user));
            return;
        }
        let image = world.steps("USER app\nRUN echo mine > /tmp/x; test ! -w /etc/passwd").image();
        assert_eq!(image.last_paths(), ["tmp", "tmp/x"]);
        assert_eq!(image.layers[1]["tmp/x"].owner, (1234, 1235));
        assert_eq!(image.layers[1]["tmp"].owner, (0, 0));
    });
}

#[test]
fn an_unknown_user_is_named() {
    for_everyone(|world| {
        let unknown =
            [("ghost", "ghost"), ("app:ghosts", "ghosts"), ("ghost:staff", "ghost"), ("4294967295", "4294967295")];
        for (user, name) in unknown {
            let shown = world.steps(&format!("USER {user}\nRUN true")).fails();
            assert!(shown.contains("RUN true") && shown.contains(&format!("{name:?}: no such entry")), "{shown}");
        }
    });
}

#[test]
fn one_id_is_told_in_a_note() {
    for_everyone(|world| {
        let shown = world.steps("RUN true").ok().shown;
        assert_eq!(shown.contains("NOTE:") && shown.contains("subuid"), world.user.has_one_id(), "{shown}");
    });
}

#[test]
fn the_working_directory_is_made_and_entered() {
    for_everyone(|world| {
        let said = world.said("RUN pwd\nWORKDIR /a/b\nRUN pwd\nWORKDIR c\nRUN pwd && echo x > y\nRUN ls /a/b/c");
        assert_eq!(said, "/\n/a/b\n/a/b/c\ny\n");
    });
}

#[test]
fn the_shell_is_the_one_set() {
    for_everyone(|world| {
        let said = world.said(
            "RUN echo $0\nSHELL [\"/bin/echo\", \"shell\", \"-x\"]\nRUN one two $HOME\n\
             SHELL [\"/bin/sh\", \"-ec\"]\nRUN false || echo survived; echo $-\n\
             RUN [\"/bin/echo\", \"$HOME\", \"a  b\"]",
        );
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[..3], ["/bin/sh", "shell -x one two $HOME", "survived"]);
        assert!(lines[3].contains('e') && lines[4] == "$HOME a  b", "{said}");
    });
}
