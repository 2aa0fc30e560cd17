//! How fast Dockerfiles and ignore files are read: `cargo bench -p dockerfile-parser`. Opens no file.

#![allow(clippy::unwrap_used)] // what is wrong with an input ends the bench

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use dockerfile_parser::ignore::{Matcher, Patterns};
use dockerfile_parser::lint::Linter;
use dockerfile_parser::{parse, parse_linted};

fn main() {
    divan::main();
}

/// A Dockerfile of so many stages, ten instructions each, with all that a reader has to mind.
fn dockerfile(stages: usize) -> String {
    let stage = |number: usize| {
        format!(
            "FROM debian:bookworm AS stage{number}\n\
             ARG VERSION={number}.0\n\
             ENV PATH=/opt/bin:$PATH NAME=\"stage ${{VERSION:-none}}\"\n\
             # what the next one needs\n\
             RUN --mount=type=cache,target=/var/cache/apt,sharing=locked apt-get update \\\n    && apt-get -y install a{number} \\\n    && rm -rf /var/lib/apt/lists\n\
             WORKDIR /srv/app\n\
             COPY --chown=1000:1000 --chmod=0755 src/ lib/*.c /srv/app/\n\
             COPY <<EOF /etc/app.conf\nname=$NAME\nlevel={number}\nEOF\n\
             HEALTHCHECK --interval=5s CMD [\"/srv/app/check\", \"--fast\"]\n\
             EXPOSE 80/tcp 443/udp\n\
             CMD [\"/srv/app/run\"]\n"
        )
    };
    (0..stages).map(stage).collect()
}

#[divan::bench(args = [1, 100])]
fn parse_stages(bencher: Bencher<'_, '_>, stages: usize) {
    let text = dockerfile(stages);
    bencher.counter(BytesCount::of_str(&text)).bench(|| parse(black_box(text.as_bytes())));
}

#[divan::bench(args = [1, 100])]
fn parse_and_lint_stages(bencher: Bencher<'_, '_>, stages: usize) {
    let text = dockerfile(stages);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| parse_linted(black_box(text.as_bytes()), &mut Linter::default()));
}

const IGNORED: &[u8] =
    b".git\n**/*.o\n**/node_modules\ntarget\n!target/release/app\n*.md\n!README.md\ntmp/[a-f]*/?.log\n";

/// Paths of a source tree, a part of which is ignored.
fn paths() -> Vec<Vec<u8>> {
    let ends = ["main.c", "main.o", "README.md", "notes.md", "node_modules/x/y.js"];
    let path = |number: usize| format!("src/part{}/module{number}/{}", number % 17, ends[number % ends.len()]);
    (0..1000).map(|number| path(number).into_bytes()).collect()
}

#[divan::bench]
fn ignore_a_thousand_paths(bencher: Bencher<'_, '_>) {
    let (matcher, paths) = (Matcher::new(Patterns::read(IGNORED).unwrap()), paths());
    let count = || paths.iter().filter(|path| matcher.matches(path).is_some_and(|verdict| verdict.ignored)).count();
    bencher.counter(ItemsCount::new(paths.len())).bench(count);
}
