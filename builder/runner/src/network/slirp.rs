//! PURE. The arguments of slirp4netns(1), and what is said on its socket. Starts nothing.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::Path;

use super::{ADDRESS, Forward, INTERFACE, Transport};

/// Those for a namespace bound at `netns`: it writes to `ready` when the network is, and takes ports at `socket`.
/// Nothing of the machine's loopback is shown to the container.
pub(super) fn arguments(netns: &Path, socket: &Path, ready: RawFd) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox", "--enable-seccomp"]
            .map(Into::into)
            .into();
    arguments.push(format!("--ready-fd={ready}").into());
    arguments.extend(["--api-socket".into(), socket.into(), "--netns-type=path".into(), netns.into()]);
    arguments.push(INTERFACE.into());
    arguments
}

/// The request to forward a port.
pub(super) fn request(forward: &Forward) -> String {
    let transport = match forward.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    let Forward { ip, host, inner, .. } = forward;
    format!(
        r#"{{"execute":"add_hostfwd","arguments":{{"proto":"{transport}","host_addr":"{ip}","host_port":{host},"guest_addr":"{ADDRESS}","guest_port":{inner}}}}}"#
    )
}

/// What came back: nothing to say, or why not.
pub(super) fn answer(text: &str) -> Result<(), String> {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    match (value.get("return"), value.pointer("/error/desc").and_then(serde_json::Value::as_str)) {
        (Some(_), None) => Ok(()),
        (_, Some(reason)) => Err(reason.to_owned()),
        (None, None) => Err(format!("it answered {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said() {
        let words = arguments(Path::new("/n"), Path::new("/s"), 7);
        let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(
            words.join(" "),
            "--configure --mtu=65520 --disable-host-loopback --enable-sandbox --enable-seccomp --ready-fd=7 \
             --api-socket /s --netns-type=path /n eth0"
        );
        let forward = Forward { transport: Transport::Udp, ip: [127, 0, 0, 1].into(), host: 5353, inner: 53 };
        assert_eq!(
            request(&forward),
            r#"{"execute":"add_hostfwd","arguments":{"proto":"udp","host_addr":"127.0.0.1","host_port":5353,"guest_addr":"10.0.2.100","guest_port":53}}"#
        );
        assert!(serde_json::from_str::<serde_json::Value>(&request(&forward)).is_ok());
        assert_eq!(answer(r#"{"return":{"id":1}}"#), Ok(()));
        assert_eq!(answer(r#"{"error":{"desc":"bad request"}}"#), Err("bad request".to_owned()));
        assert_eq!(answer(""), Err("it answered \"\"".to_owned()));
    }
}
