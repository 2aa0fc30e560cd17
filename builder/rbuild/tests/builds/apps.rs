//! Two applications that share what they share.

use crate::common::context;
use crate::tool::{Tool, Who};
use std::fs;
use std::time::{Duration, SystemTime};

fn dockerfile(copied: &str) -> String {
    format!(
        "FROM busybox\nRUN echo install python > /usr-python && sleep 0.1\nRUN echo install flask > /usr-flask\n\
         COPY {copied} /opt/source-code\nENTRYPOINT FLASK_APP=/opt/source-code/app.py flask run\n"
    )
}

/// The instructions of the steps that ran, less base images that were brought in, and the image.
fn started(tool: &Tool, context: &tempfile::TempDir, file: &str, tag: &str) -> (Vec<String>, String) {
    let path = context.path().join(file);
    let built = tool.build(context.path(), &["-f", path.to_str().unwrap(), "-t", tag]);
    (built.started().into_iter().filter(|step| !step.starts_with("FROM ")).collect(), built.id)
}

#[test]
fn the_second_app_reuses_the_base_and_both_runs() {
    for who in Who::all() {
        let tool = Tool::new(who);
        let context = context(&[
            ("Dockerfile", &dockerfile(".")),
            ("app2.Dockerfile", &dockerfile("app2.py")),
            ("app.py", "print('one')\n"),
            ("app2.py", "print('two')\n"),
        ]);
        let (first, app) = started(&tool, &context, "Dockerfile", "app");
        assert_eq!(first.len(), 3, "{first:?}");
        let (second, _) = started(&tool, &context, "app2.Dockerfile", "app2");
        assert_eq!(second, ["COPY app2.py /opt/source-code"]);

        let file = fs::File::options().write(true).open(context.path().join("app.py")).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
        let (touched, same) = started(&tool, &context, "Dockerfile", "app");
        assert_eq!((touched.len(), &same), (0, &app), "touching changes nothing");

        fs::write(context.path().join("app.py"), "print('new')\n").unwrap();
        let (edited, other) = started(&tool, &context, "Dockerfile", "app");
        assert_eq!(edited, ["COPY . /opt/source-code"]);
        assert_ne!(other, app);
        let (unrelated, _) = started(&tool, &context, "app2.Dockerfile", "app2");
        assert_eq!(unrelated, Vec::<String>::new());
    }
}
