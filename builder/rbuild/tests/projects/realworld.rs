//! Real Dockerfiles, read where they lie beside the repository and never copied into it, built to the end and tried.

use crate::common::{base, say, skip};
use crate::debian;
use crate::place::{Place, repository};
use crate::table::{Project, read};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Builds at once: they wait for the network most of the time.
const WORKERS: usize = 3;

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
        let names: BTreeSet<&String> =
            projects.iter().flat_map(|project| project.images.iter().map(|(_, name)| name)).collect();
        let names: Vec<&String> = names.into_iter().filter(|name| !self.images.contains_key(*name)).collect();
        let debian = format!("debian={}", self.images["debian"]);
        let failed = each(&names, |name| {
            let context = repository().join("testdata/realworld/images").join(name);
            let tag = format!("stand-in-{name}");
            self.place
                .build(&["-t", &tag, "--build-context", &debian, context.to_str().unwrap()])
                .map(|took| (took, tag))
        });
        assert!(failed.is_empty(), "{}", failed.join("\n\n"));
        self.images.extend(names.into_iter().map(|name| (name.clone(), format!("docker-image://stand-in-{name}"))));
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
        let tag = tag(project);
        let words = self.words(project, &tag);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let took = self.place.build(&words)?;
        let image = self.place.attempt(&["images", "--no-trunc", "-q", &tag])?;
        self.check(project, &tag)?;
        let again = self.place.attempt(&[&["build", "--progress", "plain"], &words[..]].concat())?;
        let ran: Vec<&str> = again.lines().filter(|line| line.contains(" DONE ")).collect();
        match self.place.attempt(&["images", "--no-trunc", "-q", &tag])? {
            same if same == image && ran.is_empty() => Ok(took),
            other => Err(format!("built again it is {other}, was {image}: {ran:?}")),
        }
    }

    /// The arguments of a project's build.
    fn words(&self, project: &Project, tag: &str) -> Vec<String> {
        let images = project.images.iter().map(|(name, source)| format!("{name}={}", self.images[source]));
        let folders = project.folders.iter().map(|(name, folder)| format!("{name}={}", self.context(folder)));
        let contexts = images.chain(folders).flat_map(|context| ["--build-context".to_owned(), context]);
        let dockerfile = self.corpus.join(&project.dockerfile);
        let mut words = vec!["-f".to_owned(), dockerfile.to_str().unwrap().to_owned(), "-t".to_owned(), tag.to_owned()];
        words.extend(contexts.chain(project.arguments.iter().cloned()));
        words.push(self.context(&project.context));
        words
    }

    fn check(&self, project: &Project, tag: &str) -> Result<(), String> {
        let mut said = String::new();
        for check in &project.checks {
            said = self.place.run(&[], tag, &check.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        if said.contains(&project.says) { Ok(()) } else { Err(format!("{:?} is not in\n{said}", project.says)) }
    }

    /// Builds all, says how long each took, and fails with all that failed.
    fn build_all(&self, projects: &[Project]) {
        let failed = each(projects, |project| match self.build(project) {
            Ok(took) => Ok((took, project.dockerfile.clone())),
            Err(error) => Err(format!("{}\n{error}", project.dockerfile)),
        });
        assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), projects.len(), failed.join("\n\n"));
    }
}

/// What the image of a project is called.
fn tag(project: &Project) -> String {
    project.dockerfile.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).collect::<Vec<_>>().join("-")
}

/// Does the work for each, some at once, and says how long each took; all that failed.
fn each<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<(Duration, String), String> + Sync) -> Vec<String> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            match work(item) {
                Ok((took, name)) => say(&format!("{:7.1} s  {name}", took.as_secs_f32())),
                Err(error) => failed.lock().unwrap().push(error),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(worker);
        }
    });
    failed.into_inner().unwrap()
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
