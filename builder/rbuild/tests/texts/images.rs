//! The images and projects that the texts use, made of busybox. A megabyte of theirs is 20 kilobytes here.

use crate::common::base::{Content, busybox};
use crate::reader::Reader;
use std::fs;

/// Bytes of the base in the texts' example (120 MB).
pub(crate) const BASE: usize = 2_400_000;
/// Bytes that `apt-get install` adds (306 MB).
const PACKAGES: usize = 6_120_000;
/// Bytes that `pip install` adds (6.3 MB).
const LIBRARIES: usize = 126_000;
/// Bytes of the application (220 B, not scaled).
const SOURCE: usize = 220;

/// The Dockerfile of texts 003 and 004.
pub(crate) const DOCKERFILE: &str = "\
FROM ubuntu

RUN apt-get update && apt-get -y install python

RUN pip install flask flask-mysql

COPY . /opt/source-code

ENTRYPOINT FLASK_APP=/opt/source-code/app.py flask run
";

/// Their second one, of the application app2. Truth: without the slash at the end of COPY's line, which the texts leave
/// out, the application would become a file called source-code.
pub(crate) const DOCKERFILE2: &str = "\
FROM ubuntu

RUN apt-get update && apt-get -y install python

RUN pip install flask flask-mysql

COPY app2.py /opt/source-code/

ENTRYPOINT FLASK_APP=/opt/source-code/app2.py flask run
";

impl Reader {
    /// With the base of the example: a shell, and stand-ins for apt-get and, once that has run, pip and flask.
    pub(crate) fn with_ubuntu() -> Self {
        let reader = Self::new();
        let apt = format!(
            "#!/bin/sh\n[ \"$1\" = update ] && exit\nmkdir -p /usr/lib/python\n\
             head -c {PACKAGES} /dev/zero > /usr/lib/python/all\n\
             printf '#!/bin/sh\\nhead -c {LIBRARIES} /dev/zero > /usr/lib/python/flask\\n\
             ln -s /bin/flask.real /usr/bin/flask\\n' > /usr/bin/pip\nchmod +x /usr/bin/pip\n"
        );
        let flask = "#!/bin/sh\n[ -r \"$FLASK_APP\" ] || exit 4\necho \" * Serving Flask app '$FLASK_APP'\"\n";
        let content = busybox().dir("usr", 0o755).dir("usr/bin", 0o755).dir("usr/lib", 0o755).dir("opt", 0o755);
        let content = content.file("usr/bin/apt-get", 0o755, apt.as_bytes());
        reader.import("ubuntu", content.file("bin/flask.real", 0o755, flask.as_bytes()), BASE);
        reader
    }

    /// With the example application and its second variation in the working directory.
    pub(crate) fn with_applications() -> Self {
        let reader = Self::with_ubuntu();
        let app = |name: &str| {
            let text = format!("import os\nfrom flask import Flask\napp = Flask(__name__)  # {name}\n");
            text.clone() + &"#".repeat(SOURCE - 1 - text.len()) + "\n"
        };
        reader.write(&[
            ("Dockerfile", DOCKERFILE),
            ("Dockerfile2", DOCKERFILE2),
            ("app.py", &app("app")),
            ("app2.py", &app("app2")),
            (".dockerignore", "*\n!app*.py\n"),
            ("Dockerfile.dockerignore", "*\n!app.py\n"),
        ]);
        reader
    }

    /// With alpine as its makers build it: one archive, one command.
    pub(crate) fn with_alpine() -> Self {
        const SIZE: usize = 8_460_000;
        let reader = Self::new();
        let etc = padded(busybox().dir("data", 0o755).file("data/seed", 0o644, b"from the image\n"), SIZE);
        etc.tarball(&reader.path("alpine.tar"));
        fs::create_dir(reader.path("alpine")).unwrap();
        fs::rename(reader.path("alpine.tar"), reader.path("alpine/alpine-minirootfs.tar")).unwrap();
        fs::write(reader.path("alpine/Dockerfile"), "FROM scratch\nADD alpine-minirootfs.tar /\nCMD [\"/bin/sh\"]\n")
            .unwrap();
        reader.sees(&format!("docker build -q -t alpine {}", reader.path("alpine").display()));
        reader
    }

    /// Keeps a root file system as an image, padded to so many bytes in files.
    pub(crate) fn import(&self, name: &str, content: Content, size: usize) {
        let tarball = self.path(&format!("{name}.tar"));
        padded(content, size).tarball(&tarball);
        self.sees(&format!("docker import {} {name}", tarball.display()));
    }
}

/// With one more file, so that all files have so many bytes; as it is where they have more.
fn padded(content: Content, size: usize) -> Content {
    let more = size.saturating_sub(content.bytes());
    if more == 0 { content } else { content.dir("var", 0o755).file("var/padding", 0o644, &vec![0; more]) }
}
