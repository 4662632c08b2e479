//! `goldaw health`: whether a service answers, for whoever watches over it and has no other client.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::{Faults, Where, print};

pub(super) const HELP: &str = "\
Examples:
  goldaw health
  goldaw health --url http://127.0.0.1:8080
Exit code 0 when it is ready, 1 when it is not. Without --url it asks where [server] listen says, in
clear and then by TLS. Whose certificate it is, is not checked: nothing but the question is sent.";

/// How long the service may take for each part of its answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The first line of the answer is all that counts.
const LONGEST: usize = 64;

pub(super) fn health(place: &Where, url: Option<&str>) -> Result<(), Faults> {
    let (address, tls) = match url {
        Some(url) => address_of(url)?,
        None => (near(place.settings()?.server.listen), None),
    };
    let mut heard = first_line(address, tls.unwrap_or(false));
    if tls.is_none() && !heard.as_ref().is_ok_and(|line| line.starts_with("HTTP/")) {
        heard = first_line(address, true);
    }
    match heard {
        Ok(line) if line.starts_with("HTTP/") && line.split(' ').nth(1) == Some("200") => print("ready\n"),
        Ok(_) => Err(vec![format!("{address} answers, and is not ready")]),
        Err(error) => Err(vec![format!("{address} does not answer: {error}")]),
    }
}

/// Where, and whether by TLS.
fn address_of(url: &str) -> Result<(SocketAddr, Option<bool>), Faults> {
    let told = || vec!["--url: http://HOST:PORT or https://HOST:PORT".to_owned()];
    let (scheme, server) = url.split_once("://").ok_or_else(told)?;
    let tls = match scheme {
        "http" => false,
        "https" => true,
        _ => return Err(told()),
    };
    let found = server.trim_end_matches('/').to_socket_addrs().ok().and_then(|mut all| all.next());
    Ok((found.ok_or_else(told)?, Some(tls)))
}

/// A service that listens everywhere also listens here.
fn near(listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        return SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listen.port());
    }
    listen
}

fn first_line(address: SocketAddr, tls: bool) -> std::io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if tls { ask(address, by_tls(address, stream)?) } else { ask(address, stream) }
}

fn ask(address: SocketAddr, mut stream: impl Read + Write) -> std::io::Result<String> {
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

fn by_tls(address: SocketAddr, stream: TcpStream) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Whoever(provider)))
        .with_no_client_auth();
    let name = ServerName::IpAddress(address.ip().into());
    let connection = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

/// Takes any certificate: a machine asks itself, by an address that stands in none.
#[derive(Debug)]
struct Whoever(Arc<CryptoProvider>);

impl ServerCertVerifier for Whoever {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
