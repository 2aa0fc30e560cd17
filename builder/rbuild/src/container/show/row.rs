//! A container as a row of `ps`, with every field that docker's templates know.

use super::Size;
use super::mounts::names;
use super::network::network_name;
use super::state::{phase, status};
use crate::container::model::MountKind;
use crate::container::shelf::{Entry, Status};
use crate::render::{Column, human};
use rbuild_oci::Timestamp;
use serde_json::{Value, json};

/// What decides how a row looks.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The time now.
    pub now: Timestamp,
    /// Whether ids, commands and mounts are shown in full.
    pub whole: bool,
    /// What the container's state means now.
    pub status: Status,
    /// How large it is, where that was asked for.
    pub size: Option<Size>,
}

/// The fields, and what stands above them.
pub const COLUMNS: [Column; 16] = [
    Column { field: "Command", heading: "COMMAND" },
    Column { field: "CreatedAt", heading: "CREATED AT" },
    Column { field: "HealthStatus", heading: "HEALTH STATUS" },
    Column { field: "ID", heading: "CONTAINER ID" },
    Column { field: "Image", heading: "IMAGE" },
    Column { field: "Labels", heading: "LABELS" },
    Column { field: "LocalVolumes", heading: "LOCAL VOLUMES" },
    Column { field: "Mounts", heading: "MOUNTS" },
    Column { field: "Names", heading: "NAMES" },
    Column { field: "Networks", heading: "NETWORKS" },
    Column { field: "Platform", heading: "PLATFORM" },
    Column { field: "Ports", heading: "PORTS" },
    Column { field: "RunningFor", heading: "CREATED" },
    Column { field: "Size", heading: "SIZE" },
    Column { field: "State", heading: "STATE" },
    Column { field: "Status", heading: "STATUS" },
];

/// The row.
pub fn row(entry: &Entry, columns: &Columns) -> Value {
    let config = &entry.config;
    let cut = |text: &str, width: usize| if columns.whole { text.to_owned() } else { human::ellipsis(text, width) };
    let labels: Vec<String> = config.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mounts: Vec<String> = names(config).iter().map(|name| cut(name, 15)).collect();
    let local = |kind: &MountKind| matches!(kind, MountKind::Volume(volume) if volume.driver.as_deref().is_none_or(|name| name == "local"));
    json!({
        "Command": quoted(&cut(&command(&config.argv), 20)),
        "CreatedAt": human::date(config.created),
        "HealthStatus": "",
        "ID": if columns.whole { config.id.hex() } else { config.id.short() },
        "Image": config.image.reference,
        "Label": config.labels,
        "Labels": labels.join(","),
        "LocalVolumes": config.mounts.iter().filter(|mount| local(&mount.kind)).count().to_string(),
        "Mounts": mounts.join(","),
        "Names": config.name,
        "Networks": network_name(config),
        "Platform": config.image.platform.as_ref().map(ToString::to_string).unwrap_or_default(),
        "Ports": entry.ports_text(&columns.status),
        "RunningFor": human::ago(config.created, columns.now),
        "Size": columns.size.map_or_else(|| "0B".to_owned(), size),
        "State": phase(&entry.state, &columns.status).word(),
        "Status": status(&entry.state, &columns.status, columns.now),
    })
}

/// A command on one line: words with a space in them stand in quotes.
fn command(argv: &[String]) -> String {
    let word = |(at, word): (usize, &String)| {
        if at > 0 && word.contains(' ') { format!("'{word}'") } else { word.clone() }
    };
    argv.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

/// In double quotes, as Go writes strings.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            control if control.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out + "\""
}

fn size(size: Size) -> String {
    let written = human::size(size.written);
    if size.whole == 0 { written } else { format!("{written} (virtual {})", human::size(size.whole)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::create::Identity;
    use crate::container::model::{ContainerId, Mount, Volume};
    use crate::container::shelf::{State, testing};

    const MADE: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn entry(argv: &[&str]) -> Entry {
        let id = ContainerId::parse(&"ab".repeat(32)).unwrap();
        let mut config = testing::config(Identity { id, name: "web".into(), created: MADE });
        config.argv = argv.iter().map(ToString::to_string).collect();
        config.labels = [("b".to_owned(), "2".to_owned()), ("a".to_owned(), String::new())].into();
        for (target, name) in [("/x", "a_volume_of_long_name"), ("/y", "v")] {
            let kind = MountKind::Volume(Volume { name: Some(name.to_owned()), ..Volume::default() });
            config.mounts.push(Mount { target: target.to_owned(), read_only: false, kind });
        }
        let finished = Timestamp::from_seconds(MADE.seconds + 60);
        Entry {
            config,
            state: State::Exited { code: 0, started: Some(MADE), finished, out_of_memory: false, error: None },
        }
    }

    fn shown(argv: &[&str], whole: bool, field: &str) -> String {
        let now = Timestamp::from_seconds(MADE.seconds + 7260);
        let size = Some(Size { written: 220, whole: 8_460_220 });
        row(&entry(argv), &Columns { now, whole, status: Status::Exited(0), size })[field].as_str().unwrap().to_owned()
    }

    #[test]
    fn fields_are_dockers() {
        for (field, short, whole) in [
            ("ID", "abababababab", &*"ab".repeat(32)),
            ("Command", r#""sh -c 'echo \"hi\" &&…""#, r#""sh -c 'echo \"hi\" && sleep 5'""#),
            ("CreatedAt", "2023-11-14 22:13:20 +0000 UTC", "2023-11-14 22:13:20 +0000 UTC"),
            ("RunningFor", "2 hours ago", "2 hours ago"),
            ("Status", "Exited (0) 2 hours ago", "Exited (0) 2 hours ago"),
            ("State", "exited", "exited"),
            ("Size", "220B (virtual 8.46MB)", "220B (virtual 8.46MB)"),
            ("Mounts", "a_volume_of_lo…,v", "a_volume_of_long_name,v"),
            ("LocalVolumes", "2", "2"),
            ("Labels", "a=,b=2", "a=,b=2"),
            ("Networks", "host", "host"),
            ("Ports", "", ""),
        ] {
            let argv = ["sh", "-c", "echo \"hi\" && sleep 5"];
            assert_eq!((&*shown(&argv, false, field), &*shown(&argv, true, field)), (short, whole), "{field}");
        }
        assert_eq!(shown(&["nop"], false, "Command"), "\"nop\"");
        let all = row(&entry(&["sh"]), &Columns { now: MADE, whole: false, status: Status::Exited(0), size: None });
        assert!(COLUMNS.iter().all(|column| all.get(column.field).is_some()));
    }
}
