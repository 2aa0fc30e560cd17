//! testdata/realworld/projects as values: which Dockerfile is built with what. The head of that file says what its
//! lines mean.

/// A Dockerfile and what it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Project {
    /// Path below the corpus.
    pub(crate) dockerfile: String,
    /// Folder of contexts/; empty for an empty context.
    pub(crate) context: String,
    /// Names of a FROM and what stands in for each.
    pub(crate) images: Vec<(String, String)>,
    /// Named contexts and their folders of contexts/.
    pub(crate) folders: Vec<(String, String)>,
    /// `--target`, `--build-arg` and what follows each, as typed.
    pub(crate) arguments: Vec<String>,
    /// Commands that end well in the image.
    pub(crate) checks: Vec<Vec<String>>,
    /// What the last check prints.
    pub(crate) says: String,
    /// One of the three that need no network.
    pub(crate) quick: bool,
}

/// All projects, in the order of the file.
pub(crate) fn read(text: &str) -> Vec<Project> {
    let mut projects: Vec<Project> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        match line.strip_prefix("  ") {
            None => projects.push(Project { dockerfile: line.to_owned(), ..Project::default() }),
            Some(line) => add(projects.last_mut().expect("a Dockerfile comes first"), line),
        }
    }
    projects
}

fn add(project: &mut Project, line: &str) {
    let (key, value) = line.split_once(' ').unwrap_or((line, ""));
    let pair = || {
        let (name, source) = value.split_once(" = ").unwrap_or_else(|| panic!("'{line}' has no ' = '"));
        (name.to_owned(), source.to_owned())
    };
    match key {
        "context" => value.clone_into(&mut project.context),
        "image" => project.images.push(pair()),
        "folder" => project.folders.push(pair()),
        "target" => project.arguments.extend(["--target".to_owned(), value.to_owned()]),
        "arg" => project.arguments.extend(["--build-arg".to_owned(), value.to_owned()]),
        "check" => project.checks.push(value.split(' ').map(str::to_owned).collect()),
        "says" => value.clone_into(&mut project.says),
        "quick" => project.quick = true,
        _ => panic!("'{line}' begins with no word of the table"),
    }
}
