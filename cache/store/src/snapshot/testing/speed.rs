//! What a step costs beside its work, for each driver that works here: a draft of a large tree is made, one file of it
//! changes, and it is committed. A measurement, not a test: `the_speed_of_drivers_on_disks` calls it.

use super::drivers::with_each;
use super::{Build, Layers};
use crate::layer::LayerWriter;
use crate::snapshot::{Place, pack, view};
use rbuild_oci::{Cancel, ChainId};
use std::time::Instant;

const DIRECTORIES: usize = 100;
const FILES: usize = 100;
const SIZE: usize = 20 << 10;

#[test]
fn drafts_of_a_large_tree() {
    if std::env::var("RBUILD_TEST_SPEED").is_err() {
        eprintln!("SKIP: a measurement: set RBUILD_TEST_SPEED");
        return;
    }
    with_each(|name, driver, _| {
        let (layers, cancel) = (Layers::default(), Cancel::default());
        let mut build = Build::new(driver, &layers, None);
        build.step(|at| {
            for directory in 0..DIRECTORIES {
                at.files(&[&format!("d{directory}/")]);
                for file in 0..FILES {
                    at.file(&format!("d{directory}/f{file}"), &vec![file as u8; SIZE]);
                }
            }
        });
        let mut took = Vec::new();
        let began = Instant::now();
        let draft = driver.prepare(&build.stack, Place::Temporary, &cancel).unwrap();
        took.push(began.elapsed());
        super::World::enter(draft.rootfs()).append("d5/f5", b"more");
        let began = Instant::now();
        let base = view(&build.stack);
        let changes = driver.changes(&draft, &base, &cancel).unwrap();
        took.push(began.elapsed());
        let packed = pack(&draft, changes.entries, LayerWriter::new(Vec::new(), None, cancel)).unwrap();
        let chain = ChainId::extend(build.stack.last().map(|layer| &layer.chain), &packed.diff_id);
        let began = Instant::now();
        driver.commit(draft, &chain, &packed.index).unwrap();
        took.push(began.elapsed());
        let ms: Vec<_> = took.iter().map(|took| format!("{:.1} ms", took.as_secs_f64() * 1e3)).collect();
        println!("{name}: prepare, changes, commit: {}", ms.join(", "));
    });
}
