//! `goldaw health`: whether a service answers, for whoever watches over it and has no other client.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::{Faults, Where, print};

pub(super) const HELP: &str = "\
Examples:
  goldaw health
  goldaw health --url http://127.0.0.1:8080
Exit code 0 when it is ready, 1 when it is not. Without --url it asks where [server] listen says.";

/// How long the service may take for each part of its answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The first line of the answer is all that counts.
const LONGEST: usize = 64;

pub(super) fn health(place: &Where, url: Option<&str>) -> Result<(), Faults> {
    let address = match url {
        Some(url) => address_of(url)?,
        None => near(place.settings()?.server.listen),
    };
    match first_line(address) {
        Ok(line) if line.starts_with("HTTP/1.1 200 ") => print("ready\n"),
        Ok(_) => Err(vec![format!("{address} answers, and is not ready")]),
        Err(error) => Err(vec![format!("{address} does not answer: {error}")]),
    }
}

fn address_of(url: &str) -> Result<SocketAddr, Faults> {
    let told = || vec!["--url: http://HOST:PORT".to_owned()];
    let server = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')).ok_or_else(told)?;
    server.to_socket_addrs().ok().and_then(|mut all| all.next()).ok_or_else(told)
}

/// A service that listens everywhere also listens here.
fn near(listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        return SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listen.port());
    }
    listen
}

fn first_line(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let question = format!("GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(question.as_bytes())?;
    let mut heard = [0; LONGEST];
    let mut length = 0;
    while let Some(rest) = heard.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest)? {
            0 => break,
            more => length += more,
        }
    }
    Ok(String::from_utf8_lossy(&heard).into_owned())
}
