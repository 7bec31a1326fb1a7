//! The certificate by which the service speaks TLS itself.

use std::path::PathBuf;

use clap::Args;

/// TLS without a proxy in front.
#[derive(Debug, Clone, Default, Args)]
pub struct TlsArgs {
    /// A PEM file with the service's certificate and those that lead to its issuer: it speaks HTTPS, and nothing else. Renewed files
    /// are used from the next connection on.
    #[arg(long, env = "WAYMARK_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// A PEM file with the private key of the certificate.
    #[arg(long, env = "WAYMARK_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

impl TlsArgs {
    /// The files of the certificate and of its key; none where the service speaks plain HTTP.
    #[must_use]
    pub fn files(&self) -> Option<(PathBuf, PathBuf)> {
        self.tls_cert.clone().zip(self.tls_key.clone())
    }

    /// How its addresses begin.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.files().is_some() { "https" } else { "http" }
    }

    /// As `waymark config` prints them.
    pub(super) fn describe(&self) -> [(&'static str, String, &'static str); 2] {
        let shown =
            |file: &Option<PathBuf>| file.as_ref().map_or(String::new(), |file| file.display().to_string());
        [
            (
                "WAYMARK_TLS_CERT",
                shown(&self.tls_cert),
                "a PEM file with the certificate and those that lead to its issuer: HTTPS alone; empty: plain HTTP",
            ),
            ("WAYMARK_TLS_KEY", shown(&self.tls_key), "a PEM file with the certificate's private key"),
        ]
    }
}
