//! What a step leaves in the image: what its program did, and nothing of what was put around it.

use crate::image::Image;
use crate::world::{BARE_STAGE, World, for_everyone};

/// Mounts whose places the image does not have.
const MOUNTS: &str = "--mount=type=tmpfs,target=/deep/down/memory --mount=type=cache,target=/var/cache/tool \
     --mount=type=secret,id=token,target=/etc/app/token,required=false \
     --mount=type=bind,source=rootfs/etc,target=/seen --mount=type=bind,source=rootfs/etc/passwd,target=/one/file";

fn bare(world: &World, steps: &str) -> Image {
    world.build(&format!("{BARE_STAGE}{steps}\n")).image()
}

/// The last row of the history adds no layer.
fn ends_without_layer(image: &Image) -> bool {
    image.config["history"].as_array().unwrap().last().unwrap()["empty_layer"] == true
}

#[test]
fn a_step_that_does_nothing_adds_no_layer() {
    for_everyone(|world| {
        for step in ["RUN true", "RUN cat /etc/resolv.conf >/dev/null; ls / /dev /proc /sys >/dev/null"] {
            let image = bare(world, step);
            assert_eq!(image.layers.len(), 1, "{step} as {:?}: {:?}", world.user, image.layers.last());
            assert!(ends_without_layer(&image), "{}", image.config["history"]);
            let image = world.steps(step).image();
            assert_eq!(image.layers.len(), 1, "{step} as {:?}: {:?}", world.user, image.layers.last());
        }
    });
}

#[test]
fn mounts_leave_no_stubs() {
    for_everyone(|world| {
        let secret = world.path("scratch/token");
        std::fs::write(&secret, "hush").unwrap();
        let given = format!("id=token,src={}", secret.display());
        let step = "test -s /etc/app/token && test -d /deep/down/memory && test -s /seen/passwd && test -s /one/file";
        let build = |rest: &str| {
            let dockerfile = format!("{BARE_STAGE}RUN {MOUNTS} {step}{rest}\n");
            world.build(&dockerfile).args(["--secret", &given]).image()
        };
        let image = build("");
        assert_eq!(image.layers.len(), 1, "as {:?}: {:?}", world.user, image.layers.last());
        let image = build(" && echo x > /deep/down/memory/x && echo x > /var/cache/tool/x && echo kept > /kept");
        assert_eq!(image.last_paths(), ["kept"], "as {:?}", world.user);
    });
}

#[test]
fn what_is_written_beside_a_stub_stays_with_its_directory() {
    for_everyone(|world| {
        let image = bare(world, "RUN --mount=type=tmpfs,target=/deep/memory echo kept > /deep/kept");
        assert_eq!(image.last_paths(), ["deep", "deep/kept"], "as {:?}", world.user);
    });
}

#[test]
fn parents_of_stubs_keep_their_times() {
    for_everyone(|world| {
        let step = "RUN touch -d @1000000000 /etc /bin /tmp";
        let image = world.steps(&format!("{step}\nRUN {MOUNTS} true\nRUN ls /etc")).image();
        assert_eq!(image.layers.len(), 2, "as {:?}: {:?}", world.user, image.layers);
        let times: Vec<_> = image.layers[1].iter().map(|(path, entry)| (path.as_str(), entry.mtime)).collect();
        assert_eq!(times, [("bin", 1_000_000_000), ("etc", 1_000_000_000), ("tmp", 1_000_000_000)]);
        let image = world.steps(&format!("{step}\nRUN touch /etc/x && touch -d @1000000001 /etc")).image();
        assert_eq!(image.last_paths(), ["etc", "etc/x"], "as {:?}", world.user);
        assert_eq!(image.layers[2]["etc"].mtime, 1_000_000_001, "as {:?}", world.user);
    });
}

#[test]
fn what_is_written_into_mounts_is_gone() {
    for_everyone(|world| {
        let image =
            world.steps("RUN echo x > /dev/x; mkdir /dev/shm/y; echo z > /dev/shm/y/z; echo kept > /kept").image();
        assert_eq!(image.last_paths(), ["kept"], "as {:?}", world.user);
    });
}

#[test]
fn resolver_and_hosts_are_the_builds_and_the_host_name_file_is_the_images() {
    for_everyone(|world| {
        let image = world
            .steps(
                "RUN ! (echo 'nameserver 192.0.2.1' > /etc/resolv.conf) && ! (echo '192.0.2.2 x' >> /etc/hosts)\n\
                 RUN test ! -e /etc/hostname && echo other > /etc/hostname\nRUN grep other /etc/hostname",
            )
            .image();
        assert_eq!(image.last_paths(), ["etc", "etc/hostname"], "as {:?}", world.user);
    });
}

#[test]
fn the_images_own_files_below_the_mounts_are_not_touched() {
    for_everyone(|world| {
        world.write("own/resolv.conf", "the image's resolver\n");
        world.write("own/hosts", "the image's hosts\n");
        let steps =
            "COPY own/ /etc/\nCOPY own/hosts /dev/own\nRUN grep -c image /etc/hosts /dev/own || echo kept > /kept";
        let dockerfile = format!("{steps}\nFROM scratch AS last\nCOPY --from=0 / /\n");
        let image = world.steps(&dockerfile).image();
        let all = image.layers.last().unwrap();
        assert_eq!(all["etc/hosts"].body, b"the image's hosts\n");
        assert_eq!(all["etc/resolv.conf"].body, b"the image's resolver\n");
        assert_eq!(all["dev/own"].body, b"the image's hosts\n");
        assert!(all.contains_key("kept") && !all.contains_key("proc") && !all.contains_key("sys"), "{:?}", all.keys());
    });
}

#[test]
fn directories_that_a_step_makes_where_mounts_were_are_kept_by_the_next() {
    for_everyone(|world| {
        let said = world.said(
            "RUN --mount=type=tmpfs,target=/data echo lost > /data/lost\nRUN test ! -e /data && mkdir /data && echo a > /data/a\n\
             RUN --mount=type=tmpfs,target=/data test ! -e /data/a\nRUN cat /data/a",
        );
        assert_eq!(said, "a\n", "as {:?}", world.user);
    });
}

#[test]
fn deletions_are_whiteouts_and_nothing_else() {
    for_everyone(|world| {
        let image = world.steps("RUN rm /etc/group").image();
        assert_eq!(image.last_paths(), ["etc", "etc/.wh.group"], "as {:?}", world.user);
    });
}

#[test]
fn a_time_that_a_step_sets_is_kept_though_all_else_was_made_before() {
    for_everyone(|world| {
        let times = |steps: &str| {
            let image = bare(world, steps);
            let last = image.layers.last().unwrap();
            (last["x"].mtime, last["y"].mtime)
        };
        let step = |time: i64| format!("RUN echo x > /x && touch -d @{time} /x && echo y > /y");
        let ((first, _), (second, _)) = (times(&step(1_000_000_000)), times(&step(1_600_000_000)));
        assert_eq!((first, second), (1_000_000_000, 1_600_000_000), "as {:?}", world.user);
        assert_eq!(times("RUN echo x > /x && touch -d @0 /x && echo y > /y").0, 0, "as {:?}", world.user);
        let again = |env: &str| {
            let image = bare(world, &format!("ENV A={env}\nRUN echo y > /y && cp -p /y /x"));
            image.layers.last().unwrap()["y"].mtime
        };
        let before = again("1");
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert_eq!(before, again("2"), "as {:?}: times of the step itself are those of the first", world.user);
    });
}
