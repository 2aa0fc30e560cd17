//! PURE. A request and an image become a container's configuration.

mod command;
mod environment;
mod inherit;
mod request;
mod wiring;

pub(crate) use environment::{Sources, environment};
pub(crate) use inherit::inherited;
pub(crate) use request::changes;
pub use request::{Request, World};

use self::command::{Command, argv};
use crate::container::model::{Config, ContainerId, Image, Mount, MountKind, Ports, VERSION, Volume};
use crate::container::spec::path::{clean, working_dir};
use crate::container::spec::port::exposed;
use crate::error::Result;
use rbuild_oci::Timestamp;

/// What only the moment knows.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: ContainerId,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
}

/// The configuration, with mounts `from` other containers. Anonymous volumes do not have their names yet.
pub(crate) fn config(request: &Request, image: &Image, identity: Identity, from: Vec<Mount>) -> Result<Config> {
    let of_image = &image.config.config;
    let Identity { id, name, created } = identity;
    let hostname = request.hostname.clone().unwrap_or_else(|| id.short().to_owned());
    let env = environment(Sources {
        image: &of_image.env,
        changes: &request.env,
        hostname: &hostname,
        terminal: request.terminal,
    });
    let Command { argv, entrypoint } = argv(of_image, request.entrypoint.as_deref(), &request.command)?;
    let mut labels = of_image.labels.clone();
    labels.extend(request.labels.clone());
    Ok(Config {
        version: VERSION,
        id,
        name,
        created,
        image: image.source(),
        argv,
        entrypoint,
        env,
        cwd: cwd(request, &of_image.working_dir)?,
        user: request.user.clone().filter(|user| !user.is_empty()).unwrap_or_else(|| of_image.user.clone()),
        hostname,
        hosts: request.hosts.clone(),
        network: request.network,
        ports: ports(request, image),
        resolver: request.resolver.clone(),
        limits: request.limits.clone(),
        domainname: request.domainname.clone(),
        group_add: request.group_add.clone(),
        sysctls: request.sysctls.clone(),
        mounts: mounts(request, image, from),
        read_only: request.read_only,
        interactive: request.interactive,
        terminal: request.terminal,
        init: request.init,
        cap_add: request.cap_add.clone(),
        cap_drop: request.cap_drop.clone(),
        seccomp: request.seccomp.clone(),
        no_new_privileges: request.no_new_privileges,
        open_paths: request.open_paths,
        shm_size: request.shm_size,
        ulimits: request.ulimits.clone(),
        labels,
        stop_signal: request.stop_signal.clone().unwrap_or_else(|| of_image.stop_signal.clone()),
        stop_timeout: request.stop_timeout,
        input_stays: request.input_stays,
    })
}

/// Whatever is published is exposed, too.
fn ports(request: &Request, image: &Image) -> Ports {
    let mut ports = request.ports.clone();
    ports.expose.extend(image.config.config.exposed_ports.keys().flat_map(|text| exposed(text)));
    ports.expose.extend(ports.publish.iter().map(|publish| publish.port));
    ports.expose.sort_unstable();
    ports.expose.dedup();
    ports
}

fn cwd(request: &Request, of_image: &str) -> Result<String> {
    match (&request.cwd, of_image) {
        (Some(cwd), _) => Ok(cwd.clone()),
        (None, "") => Ok("/".to_owned()),
        (None, cwd) => working_dir(cwd),
    }
}

/// The request's mounts, what is mounted from other containers beside them, and an anonymous volume for each VOLUME of
/// the image where none of these is.
fn mounts(request: &Request, image: &Image, from: Vec<Mount>) -> Vec<Mount> {
    let mut mounts = request.mounts.clone();
    let of_image = image.config.config.volumes.keys().map(|path| clean(path)).filter(|path| path != "/");
    let of_image = of_image.map(|target| Mount {
        target,
        read_only: false,
        kind: MountKind::Volume(Volume { anonymous: true, driver: request.volume_driver.clone(), ..Volume::default() }),
    });
    for more in from.into_iter().chain(of_image) {
        if !mounts.iter().any(|mount| mount.target == more.target) {
            mounts.push(more);
        }
    }
    mounts.sort_by(|a, b| a.target.cmp(&b.target));
    mounts
}

/// Gives each anonymous volume the name that `draw` makes.
pub(crate) fn name_volumes(config: &mut Config, draw: impl Fn() -> Result<ContainerId>) -> Result<()> {
    for mount in &mut config.mounts {
        if let MountKind::Volume(volume) = &mut mount.kind
            && volume.name.is_none()
        {
            volume.name = Some(draw()?.hex().to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::model::{Network, Seccomp};
    use rbuild_oci::{Digest, ImageConfig, ImageId};
    use std::path::Path;

    fn request() -> Request {
        let args: crate::args::ContainerArgs =
            crate::args::typed("-it --rm -v data:/srv/data -v /anon -e A=2 -l mine=1 app:1 serve -v");
        let world = crate::container::World { env: &|_| None, cwd: Path::new("/") };
        Request::resolve(&args, world).unwrap()
    }

    #[test]
    fn image_and_request_are_joined() {
        let json = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{
            "Env":["PATH=/bin","A=1"],"Entrypoint":["app"],"Cmd":["x"],"WorkingDir":"/srv/","User":"app",
            "Volumes":{"/srv/data":{},"/cache/":{},"/":{}},"Labels":{"theirs":"1","mine":"0"},"StopSignal":"SIGINT"}}"#;
        let image = Image {
            reference: "app:1".into(),
            id: ImageId(Digest::of(b"config")),
            manifest: Digest::of(b"manifest"),
            config: ImageConfig::from_json(json.as_bytes()).unwrap(),
        };
        let id = ContainerId::parse(&"ab".repeat(32)).unwrap();
        let identity = Identity { id, name: "box".into(), created: Timestamp::default() };
        let mut config = config(&request(), &image, identity, Vec::new()).unwrap();
        assert_eq!(config.argv, ["app", "serve", "-v"]);
        assert_eq!(config.env, ["PATH=/bin", "HOSTNAME=abababababab", "TERM=xterm", "A=2"]);
        assert_eq!((config.cwd.as_str(), config.user.as_str()), ("/srv", "app"));
        assert_eq!(config.hostname, "abababababab");
        assert_eq!((config.network, &config.seccomp), (Network::Host, &Seccomp::Docker));
        assert_eq!(config.stop_signal, "SIGINT");
        let labels: Vec<_> = config.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(labels, ["mine=1", "theirs=1"]);
        let targets: Vec<_> = config.mounts.iter().map(|mount| mount.target.as_str()).collect();
        assert_eq!(targets, ["/anon", "/cache", "/srv/data"]);
        assert_eq!(config.anonymous_volumes().count(), 0);
        name_volumes(&mut config, ContainerId::draw).unwrap();
        assert_eq!(config.anonymous_volumes().count(), 2);
        assert!(config.uses_volume("data") && !config.uses_volume("other"));
        let text = serde_json::to_vec(&config).unwrap();
        assert_eq!(Config::from_json("x", &text).unwrap(), config);
    }
}
