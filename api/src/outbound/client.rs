//! The client that messages leave by: one connection a message, to an address that was looked at, and no detours.
//!
//! It follows no redirect, asks no proxy and reads no more of an answer than it needs. What a receiver answered is
//! never shown to anybody but as a status or a code, so that nobody reads another network through it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tokio_util::task::AbortOnDropHandle;

use super::guard;

/// How long an attempt may take, from the look-up of the name to the end of the answer.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// How much of an answer is read: robots answer with a short JSON document.
const LONGEST_ANSWER: usize = 16 * 1024;
/// The longest address of a receiver, in bytes.
const LONGEST_URL: usize = 2_000;
/// By what name we come.
const AGENT: &str = concat!("waymark/", env!("CARGO_PKG_VERSION"));

/// Where a message goes: an `http` or `https` address without user or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The name or address of the host; one of the newer protocol without brackets.
    pub host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Target {
    /// Reads an address; none where it cannot be one.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        if url.len() > LONGEST_URL || url.contains('#') {
            return None;
        }
        let uri: Uri = url.parse().ok()?;
        let (tls, usual) = match uri.scheme_str()? {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" => usual,
            after => after.strip_prefix(':')?.parse().ok().filter(|port| *port != 0)?,
        };
        if host.is_empty() {
            return None;
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { tls, host, port, authority: authority.as_str().to_owned(), path })
    }

    /// The address that the host is, where it is one and no name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// Which addresses may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of the public internet.
    Public,
    /// Any: the operator named the receiver, or permits private ones.
    Anywhere,
}

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// `Retry-After`, as it stands.
    pub retry_after: Option<String>,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

/// Why there was no answer. The text is kept with the message and shown to admins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The address cannot be read, or no request can be made of it.
    #[error("the address is none")]
    Address,
    /// The name leads to no address.
    #[error("the host name cannot be resolved")]
    Unresolved,
    /// It leads to private addresses alone.
    #[error("the address is private, and private addresses are not permitted")]
    Private,
    /// Nobody answers there.
    #[error("no connection")]
    Unreachable,
    /// The connection cannot be encrypted, or the certificate is not the host's.
    #[error("no secure connection")]
    Insecure,
    /// The connection broke off, or what came was not HTTP.
    #[error("the answer broke off")]
    Broken,
    /// It took too long.
    #[error("no answer within 15 seconds")]
    TimedOut,
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    tls: TlsConnector,
    patience: Duration,
    longest_answer: usize,
}

impl Client {
    /// A client that trusts the certificate authorities of the web.
    ///
    /// # Errors
    /// When the cryptography that this program was built with cannot do TLS.
    pub fn new() -> Result<Self, rustls::Error> {
        let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { tls, patience: PATIENCE, longest_answer: LONGEST_ANSWER })
    }

    /// The same with other limits for the time and the bytes of an answer.
    #[must_use]
    pub fn with_limits(self, patience: Duration, longest_answer: usize) -> Self {
        Self { patience, longest_answer, ..self }
    }

    /// Posts a JSON document, once.
    ///
    /// # Errors
    /// When no answer came in time, within [`PATIENCE`] unless it was set otherwise.
    pub async fn post(
        &self,
        target: &Target,
        reach: Reach,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Reply, SendError> {
        let request = request(target, headers, body)?;
        tokio::time::timeout(self.patience, self.exchange(target, reach, request))
            .await
            .map_err(|_| SendError::TimedOut)?
    }

    async fn exchange(
        &self,
        target: &Target,
        reach: Reach,
        request: Request<Full<Bytes>>,
    ) -> Result<Reply, SendError> {
        let stream = connect(target, reach).await?;
        if !target.tls {
            return converse(stream, request, self.longest_answer).await;
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|_| SendError::Address)?;
        let stream = self.tls.connect(name, stream).await.map_err(|_| SendError::Insecure)?;
        converse(stream, request, self.longest_answer).await
    }
}

fn request(
    target: &Target,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
) -> Result<Request<Full<Bytes>>, SendError> {
    let mut request = Request::post(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::USER_AGENT, AGENT)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(Full::new(Bytes::from(body))).map_err(|_| SendError::Address)
}

/// A connection to the first address of the host that may be reached and answers.
async fn connect(target: &Target, reach: Reach) -> Result<TcpStream, SendError> {
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    let found: Vec<SocketAddr> = found.map_err(|_| SendError::Unresolved)?.collect();
    if found.is_empty() {
        return Err(SendError::Unresolved);
    }
    let permitted = |address: &&SocketAddr| reach == Reach::Anywhere || guard::is_public(address.ip());
    let mut failed = SendError::Private;
    for address in found.iter().filter(permitted) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(_) => failed = SendError::Unreachable,
        }
    }
    Err(failed)
}

async fn converse<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    longest_answer: usize,
) -> Result<Reply, SendError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| SendError::Broken)?;
    // The connection is driven beside the request, and ends with it.
    let _driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let response = sender.send_request(request).await.map_err(|_| SendError::Broken)?;
    let (head, body) = response.into_parts();
    let retry_after = head.headers.get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
    // The status decides; a body that breaks off takes nothing of it back.
    Ok(Reply { status: head.status.as_u16(), retry_after, body: beginning(body, longest_answer).await })
}

async fn beginning(mut body: Incoming, longest: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < longest
        && let Some(Ok(frame)) = body.frame().await
    {
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data[..data.len().min(longest - bytes.len())]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_web_are_read() {
        let target = Target::parse("https://hooks.example.cn/a/b?x=1").unwrap();
        assert_eq!((target.tls, target.host.as_str(), target.port), (true, "hooks.example.cn", 443));
        assert_eq!((target.authority.as_str(), target.path.as_str()), ("hooks.example.cn", "/a/b?x=1"));
        let target = Target::parse("http://[::1]:8080").unwrap();
        assert_eq!((target.tls, target.host.as_str(), target.port), (false, "::1", 8_080));
        assert_eq!((target.path.as_str(), target.address()), ("/", "::1".parse().ok()));
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused() {
        let long = format!("https://example.cn/{}", "a".repeat(LONGEST_URL));
        for url in [
            "",
            "example.cn",
            "/path",
            "ftp://example.cn",
            "file:///etc/passwd",
            "https://",
            "https:///path",
            "https://user:secret@example.cn",
            "https://example.cn/#part",
            "https://example.cn:0",
            "https://example.cn:",
            "https://example.cn:70000",
            "https://例子.cn/",
            "https://example.cn/a b",
            &long,
        ] {
            assert_eq!(Target::parse(url), None, "{url}");
        }
    }

    #[tokio::test]
    async fn a_private_address_is_refused_before_anything_is_sent() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = Client::new().unwrap();
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
            let target = Target::parse(&format!("http://{host}:{port}/")).unwrap();
            let refused = client.post(&target, Reach::Public, &[], Vec::new()).await;
            assert_eq!(refused, Err(SendError::Private), "{host}");
        }
        // A client that had connected would be waiting there.
        let nobody = std::future::poll_fn(|cx| std::task::Poll::Ready(listener.poll_accept(cx).is_pending()));
        assert!(nobody.await);
    }
}
