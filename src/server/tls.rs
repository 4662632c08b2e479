//! TLS inside the program. Versions 1.3 and 1.2, HTTP/1.1 only: the deadlines of heads and bodies
//! hold there, and HTTP/2 has ways around them.
//!
//! New certificates need no signal and no restart: at each handshake the two files are looked at,
//! which costs some microseconds beside the milliseconds of the handshake, and read again when they
//! changed. Connections that are open stay open. A pair that cannot be used (one file of two was
//! written so far, say) leaves the old one in use.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::Server;
use crate::vault::private_file;

/// What a listener with the files of `[server]` offers. Errors: a sentence that names the setting
/// and the file.
pub(super) fn offer(server: &Server) -> Result<ServerConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certificate = Certificate::load(&server.tls_cert, &server.tls_key, provider.clone())?;
    let offer = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(offer.with_no_client_auth().with_cert_resolver(Arc::new(certificate)))
}

/// The certificate as it stands in its files.
#[derive(Debug)]
struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// How the files looked when they were last read, whether or not they could be used: what is
    /// wrong is told once.
    seen: [Option<Look>; 2],
    pair: Arc<CertifiedKey>,
}

/// Which file it is, how large, and when it was written: seconds and nanoseconds.
type Look = (u64, u64, i64, i64);

impl Certificate {
    fn load(cert: &Path, key: &Path, provider: Arc<CryptoProvider>) -> Result<Certificate, String> {
        let seen = [look(cert), look(key)];
        let pair = Arc::new(read(cert, key, &provider)?);
        let kept = Mutex::new(Kept { seen, pair });
        Ok(Certificate { cert: cert.to_owned(), key: key.to_owned(), provider, kept })
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at before they are read: what is written meanwhile is seen the next time.
        let seen = [look(&self.cert), look(&self.key)];
        if kept.seen != seen {
            kept.seen = seen;
            match read(&self.cert, &self.key, &self.provider) {
                Ok(pair) => {
                    kept.pair = Arc::new(pair);
                    tracing::info!(event = "certificate_renewed");
                }
                Err(cause) => tracing::error!(event = "certificate_not_renewed", cause),
            }
        }
        kept.pair.clone()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn look(path: &Path) -> Option<Look> {
    let about = metadata(path).ok()?;
    Some((about.ino(), about.size(), about.mtime(), about.mtime_nsec()))
}

fn read(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|_| format!("[server] tls_cert: {} cannot be read as PEM", cert.display()))?;
    if chain.is_empty() {
        return Err(format!("[server] tls_cert: {} holds no certificate", cert.display()));
    }
    let secret = private_file::read_credential(key).map_err(|error| format!("[server] tls_key: {error}"))?;
    let secret = PrivateKeyDer::from_pem_slice(&secret)
        .map_err(|_| format!("[server] tls_key: {} holds no key in PEM form", key.display()))?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|_| {
        format!("[server] tls_key: {} is not the key of {}, or of a kind TLS cannot use", key.display(), cert.display())
    })
}
