//! Through a proxy: a tunnel (CONNECT) to a registry that only the proxy can name.

#![allow(clippy::unwrap_used)] // the helpers of tests are tests

use rbuild_oci::Cancel;
use rbuild_oci::testing::random_image;
use rbuild_registry::testing::Registry;
use rbuild_registry::{Client, Config, Error, Proxies, Schedule};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// Answers one connection with `status` and, if that is 200, tunnels it to `target`; what it was asked.
fn proxy(status: u16, target: String) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(client.try_clone().unwrap()).lines() {
            match line.unwrap() {
                end if end.is_empty() => break,
                line => lines.push(line),
            }
        }
        client.write_all(format!("HTTP/1.1 {status} Answer\r\n\r\n").as_bytes()).unwrap();
        if status == 200 {
            tunnel(&client, &TcpStream::connect(target).unwrap());
        }
        lines
    });
    (address, server)
}

fn tunnel(client: &TcpStream, server: &TcpStream) {
    let pump = |mut from: &TcpStream, mut to: &TcpStream| {
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Write));
    };
    thread::scope(|scope| {
        scope.spawn(|| pump(client, server));
        pump(server, client);
    });
}

fn config(proxy: &str) -> Config {
    let mirror = "http://registry.invalid".parse().unwrap();
    Config {
        mirrors: [("registry.invalid".to_owned(), vec![mirror])].into(),
        proxies: Proxies { http: Some(proxy.to_owned()), ..Proxies::default() },
        retry: Schedule { attempts: 1, ..Schedule::default() },
        ..Config::default()
    }
}

#[test]
fn requests_go_through_the_proxy_with_its_login() {
    let registry = Registry::start().unwrap();
    let image = random_image(1, 1);
    registry.put_image("team/app", "1", &image);
    let (address, asked) = proxy(200, registry.host().to_owned());
    let client = Client::new(config(&format!("http://me:hunter2@{address}")), &Cancel::new());
    let found = client.resolve(&"registry.invalid/team/app:1".parse().unwrap()).unwrap();
    assert_eq!(found, image.descriptor);
    assert!(!format!("{client:?}").contains("hunter2"));
    drop(client);
    let asked = asked.join().unwrap();
    assert_eq!(asked[0], "CONNECT registry.invalid:80 HTTP/1.1");
    // "me:hunter2" in Base64.
    assert!(
        asked.iter().any(|line| line.eq_ignore_ascii_case("proxy-authorization: basic bWU6aHVudGVyMg==")),
        "{asked:?}"
    );
}

#[test]
fn a_proxy_that_refuses_is_named_without_its_password() {
    let (address, asked) = proxy(403, String::new());
    let client = Client::new(config(&format!("http://me:hunter2@{address}")), &Cancel::new());
    let error = client.resolve(&"registry.invalid/team/app:1".parse().unwrap()).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains(&format!("through the proxy {address}")) && !text.contains("hunter2"), "{text}");
    asked.join().unwrap();
}

#[test]
fn a_proxy_that_is_none_is_refused() {
    let client = Client::new(config("gopher://me:hunter2@proxy"), &Cancel::new());
    let error = client.resolve(&"other.invalid/team/app:1".parse().unwrap());
    assert!(matches!(error, Err(Error::Unreachable { .. })), "TLS targets have another proxy");
    let error = client.resolve(&"registry.invalid/team/app:1".parse().unwrap()).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("invalid proxy") && !text.contains("hunter2"), "{text}");
}
