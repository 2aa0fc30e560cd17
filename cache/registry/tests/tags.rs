//! Lists of tags that a hostile registry would never end, or leads elsewhere with.
#![allow(clippy::unwrap_used)] // the helpers of tests are tests

use rbuild_oci::Cancel;
use rbuild_registry::testing::{Fault, Login, Registry};
use rbuild_registry::{Client, Config, Error, Schedule};
use std::io::{Read, Write};
use std::net::TcpListener;

fn client() -> Client {
    let retry = Schedule { attempts: 1, ..Schedule::default() };
    Client::new(Config { retry, ..Config::default() }, &Cancel::new())
}

#[test]
fn the_tags_of_all_pages_have_a_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let body = format!("{{\"tags\":[\"a\"{}]}}", ",\"a\"".repeat(400_000));
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        // The first connection tries TLS; the third page is the one too many.
        for _ in 0..5 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 4096];
            let count = stream.read(&mut asked).unwrap();
            let page = format!("{head}Link: </v2/team/app/tags/list?last=a>; rel=\"next\"\r\n\r\n{body}");
            if asked[..count].starts_with(b"GET ") && stream.write_all(page.as_bytes()).is_err() {
                break;
            }
            if asked[..count].starts_with(b"END") {
                break;
            }
        }
    });
    let error = client().tags(&format!("{host}/team/app").parse().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }) && error.to_string().contains("more than 1000000"), "{error}");
    drop(std::net::TcpStream::connect(host).and_then(|mut stream| stream.write_all(b"END")));
    server.join().unwrap();
}

#[test]
fn who_a_link_leads_to_is_told_no_login() {
    let (registry, evil) =
        (Registry::with_login(Login::Basic("u".into(), "p".into())).unwrap(), Registry::start().unwrap());
    let link = format!("<http://{}/v2/team/app/tags/list>; rel=\"next\"", evil.host());
    registry.fail("/tags/", Fault::Status(200, vec![("Link", link)]), 1);
    let challenge = vec![("WWW-Authenticate", "Basic realm=x".to_owned())];
    evil.fail("/", Fault::Status(401, challenge), usize::MAX);
    let error = client().tags(&registry.reference("team/app").unwrap()).unwrap_err();
    assert!(matches!(&error, Error::Unauthorized { host, .. } if host == evil.host()), "{error}");
    assert_eq!(evil.seen().len(), 1);
}
