//! Docker's `Config` of a container: what it starts, as it was asked for.

use crate::container::model::Config;
use rbuild_oci::ContainerConfig;
use serde_json::{Map, Value, json};

/// The object; `image` is what the image says.
pub(super) fn object(config: &Config, image: &ContainerConfig) -> Value {
    let (entrypoint, cmd) = words(config);
    let mut all = json!({
        "Hostname": config.hostname,
        "Domainname": config.domainname,
        "User": config.user,
        "AttachStdin": config.interactive,
        "AttachStdout": true,
        "AttachStderr": true,
        "ExposedPorts": exposed(config, image),
        "Tty": config.terminal,
        "OpenStdin": config.interactive,
        "StdinOnce": config.interactive,
        "Env": env(config),
        "Cmd": cmd,
        "Healthcheck": image.healthcheck,
        "Image": config.image.reference,
        "Volumes": volumes(image),
        "WorkingDir": config.cwd,
        "Entrypoint": entrypoint,
        "OnBuild": null_if_empty(&image.on_build),
        "Labels": config.labels,
        "StopSignal": config.stop_signal,
    });
    if let Some(map) = all.as_object_mut() {
        map.retain(|name, value| match name.as_str() {
            "ExposedPorts" | "StopSignal" => !is_empty(value),
            "Healthcheck" => !value.is_null(),
            _ => true,
        });
    }
    all
}

/// The image's ports and those of the command line.
fn exposed(config: &Config, image: &ContainerConfig) -> Map<String, Value> {
    let own = config.ports.expose.iter().map(ToString::to_string);
    image.exposed_ports.keys().cloned().chain(own).map(|port| (port, json!({}))).collect()
}

/// The entrypoint and the command; none where there are no words.
pub(crate) fn words(config: &Config) -> (Option<&[String]>, Option<&[String]>) {
    let (entrypoint, cmd) = config.argv.split_at(config.entrypoint.min(config.argv.len()));
    (Some(entrypoint).filter(|words| !words.is_empty()), Some(cmd).filter(|words| !words.is_empty()))
}

/// The variables that the image and the user set: docker adds those of the moment when it starts.
pub(crate) fn env(config: &Config) -> Vec<String> {
    let hostname = format!("HOSTNAME={}", config.hostname);
    let is_of_the_moment = |pair: &str| pair == hostname || config.terminal && pair == "TERM=xterm";
    config.env.iter().filter(|pair| !is_of_the_moment(pair)).cloned().collect()
}

fn volumes(image: &ContainerConfig) -> Value {
    if image.volumes.is_empty() {
        return Value::Null;
    }
    image.volumes.iter().map(|(path, value)| (path.clone(), value.clone())).collect::<Map<_, _>>().into()
}

fn null_if_empty(list: &[String]) -> Value {
    if list.is_empty() { Value::Null } else { list.into() }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        other => other.is_null(),
    }
}
