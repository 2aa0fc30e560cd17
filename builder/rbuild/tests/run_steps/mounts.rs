//! Mounts of a step: memory, caches, and files of contexts, stages and images.

use std::fs;

use crate::world::for_everyone;

#[test]
fn memory_is_empty_sized_and_gone() {
    for_everyone(|world| {
        let said = world.said(
            "RUN --mount=type=tmpfs,target=/m,size=1m ls -A /m; grep ' /m ' /proc/mounts | cut -d' ' -f3; \
             dd if=/dev/zero of=/m/x bs=65536 count=32 2>&1 | grep -c 'No space'; rm /m/x; echo x > /m/y\n\
             RUN test ! -e /m && echo gone",
        );
        assert_eq!(said, "tmpfs\n1\ngone\n", "as {:?}", world.user);
    });
}

#[test]
fn a_cache_outlives_the_build() {
    for_everyone(|world| {
        let step = |n: u32| format!("RUN --mount=type=cache,target=/c echo {n} >> /c/log; cat /c/log");
        assert_eq!(world.said(&step(1)), "1\n");
        assert_eq!(world.said(&step(2)), "1\n2\n");
        assert_eq!(world.said("RUN --mount=type=cache,target=/d,id=/c cat /d/log"), "1\n2\n", "the id is the target");
        assert_eq!(world.said("RUN --mount=type=cache,target=/c,id=other ls -A /c"), "");
        let namespace = ["--build-arg", "BUILDKIT_CACHE_MOUNT_NS=mine"];
        let said = world.steps("RUN --mount=type=cache,target=/c ls -A /c").args(namespace).ok().said();
        assert_eq!(said, "", "as {:?}", world.user);
    });
}

#[test]
fn a_cache_has_the_owner_and_mode_asked_for() {
    for_everyone(|world| {
        let step =
            "RUN --mount=type=cache,target=/c,uid=1234,gid=1235,mode=0700 stat -c '%a %u %g' /c && echo x > /c/x";
        let said =
            world.said(&format!("USER app\n{step}\nRUN --mount=type=cache,target=/plain stat -c '%a %u %g' /plain"));
        let owner = if world.user.has_one_id() { "0 0" } else { "1234 1235" };
        assert_eq!(said, format!("700 {owner}\n755 0 0\n"), "as {:?}", world.user);
    });
}

#[test]
fn a_cache_may_be_read_only_and_filled() {
    for_everyone(|world| {
        let steps = "FROM scratch AS full\nCOPY rootfs/etc /fill\nFROM scratch\nCOPY rootfs/ /\n\
             RUN --mount=type=cache,target=/c,from=full,source=/fill,readonly grep -c app /c/passwd; (echo x > /c/x) 2>/dev/null || echo refused\n\
             RUN --mount=type=cache,target=/c,from=full,source=/fill ls /c && echo more > /c/more\n\
             RUN --mount=type=cache,target=/c,from=full,source=/fill ls /c";
        let said = world.build(steps).ok().said();
        let said: Vec<&str> = said.lines().filter(|line| !line.contains("Read-only")).collect();
        assert_eq!(said, ["1", "refused", "group", "passwd", "group", "more", "passwd"], "as {:?}", world.user);
    });
}

#[test]
fn caches_that_begin_differently_are_different_caches() {
    for_everyone(|world| {
        let from = |content: &str| {
            format!(
                "FROM scratch AS full\nCOPY <<EOF /fill/f\n{content}\nEOF\nFROM scratch\nCOPY rootfs/ /\n\
                 RUN --mount=type=cache,target=/c,id=one,from=full,source=/fill cat /c/f; touch /c/x\n\
                 RUN --mount=type=cache,target=/c,id=one ls /c\n\
                 RUN --mount=type=cache,target=/c,id=one,mode=0700 stat -c %a /c\n"
            )
        };
        assert_eq!(world.build(&from("first")).ok().said(), "first\n700\n", "as {:?}", world.user);
        assert_eq!(world.build(&from("first")).ok().said(), "", "nothing changed");
        assert_eq!(world.build(&from("second")).ok().said(), "second\n", "as {:?}", world.user);
    });
}

#[test]
fn a_part_of_a_stage_is_keyed_by_what_is_in_it() {
    for_everyone(|world| {
        let build = |other: &str, step: &str| {
            let stages = format!("FROM scratch AS s\nCOPY <<EOF /d/f\nx\nEOF\nCOPY <<EOF /other\n{other}\nEOF\n");
            world.build(&format!("{stages}FROM scratch\nCOPY rootfs/ /\nRUN --mount=from=s,{step}\n")).ok().said()
        };
        assert_eq!(build("1", "source=d,target=/m ls /m"), "f\n");
        assert_eq!(build("2", "source=d,target=/m ls /m"), "", "as {:?}", world.user);
        assert_eq!(build("2", "source=other,target=/m cat /m"), "2\n");
        assert_eq!(build("3", "source=other,target=/m cat /m"), "3\n", "as {:?}", world.user);
    });
}

#[test]
fn a_source_is_a_name_and_no_pattern() {
    for_everyone(|world| {
        world.write("app/[id]/page", "page\n");
        let step = "RUN --mount=source=app/[id],target=/m cat /m/page";
        assert_eq!(world.said(step), "page\n", "as {:?}", world.user);
        let shown = world.steps("RUN --mount=source=ap*,target=/m ls /m").fails();
        assert!(shown.contains("ap*"), "{shown}");
    });
}

#[test]
fn a_part_of_a_cache_can_be_mounted_and_leads_nowhere_else() {
    for_everyone(|world| {
        let cache = |source: &str, step: &str| {
            world.steps(&format!("RUN --mount=type=cache,target=/c,id=parts{source} {step}"))
        };
        cache("", "mkdir -p /c/sub/in && echo part > /c/sub/in/f && ln -s /etc /c/evil && ln -s sub/in /c/good").ok();
        assert_eq!(cache(",source=sub/in", "cat /c/f && echo more > /c/g").ok().said(), "part\n");
        assert_eq!(cache(",source=/good/g", "cat /c").ok().said(), "more\n", "as {:?}", world.user);
        for missing in ["evil", "evil/passwd", "absent", "../../x"] {
            let shown = cache(&format!(",source={missing}"), "ls /c").fails();
            assert!(shown.contains(missing.trim_start_matches("../")), "{shown}");
        }
    });
}

/// Two stages that run at the same time, and a third that needs both.
fn two_stages(one: &str, two: &str) -> String {
    format!(
        "FROM scratch AS base\nCOPY rootfs/ /\nFROM base AS one\nRUN {one} > /said-one\nFROM base AS two\nRUN {two} > /said-two\n\
         FROM base\nCOPY --from=one /said-one /\nCOPY --from=two /said-two /\nRUN cat /said-one /said-two\n"
    )
}

#[test]
fn a_shared_cache_is_used_by_two_at_once() {
    for_everyone(|world| {
        let meet = |own: &str, other: &str| {
            format!(
                "--mount=type=cache,target=/c touch /c/{own}; n=0; \
                 while ! test -e /c/{other} && test $n -lt 100; do sleep 0.1; n=$((n+1)); done; \
                 test -e /c/{other} && echo met"
            )
        };
        let said = world.build(&two_stages(&meet("a", "b"), &meet("b", "a"))).ok().said();
        assert_eq!(said, "met\nmet\n", "as {:?}", world.user);
    });
}

#[test]
fn a_locked_cache_is_used_by_one_after_the_other() {
    for_everyone(|world| {
        let step = |n: u32| {
            format!(
                "--mount=type=cache,target=/c,sharing=locked test ! -e /c/busy && touch /c/busy && sleep 0.7 && rm /c/busy && echo {n}"
            )
        };
        assert_eq!(world.build(&two_stages(&step(1), &step(2))).ok().said(), "1\n2\n", "as {:?}", world.user);
    });
}

#[test]
fn a_private_cache_is_a_directory_for_each_at_once_and_one_for_all_in_turn() {
    for_everyone(|world| {
        let meet = |own: &str, other: &str| {
            format!(
                "--mount=type=cache,target=/p,id=private,sharing=private --mount=type=cache,target=/c touch /p/{own} /c/{own}; \
                 n=0; while ! test -e /c/{other} && test $n -lt 100; do sleep 0.1; n=$((n+1)); done; \
                 test -e /c/{other}; ls /p; sleep 0.3"
            )
        };
        assert_eq!(world.build(&two_stages(&meet("a", "b"), &meet("b", "a"))).ok().said(), "a\nb\n");
        let said = world.said("RUN --mount=type=cache,target=/p,id=private,sharing=private ls /p | wc -l");
        assert_eq!(said, "1\n", "as {:?}", world.user);
    });
}

#[test]
fn a_cache_that_is_locked_makes_others_wait() {
    for_everyone(|world| {
        let hold = "--mount=type=cache,target=/m,id=meet --mount=type=cache,target=/c,id=c,sharing=locked \
             touch /m/held; sleep 1; echo held > /c/x; cat /c/x";
        let share = "--mount=type=cache,target=/m,id=meet n=0; while ! test -e /m/held; do sleep 0.05; done\n\
             RUN --mount=type=cache,target=/c,id=c cat /c/x";
        let said = world.build(&two_stages(hold, share)).ok();
        assert!(said.said().contains("held"), "as {:?}: {}", world.user, said.shown);
    });
}

#[test]
fn a_step_may_mount_a_locked_cache_twice_and_two_may_name_them_in_any_order() {
    for_everyone(|world| {
        let mount = |target: &str, id: &str| format!("--mount=type=cache,target=/{target},id={id},sharing=locked");
        let (a, b, again) = (mount("a", "first"), mount("b", "second"), mount("again", "first"));
        let one = format!("{a} {b} {again} echo x > /a/x; cat /again/x; sleep 0.3");
        let two = format!("{b} {a} touch /b/y; ls /b; sleep 0.3");
        assert_eq!(world.build(&two_stages(&one, &two)).ok().said(), "x\ny\n", "as {:?}", world.user);
    });
}

#[test]
fn binds_show_files_of_the_context() {
    for_everyone(|world| {
        world.write("src/a/one", "1\n");
        world.write("src/two", "2\n");
        let said = world.said(
            "RUN --mount=type=bind,source=src,target=/s cat /s/a/one /s/two; (echo x > /s/x) 2>/dev/null || echo refused\n\
             RUN --mount=type=bind,source=src/two,target=/f cat /f; (echo x > /f) 2>/dev/null || echo refused\n\
             RUN --mount=source=src,target=/s,rw echo 3 > /s/two && cat /s/two && rm -r /s/a && ls /s\n\
             RUN --mount=source=src/two,target=/f,rw echo 4 > /f && cat /f\n\
             RUN --mount=source=src/two,target=/g,rw cat /g && stat -c '%a %u' /g\n\
             RUN --mount=source=src,target=/s cat /s/two /s/a/one\n\
             WORKDIR /w\nRUN --mount=target=. ls -d src rootfs",
        );
        let said: Vec<&str> = said.lines().filter(|line| !line.contains("Read-only")).collect();
        let expected = ["1", "2", "refused", "2", "refused", "3", "two", "4", "2", "644 0", "2", "1", "rootfs", "src"];
        assert_eq!(said, expected, "as {:?}", world.user);
        assert_eq!(fs::read(world.path("context/src/two")).unwrap(), b"2\n", "the context is not written to");
    });
}

#[test]
fn binds_show_files_of_stages_and_images() {
    for_everyone(|world| {
        world.build("FROM scratch\nCOPY rootfs/etc/group /image/file\n").args(["-t", "other:v1"]).ok();
        let other = format!("other=oci-layout://{}:other:v1", world.store().display());
        let dockerfile = "FROM scratch AS stage\nCOPY rootfs/ /\nRUN mkdir /out && echo made > /out/file && ln -s file /out/link && ln -s /etc/hostname /out/host\n\
             FROM scratch\nCOPY rootfs/ /\n\
             RUN --mount=from=stage,source=/out,target=/o cat /o/file /o/link; (echo x > /o/x) 2>/dev/null || echo refused\n\
             RUN --mount=from=stage,target=/all ls /all/out && cat /all/out/file\n\
             RUN --mount=from=stage,source=/out/file,target=/one,rw cat /one && echo lost > /one\n\
             RUN --mount=from=stage,source=/out/link,target=/one cat /one\n\
             RUN --mount=from=stage,target=/all,rw rm -r /all/out && ls -d /all/*\n\
             RUN --mount=from=stage,source=/out,target=/o cat /o/file\n\
             RUN --mount=from=other,source=/image,target=/i grep -c app /i/file";
        let said = world.build(dockerfile).args(["--build-context", &other]).ok().said();
        let said: Vec<&str> = said.lines().filter(|line| !line.contains("Read-only")).collect();
        let expected = [
            "made", "made", "refused", "file", "host", "link", "made", "made", "made", "/all/bin", "/all/etc",
            "/all/tmp", "made", "2",
        ];
        assert_eq!(said, expected, "as {:?}", world.user);
        let host = dockerfile.replace("source=/out/file,", "source=/out/host,");
        let shown = world.build(&host).args(["--build-context", &other]).fails();
        assert!(shown.contains("/out/host not found"), "as {:?}: {shown}", world.user);
    });
}

#[test]
fn what_a_bind_shows_is_part_of_the_key() {
    for_everyone(|world| {
        world.write("src/shown", "one\n");
        let step = "RUN --mount=source=src,target=/s cat /s/shown > /copy";
        assert_eq!(world.steps(step).image().layers[1]["copy"].body, b"one\n");
        world.write("beside", "not mounted\n");
        assert!(world.steps(step).ok().shown.contains("CACHED"), "what is beside is not");
        world.write("src/shown", "two\n");
        assert_eq!(world.steps(step).image().layers[1]["copy"].body, b"two\n");
    });
}

#[test]
fn a_link_in_the_context_leads_to_nothing_of_the_host() {
    for_everyone(|world| {
        let host = world.path("scratch/host-file");
        fs::write(&host, "of the host\n").unwrap();
        std::os::unix::fs::symlink(&host, world.path("context/evil")).unwrap();
        std::os::unix::fs::symlink(world.path("scratch"), world.path("context/evil-dir")).unwrap();
        for source in ["evil", "evil-dir", "evil-dir/host-file"] {
            let ended = world.steps(&format!("RUN --mount=source={source},target=/t cat /t /t/host-file; true")).end();
            assert!(!ended.shown.contains("of the host"), "{source} as {:?}: {}", world.user, ended.shown);
        }
    });
}

#[test]
fn a_link_in_the_image_does_not_lead_a_mount_out() {
    for_everyone(|world| {
        let host = world.path("scratch");
        let steps = format!(
            "RUN ln -s {0} /link && ln -s /../../..{0}/x /file\n\
             RUN --mount=type=tmpfs,target=/link/m --mount=source=rootfs/etc/group,target=/file test -d {0}/m && test -s {0}/x",
            host.display()
        );
        let image = world.steps(&steps).image();
        assert_eq!(image.last_paths(), ["file", "link"], "stubs go also behind links");
        assert!(!host.join("m").exists() && !host.join("x").exists(), "as {:?}", world.user);
    });
}

#[test]
fn a_source_that_is_missing_is_named() {
    for_everyone(|world| {
        let shown = world.steps("RUN --mount=source=no/such,target=/t true").fails();
        assert!(shown.contains("no/such"), "{shown}");
    });
}
