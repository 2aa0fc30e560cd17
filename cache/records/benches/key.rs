//! How fast the key of a step is made, and its record found: `cargo bench -p rbuild-records`. Knows no step.

#![allow(clippy::unwrap_used)] // what is wrong with an input ends the bench

use divan::{Bencher, black_box};
use rbuild_oci::{Digest, Timestamp};
use rbuild_records::{CacheBackend, LocalBackend, Output, Recipe, Record};

fn main() {
    divan::main();
}

/// The recipe of a RUN with so many variables in its environment.
fn recipe(variables: usize) -> Recipe {
    let recipe = Recipe::new()
        .with("parent", Digest::of(b"parent").to_string())
        .with("command", "/bin/sh -c make && make install");
    (0..variables)
        .fold(recipe, |recipe, number| recipe.with(format!("env VARIABLE_{number}"), "a value of some length"))
}

#[divan::bench(args = [1, 10, 100])]
fn key_of_variables(bencher: Bencher<'_, '_>, variables: usize) {
    let recipe = recipe(variables);
    bencher.bench(|| black_box(&recipe).key());
}

#[divan::bench(args = [1, 1000])]
fn find_among_records(bencher: Bencher<'_, '_>, records: usize) {
    let place = tempfile::tempdir().unwrap();
    let cache = LocalBackend::new(place.path().to_owned());
    for number in 0..records {
        let (recipe, created) = (recipe(10).with("number", number.to_string()), Timestamp::from_seconds(0));
        cache.put(&Record { recipe, parent: None, output: Output::Unchanged, created }).unwrap();
    }
    let key = recipe(10).with("number", "0").key();
    bencher.bench(|| cache.get(black_box(&key)).unwrap().unwrap());
}
