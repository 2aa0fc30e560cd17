//! Real Dockerfiles, read where they lie beside the repository and never copied into it, built to the end and tried.

use crate::common::{base, say, skip};
use crate::debian;
use crate::place::{Place, repository};
use crate::table::{Project, read};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The corpus, if it is there.
fn corpus() -> Option<PathBuf> {
    let corpus = repository().join("../shared/corpus/realworld");
    if !corpus.is_dir() {
        skip(&format!("real Dockerfiles: {} is not here", corpus.display()));
        return None;
    }
    Some(corpus)
}

fn projects() -> Vec<Project> {
    read(&std::fs::read_to_string(repository().join("testdata/realworld/projects")).unwrap())
}

/// A store with all that the projects are built on.
struct Yard {
    place: Place,
    corpus: PathBuf,
    /// What stands in for a FROM, as the sources of `--build-context`.
    images: BTreeMap<String, String>,
}

impl Yard {
    fn new(corpus: PathBuf) -> Self {
        let place = Place::new();
        let busybox = base::busybox_layout(place.path());
        let busybox = busybox.split_once('=').unwrap().1.to_owned();
        std::fs::create_dir(place.path().join("empty")).unwrap();
        Self { place, corpus, images: BTreeMap::from([("busybox".to_owned(), busybox)]) }
    }

    /// Builds what stands in for the images of the projects.
    fn furnish(&mut self, projects: &[Project]) {
        self.images.insert("debian".to_owned(), debian::source());
        for (_, name) in projects.iter().flat_map(|project| &project.images) {
            if self.images.contains_key(name) {
                continue;
            }
            let tag = format!("stand-in-{name}");
            let context = repository().join("testdata/realworld/images").join(name);
            let debian = format!("debian={}", self.images["debian"]);
            let took = self.place.build(&["-t", &tag, "--build-context", &debian, context.to_str().unwrap()]);
            say(&format!("{:7.1} s  {tag}", took.unwrap().as_secs_f32()));
            self.images.insert(name.clone(), format!("docker-image://{tag}"));
        }
    }

    fn context(&self, name: &str) -> String {
        let path = match name {
            "" => self.place.path().join("empty"),
            name => repository().join("testdata/realworld/contexts").join(name),
        };
        assert!(path.is_dir(), "{}", path.display());
        path.to_str().unwrap().to_owned()
    }

    /// Builds a project, tries what came of it, and builds it again, when nothing may be left to do; how long the first
    /// build took.
    fn build(&self, project: &Project) -> Result<Duration, String> {
        let words = self.words(project);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let took = self.place.build(&words)?;
        let image = self.place.attempt(&["images", "--no-trunc", "-q", "made"])?;
        self.check(project)?;
        let again = self.place.attempt(&[&["build", "--progress", "plain"], &words[..]].concat())?;
        let ran: Vec<&str> = again.lines().filter(|line| line.contains(" DONE ")).collect();
        match self.place.attempt(&["images", "--no-trunc", "-q", "made"])? {
            same if same == image && ran.is_empty() => Ok(took),
            other => Err(format!("built again it is {other}, was {image}: {ran:?}")),
        }
    }

    /// The arguments of a project's build.
    fn words(&self, project: &Project) -> Vec<String> {
        let images = project.images.iter().map(|(name, source)| format!("{name}={}", self.images[source]));
        let folders = project.folders.iter().map(|(name, folder)| format!("{name}={}", self.context(folder)));
        let contexts = images.chain(folders).flat_map(|context| ["--build-context".to_owned(), context]);
        let dockerfile = self.corpus.join(&project.dockerfile);
        let mut words =
            vec!["-f".to_owned(), dockerfile.to_str().unwrap().to_owned(), "-t".to_owned(), "made".to_owned()];
        words.extend(contexts.chain(project.arguments.iter().cloned()));
        words.push(self.context(&project.context));
        words
    }

    fn check(&self, project: &Project) -> Result<(), String> {
        let mut said = String::new();
        for check in &project.checks {
            said = self.place.run(&[], "made", &check.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        if said.contains(&project.says) { Ok(()) } else { Err(format!("{:?} is not in\n{said}", project.says)) }
    }

    /// Builds all, says how long each took, and fails with all that failed.
    fn build_all(&self, projects: &[Project]) {
        let mut failed = Vec::new();
        for project in projects {
            match self.build(project) {
                Ok(took) => say(&format!("{:7.1} s  {}", took.as_secs_f32(), project.dockerfile)),
                Err(error) => failed.push(format!("{}\n{error}", project.dockerfile)),
            }
        }
        assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), projects.len(), failed.join("\n\n"));
    }
}

#[test]
fn the_three_smallest_build() {
    let Some(corpus) = corpus() else { return };
    let projects: Vec<Project> = projects().into_iter().filter(|project| project.quick).collect();
    assert_eq!(projects.len(), 3);
    Yard::new(corpus).build_all(&projects);
}

#[test]
#[ignore = "needs the network and minutes; .ci/full runs it"]
fn all_build() {
    let Some(corpus) = corpus() else { return };
    let projects = projects();
    let mut yard = Yard::new(corpus);
    yard.furnish(&projects);
    yard.build_all(&projects);
}

#[test]
fn the_table_names_what_is_there() {
    let folder = repository().join("testdata/realworld");
    let projects = projects();
    assert!(projects.len() >= 15, "{} projects", projects.len());
    for project in &projects {
        let contexts = project.folders.iter().map(|(_, folder)| folder).chain([&project.context]);
        for context in contexts {
            assert!(folder.join("contexts").join(context).is_dir(), "{}: context {context}", project.dockerfile);
        }
        for (_, image) in &project.images {
            let made = ["busybox", "debian"].contains(&image.as_str());
            assert!(made || folder.join("images").join(image).is_dir(), "{}: image {image}", project.dockerfile);
        }
    }
}
