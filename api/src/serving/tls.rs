//! TLS by the service itself: a certificate and its key, read from two files, and again when they were renewed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// What is spoken on a connection: what the service speaks on a plain one.
const PROTOCOL: &[u8] = b"http/1.1";

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("{}: {why}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The two files do not go together.
    #[error("the certificate {} and the key {} cannot be used together: {why}", cert.display(), key.display())]
    Pair {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        why: rustls::Error,
    },
}

/// By what a renewed file is known: when it was changed last, and its length.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// The certificate that is shown to clients.
pub(crate) struct Tls {
    cert: PathBuf,
    key: PathBuf,
    shown: Mutex<(Stamp, Arc<ServerConfig>)>,
}

impl Tls {
    /// Reads a certificate with those that lead to its issuer, and its key.
    ///
    /// # Errors
    /// When a file cannot be read or is none of the kind, or the key is another certificate's.
    pub(crate) fn open(cert: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let shown = (stamp(&cert, &key), read(&cert, &key)?);
        Ok(Self { cert, key, shown: Mutex::new(shown) })
    }

    /// What the next connection is taken with. Files that were changed are read first; where they cannot be used, what was shown
    /// before is shown on, and the server log says so once.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        let now = stamp(&self.cert, &self.key);
        let mut shown = self.shown.lock();
        if shown.0 != now {
            shown.0 = now;
            match read(&self.cert, &self.key) {
                Ok(renewed) => {
                    tracing::info!(certificate = %self.cert.display(), "a renewed certificate is shown from now on");
                    shown.1 = renewed;
                }
                Err(error) => {
                    tracing::error!(%error, "the certificate was changed, and the one before is shown on");
                }
            }
        }
        shown.1.clone()
    }
}

fn stamp(cert: &Path, key: &Path) -> Stamp {
    [cert, key].map(|file| {
        let metadata = file.metadata().ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn read(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let bytes = |path: &Path| std::fs::read(path).map_err(|error| fault(path, error.to_string()));
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes(cert)?).collect();
    let chain = chain.map_err(|error| fault(cert, error.to_string()))?;
    if chain.is_empty() {
        return Err(fault(cert, "no certificate in PEM format is in it".to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_slice(&bytes(key)?)
        .map_err(|_| fault(key, "no private key in PEM format is in it".to_owned()))?;
    let pair = |why| TlsError::Pair { cert: cert.to_owned(), key: key.to_owned(), why };
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(pair)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, secret).map_err(pair)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}

fn fault(path: &Path, why: String) -> TlsError {
    TlsError::File { path: path.to_owned(), why }
}
