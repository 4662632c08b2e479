//! `[server]` and `[metrics]`: where this program listens, how long it waits, and what it refuses to
//! start with because others could listen in.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// As partners type it, without a slash at the end.
    pub public_url: String,
    /// Certificate and chain; empty: no TLS here.
    pub tls_cert: PathBuf,
    /// The certificate's key.
    pub tls_key: PathBuf,
    /// Proxies whose word on the caller's address is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Serving threads.
    pub threads: usize,
    /// The largest body in bytes.
    pub body_bytes: usize,
    /// Seconds a request's head may take to arrive, and a TLS handshake.
    pub head_seconds: u64,
    /// Seconds a body may take to arrive.
    pub body_seconds: u64,
    /// Seconds a connection may wait for its next request.
    pub keep_alive_seconds: u64,
    /// Connections open at once, all threads together.
    pub connections: usize,
    /// Seconds one stream of events lasts.
    pub stream_seconds: u64,
    /// Seconds for requests under way after SIGTERM.
    pub drain_seconds: u64,
    /// For `security.txt`, as a URI; empty: none.
    pub security_contact: String,
}

impl Server {
    /// True when this program itself speaks TLS.
    pub fn has_tls(&self) -> bool {
        !self.tls_cert.as_os_str().is_empty()
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let local = self.listen.ip().is_loopback();
        let secret = self.public_url.starts_with("https://");
        let wrong = [
            (
                !local && !self.has_tls() && self.trusted_proxies.is_empty(),
                "[server] listen: an address others can reach needs [server] tls_cert, or [server] trusted_proxies in front that speak TLS",
            ),
            (!local && !secret, "[server] public_url: must start with https:// when others can reach it"),
            (local && self.has_tls() && !secret, "[server] public_url: must start with https:// where there is TLS"),
            (self.public_url.ends_with('/'), "[server] public_url: no slash at the end"),
            (
                self.has_tls() == self.tls_key.as_os_str().is_empty(),
                "[server] tls_cert, tls_key: a certificate and its key, or neither",
            ),
            (self.threads == 0, "[server] threads: at least 1"),
            (self.head_seconds == 0, "[server] head_seconds: at least 1"),
            (self.keep_alive_seconds == 0, "[server] keep_alive_seconds: at least 1"),
            (self.connections < self.threads, "[server] connections: at least 1 for each of [server] threads"),
            (!is_contact(&self.security_contact), "[server] security_contact: mailto:, https:// or tel:, or nothing"),
        ];
        wrong.into_iter().filter(|(wrong, _)| *wrong).map(|(_, told)| told.to_owned()).collect()
    }
}

/// True for nothing, and for a URI that can stand in a line of `security.txt`.
fn is_contact(text: &str) -> bool {
    let known =
        ["mailto:", "https://", "tel:"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    text.is_empty() || known && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `[metrics]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Address and port; empty: off.
    pub listen: String,
}

impl Metrics {
    /// Where to listen, if anywhere; a listen that is no address is refused at start.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    #[test]
    fn listening_to_others_in_clear_is_refused() {
        let mut config = Config::defaults(Path::new("/tmp/x")).unwrap();
        config.server.listen = "0.0.0.0:80".parse().unwrap();
        assert_eq!(config.faults().len(), 2);
        config.server.public_url = "https://goldaw.example.org".into();
        assert_eq!(config.faults().len(), 1);
        config.server.trusted_proxies = vec!["10.0.0.2".parse().unwrap()];
        assert_eq!(config.faults(), Vec::<String>::new());
        config.server.trusted_proxies.clear();
        config.server.tls_cert = "cert.pem".into();
        config.server.tls_key = "key.pem".into();
        assert_eq!(config.faults(), Vec::<String>::new());
    }

    #[test]
    fn a_certificate_needs_its_key_and_an_address_that_says_so() {
        for (cert, key, url, faults) in [
            ("cert.pem", "key.pem", "https://x.example", 0),
            ("cert.pem", "", "https://x.example", 1),
            ("", "key.pem", "https://x.example", 1),
            ("cert.pem", "key.pem", "http://x.example", 1),
        ] {
            let mut config = Config::defaults(Path::new("/tmp/x")).unwrap();
            config.server.tls_cert = cert.into();
            config.server.tls_key = key.into();
            config.server.public_url = url.into();
            assert_eq!(config.faults().len(), faults, "{cert} {key} {url}");
        }
    }

    #[test]
    fn a_contact_is_a_uri_of_one_line_and_metrics_are_asked_for_at_an_address() {
        for (contact, metrics, faults) in [
            ("mailto:security@goldaw.example", "127.0.0.1:9464", 0),
            ("https://goldaw.example/security", "[::1]:9464", 0),
            ("security@goldaw.example", "", 1),
            ("mailto:", "", 1),
            ("mailto:a@b.example\nPolicy: none", "", 1),
            ("", "localhost", 1),
            ("", "9464", 1),
        ] {
            let mut config = Config::defaults(Path::new("/tmp/x")).unwrap();
            config.server.security_contact = contact.into();
            config.metrics.listen = metrics.into();
            assert_eq!(config.faults().len(), faults, "{contact} {metrics}");
        }
    }
}
