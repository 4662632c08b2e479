//! TLS spoken by the program itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use goldaw::config::Config;
use goldaw::server;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion};

use super::slow::{hurried, last_words};
use crate::support::http::TestApp;
use crate::support::program::Program;
use crate::support::{Engine, Hotline};

const FIRST: [&[u8]; 2] = [include_bytes!("first.pem"), include_bytes!("first.key")];
const SECOND: [&[u8]; 2] = [include_bytes!("second.pem"), include_bytes!("second.key")];

const ASK: &[u8] = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n";

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A server with its certificate's files in the hotline's folder.
struct House<'a> {
    hotline: &'a Hotline,
    app: TestApp,
}

impl House<'_> {
    fn open(hotline: &Hotline) -> House<'_> {
        let folder = hotline.folder.path().to_owned();
        write(&folder.join("cert.pem"), FIRST[0]);
        write(&folder.join("key.pem"), FIRST[1]);
        let secret = |config: &mut Config| {
            hurried(config);
            config.server.tls_cert = folder.join("cert.pem");
            config.server.tls_key = folder.join("key.pem");
            config.server.public_url = "https://localhost".into();
        };
        House { hotline, app: TestApp::with(hotline, server::routes, secret) }
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        write(&self.hotline.folder.path().join(name), bytes);
    }

    fn plain(&self) -> TcpStream {
        let stream = TcpStream::connect(self.app.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// A handshake by somebody who trusts both certificates; fails the story if there is none.
    fn greet(&self, versions: &[&'static SupportedProtocolVersion]) -> Tls {
        let mut trusted = RootCertStore::empty();
        for pair in [FIRST, SECOND] {
            trusted.add(CertificateDer::from_pem_slice(pair[0]).unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(trusted).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), self.plain());
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        stream
    }

    fn served(&self) -> Vec<u8> {
        let stream = self.greet(rustls::ALL_VERSIONS);
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    }
}

fn write(path: &PathBuf, bytes: &[u8]) {
    use std::os::unix::fs::OpenOptionsExt;
    // Beside it and then in its place, as those who renew certificates do.
    let draft = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).unwrap();
    file.write_all(bytes).unwrap();
    std::fs::rename(draft, path).unwrap();
}

fn der(pem: &[u8]) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem).unwrap().to_vec()
}

fn ask(stream: &mut Tls) -> String {
    stream.write_all(ASK).unwrap();
    let mut told = [0; 4096];
    let mut text = String::new();
    while !text.ends_with("{\"status\":\"ready\"}") {
        let count = stream.read(&mut told).unwrap();
        assert!(count > 0, "closed after: {text}");
        text.push_str(std::str::from_utf8(&told[..count]).unwrap());
    }
    text
}

#[test]
fn only_today_s_tls_is_spoken_and_only_one_protocol_in_it() {
    let hotline = Hotline::open(Engine::Sqlite);
    let house = House::open(&hotline);
    for (offered, spoken) in
        [(rustls::ALL_VERSIONS, ProtocolVersion::TLSv1_3), (&[&rustls::version::TLS12], ProtocolVersion::TLSv1_2)]
    {
        let mut stream = house.greet(offered);
        assert_eq!(stream.conn.protocol_version(), Some(spoken));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]), "h2 was offered");
        let told = ask(&mut stream);
        assert!(told.starts_with("HTTP/1.1 200 ") && told.contains("strict-transport-security: max-age=31536000\r\n"));
    }
}

#[test]
fn a_new_certificate_is_used_from_the_next_handshake_on_and_nobody_is_cut_off() {
    let hotline = Hotline::open(Engine::Sqlite);
    let house = House::open(&hotline);
    let mut open = house.greet(rustls::ALL_VERSIONS);
    assert_eq!(house.served(), der(FIRST[0]));
    house.put("cert.pem", SECOND[0]);
    assert_eq!(house.served(), der(FIRST[0]), "a certificate without its key is not taken");
    house.put("key.pem", SECOND[1]);
    assert_eq!(house.served(), der(SECOND[0]));
    for wrong in [&b"nonsense"[..], b"", FIRST[1]] {
        house.put("cert.pem", wrong);
        assert_eq!(house.served(), der(SECOND[0]), "what cannot be used is not taken");
    }
    std::fs::remove_file(hotline.folder.path().join("key.pem")).unwrap();
    assert_eq!(house.served(), der(SECOND[0]));
    house.put("cert.pem", FIRST[0]);
    house.put("key.pem", FIRST[1]);
    assert_eq!(house.served(), der(FIRST[0]));
    assert!(ask(&mut open).starts_with("HTTP/1.1 200 "), "the first connection is still open");
}

#[test]
fn a_key_others_can_read_or_that_does_not_fit_is_refused_by_name() {
    use std::os::unix::fs::PermissionsExt;
    let program = Program::new();
    program.done(&["migrate"]);
    let path = |name: &str| program.folder().join(name);
    for (name, bytes) in
        [("cert.pem", FIRST[0]), ("key.pem", FIRST[1]), ("other.pem", SECOND[1]), ("open.pem", FIRST[1])]
    {
        write(&path(name), bytes);
    }
    std::fs::set_permissions(path("open.pem"), PermissionsExt::from_mode(0o604)).unwrap();
    for (cert, key, told) in [
        ("cert.pem", "open.pem", "tls_key: "),
        ("cert.pem", "open.pem", "others can read it"),
        ("cert.pem", "other.pem", "is not the key of"),
        ("cert.pem", "cert.pem", "holds no key"),
        ("cert.pem", "missing.pem", "does not exist"),
        ("key.pem", "key.pem", "holds no certificate"),
        ("missing.pem", "key.pem", "tls_cert: "),
    ] {
        let (cert, key) = (path(cert), path(key));
        program.configure(&format!(
            "[server]\npublic_url = \"https://x\"\ntls_cert = \"{}\"\ntls_key = \"{}\"\n",
            cert.display(),
            key.display()
        ));
        let output = program.run(&["serve", "--listen", "127.0.0.1:0"], "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(told), "{told}: {said}");
    }
}

#[test]
fn a_handshake_that_never_ends_is_not_waited_for_and_keeps_nobody_out() {
    let hotline = Hotline::open(Engine::Sqlite);
    let house = House::open(&hotline);
    // The beginning of a hello of 512 bytes.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let mut stuck: Vec<_> = (0..100).map(|_| house.plain()).collect();
    for (silent, stream) in stuck.iter_mut().enumerate() {
        if silent % 2 == 0 {
            stream.write_all(hello).unwrap();
        }
    }
    assert!(ask(&mut house.greet(rustls::ALL_VERSIONS)).starts_with("HTTP/1.1 200 "));
    stuck.into_iter().for_each(|stream| assert_eq!(last_words(stream), ""));
    let mut silent = house.greet(rustls::ALL_VERSIONS);
    ask(&mut silent);
    last_words(silent.sock);
}

#[test]
fn clear_text_is_not_answered_where_tls_is_spoken() {
    let hotline = Hotline::open(Engine::Sqlite);
    let house = House::open(&hotline);
    for bytes in [ASK, b"\r\n\r\n", &[0xff; 600]] {
        let mut stream = house.plain();
        stream.write_all(bytes).unwrap();
        let told = last_words(stream);
        assert!(!told.contains("HTTP"), "{told}");
    }
    assert!(ask(&mut house.greet(rustls::ALL_VERSIONS)).starts_with("HTTP/1.1 200 "));
}
