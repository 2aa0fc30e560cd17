//! Says hello on `$PORT`; `rust-service check` asks the service that runs whether it does.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

fn main() -> Result<(), Box<dyn Error>> {
    let address = format!("127.0.0.1:{}", std::env::var("PORT")?);
    if std::env::args().nth(1).as_deref() == Some("check") {
        return check(&address);
    }
    let server = tiny_http::Server::http(&address).map_err(|error| error.to_string())?;
    for request in server.incoming_requests() {
        request.respond(tiny_http::Response::from_string("Hello from Rust\n"))?;
    }
    Ok(())
}

fn check(address: &str) -> Result<(), Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).unwrap_or("none");
    if status == "200" { Ok(()) } else { Err(format!("the service answers with status {status}").into()) }
}
