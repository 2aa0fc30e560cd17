//! PURE. Dockerfile instructions that change the configuration of an image, as `import --change` and `commit --change`
//! take them: read by the language's own parser, with the meaning that they have in a Dockerfile. Knows no store.

use crate::error::{Error, Result};
use dockerfile_parser::lint::Linter;
use rbuild_graph::{Answer, Answers, Ask, ImageSource, NamedContext, Outcome, Request, lower};
use rbuild_oci::{ContainerConfig, Digest, ImageConfig, Platform};

/// What docker lets an import or commit change.
const CHANGES: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// What stands for the image in the Dockerfile that the instructions are read in.
const BASE: &str = "base";

/// The settings that the instructions make of those of `base`, or of none.
pub(crate) fn changed(changes: &[String], base: Option<&ImageConfig>) -> Result<ContainerConfig> {
    if let (Some(base), []) = (base, changes) {
        return Ok(base.config.clone());
    }
    let from = base.map_or("scratch", |_| BASE);
    let file = dockerfile_parser::parse(format!("FROM {from}\n{}\n", changes.join("\n")).as_bytes())?;
    for instruction in file.instructions.iter().skip(1) {
        let keyword = instruction.keyword.to_str_lossy().to_ascii_uppercase();
        if !CHANGES.contains(&keyword.as_str()) {
            return Err(Error::Usage(format!("--change cannot be {keyword}: use one of {}", CHANGES.join(", "))));
        }
    }
    let platform = base.map_or_else(Platform::native, ImageConfig::platform);
    let mut request = Request::new(platform.clone());
    let mut answers = Answers::new();
    if let Some(base) = base {
        // Instructions that wait for a build stay what they are.
        let mut config = base.clone();
        let waiting = std::mem::take(&mut config.config.on_build);
        request.named_contexts.insert(BASE.to_owned(), NamedContext::Image(BASE.to_owned()));
        let ask = Ask { image: ImageSource::Context(BASE.to_owned()), platform };
        answers.insert(ask, Answer { manifest: Digest::of(b""), config });
        let mut made = finished(lower(&file, &request, &answers, &mut Linter::default())?)?;
        made.on_build.splice(0..0, waiting);
        return Ok(made);
    }
    finished(lower(&file, &request, &answers, &mut Linter::default())?)
}

fn finished(outcome: Outcome) -> Result<ContainerConfig> {
    match outcome {
        Outcome::Done(graph) => {
            let target = graph.targets.into_iter().next();
            Ok(target.map(|target| target.config.config).unwrap_or_default())
        }
        Outcome::Need(_) => Err(Error::Usage("--change cannot name an image".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(changes: &[&str], base: Option<&str>) -> String {
        let base = base.map(|json| {
            let json = format!(
                r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":[]}},"config":{json}}}"#
            );
            ImageConfig::from_json(json.as_bytes()).unwrap()
        });
        let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
        match changed(&changes, base.as_ref()) {
            Ok(config) => serde_json::to_string(&config).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn instructions_change_what_is_there() {
        let base =
            r#"{"Env":["PATH=/bin","A=1"],"Entrypoint":["app"],"Cmd":["x"],"WorkingDir":"/srv","OnBuild":["RUN a"]}"#;
        for (changes, expected) in [
            (&[][..], base),
            (
                &["ENV A=2 B=$A"],
                r#"{"Env":["PATH=/bin","A=2","B=1"],"Entrypoint":["app"],"Cmd":["x"],"WorkingDir":"/srv","OnBuild":["RUN a"]}"#,
            ),
            (
                &["CMD [\"y\"]", "WORKDIR data"],
                r#"{"Env":["PATH=/bin","A=1"],"Entrypoint":["app"],"Cmd":["y"],"ArgsEscaped":true,"WorkingDir":"/srv/data","OnBuild":["RUN a"]}"#,
            ),
            (
                &["ONBUILD RUN b"],
                r#"{"Env":["PATH=/bin","A=1"],"Entrypoint":["app"],"Cmd":["x"],"WorkingDir":"/srv","OnBuild":["RUN a","RUN b"]}"#,
            ),
            (&["RUN x"], &*format!("--change cannot be RUN: use one of {}", CHANGES.join(", "))),
        ] {
            assert_eq!(show(changes, Some(base)), expected, "{changes:?}");
        }
        assert_eq!(
            show(&["USER app", "EXPOSE 80", "LABEL a=b"], None),
            concat!(
                r#"{"User":"app","ExposedPorts":{"80/tcp":{}},"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"#,
                r#""WorkingDir":"/","Labels":{"a":"b"}}"#
            )
        );
    }
}
