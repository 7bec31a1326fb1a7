//! One connection: its requests one after the other, and how long it may take over each part.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use serde_json::to_vec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::client::endpoint;
use super::last_words;
use super::places::{AtWork, Place};
use super::wire::Wire;
use crate::ambient::IdGenerator;
use crate::config::ProxyArgs;
use crate::http::language::negotiate;
use crate::http::pace::{Pace, Paced};
use crate::problem::Problem;

/// By which scheme the client came.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// For how many seconds a browser is to come by TLS alone (RFC 6797): a year.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From the first byte of a request to the end of its head.
    pub(super) head: Duration,
    /// Without a request.
    pub(super) idle: Duration,
    /// Without reading anything of an answer that waits for it.
    pub(super) answer: Duration,
    /// How slowly a body may come.
    pub(super) body: Pace,
    /// How often it is looked whether the time is up.
    pub(super) tick: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            answer: Duration::from_secs(60),
            body: Pace::default(),
            tick: Duration::from_secs(5),
        }
    }
}

/// What the connection waits for, and since when: milliseconds after it began, plus one; zero where it does not.
struct Watch {
    began: Instant,
    /// For a request.
    idle: AtomicU64,
    /// For the rest of a request's head.
    head: AtomicU64,
    /// For the client to read its answer.
    answer: AtomicU64,
    /// While a request is being answered.
    at_work: Mutex<Option<AtWork>>,
    /// Whether the whole answer is made: once it is written as well, the connection is idle.
    is_answered: AtomicBool,
}

/// Why a connection was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenUp {
    Handshake,
    Head,
    Idle,
    Answer,
}

impl GivenUp {
    fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Answer => "answer",
        }
    }
}

impl Watch {
    fn new() -> Self {
        let zero = AtomicU64::default;
        Self {
            began: Instant::now(),
            idle: AtomicU64::new(1),
            head: zero(),
            answer: zero(),
            at_work: Mutex::default(),
            is_answered: AtomicBool::new(false),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Bytes have come.
    fn heard(&self) {
        if self.idle.swap(0, Ordering::Relaxed) > 0 {
            self.head.store(self.now(), Ordering::Relaxed);
        }
    }

    /// A whole head has come.
    fn works(&self, at_work: AtWork) {
        self.idle.store(0, Ordering::Relaxed);
        self.head.store(0, Ordering::Relaxed);
        self.is_answered.store(false, Ordering::Relaxed);
        // The one before it, if there was any, ends with this one's beginning.
        let before = self.at_work.lock().replace(at_work);
        drop(before);
    }

    /// Whether a request is being answered.
    fn is_at_work(&self) -> bool {
        [&self.idle, &self.head].iter().all(|since| since.load(Ordering::Relaxed) == 0)
    }

    /// Everything that there was to write is written: after an answer the connection is idle.
    fn written(&self) {
        if self.is_answered.swap(false, Ordering::Relaxed) {
            self.idle.store(self.now(), Ordering::Relaxed);
            drop(self.at_work.lock().take());
        }
    }

    /// Whether an answer waits for the client to read.
    fn waits(&self, pending: bool) {
        if !pending {
            self.answer.store(0, Ordering::Relaxed);
        } else if self.answer.load(Ordering::Relaxed) == 0 {
            self.answer.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Why it must be given up; or else when its time is up, as things are.
    fn verdict(&self, patience: &Patience) -> Result<Duration, GivenUp> {
        let now = self.now();
        let limits = [
            (&self.head, patience.head, GivenUp::Head),
            (&self.idle, patience.idle, GivenUp::Idle),
            (&self.answer, patience.answer, GivenUp::Answer),
        ];
        let mut rest = patience.tick;
        for (since, limit, why) in limits {
            let since = since.load(Ordering::Relaxed);
            if since > 0 {
                let waited = Duration::from_millis(now.saturating_sub(since));
                let left = limit.checked_sub(waited).filter(|left| !left.is_zero()).ok_or(why)?;
                rest = rest.min(left);
            }
        }
        Ok(rest)
    }
}

/// Who is at the other end, and which proxies are believed about it.
#[derive(Clone)]
pub(super) struct OtherEnd {
    pub(super) peer: IpAddr,
    /// Whether the connection is encrypted.
    pub(super) by_tls: bool,
    pub(super) proxies: Arc<ProxyArgs>,
}

/// One connection.
pub(super) struct Connection {
    other_end: OtherEnd,
    place: Place,
    router: Router,
    ids: IdGenerator,
    patience: Patience,
}

impl Connection {
    pub(super) fn new(
        other_end: OtherEnd,
        place: Place,
        router: Router,
        ids: IdGenerator,
        patience: Patience,
    ) -> Self {
        Self { other_end, place, router, ids, patience }
    }

    /// Answers its requests until the client has no more, or is too slow, or another needs the place, or the service stops.
    pub(super) async fn run(
        self,
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        stop: CancellationToken,
    ) {
        match tls {
            None => self.answer_all(Wire::Plain(stream), stop).await,
            Some(config) => {
                if let Some(wire) = self.shake_hands(stream, config, &stop).await {
                    self.answer_all(wire, stop).await;
                }
            }
        }
    }

    /// Agrees on keys with the client, which may take as long over it as over a head. None where they did not come to that, or
    /// another connection needs the place, or the service stops.
    async fn shake_hands(
        &self,
        stream: TcpStream,
        config: Arc<ServerConfig>,
        stop: &CancellationToken,
    ) -> Option<Wire> {
        let agreed = tokio::select! {
            agreed = tokio::time::timeout(self.patience.head, TlsAcceptor::from(config).accept(stream)) => agreed,
            () = self.place.leave().cancelled() => return None,
            () = stop.cancelled() => return None,
        };
        match agreed {
            Ok(Ok(stream)) => return Some(Wire::Tls(Box::new(stream))),
            Ok(Err(error)) => {
                metrics::counter!("waymark_connections_broken_total").increment(1);
                tracing::debug!(%error, "a client and the service did not agree on TLS");
            }
            Err(_) => given_up(GivenUp::Handshake),
        }
        None
    }

    async fn answer_all(self, stream: Wire, stop: CancellationToken) {
        let Self { other_end, place, router, ids, patience } = self;
        let watch = Arc::new(Watch::new());
        let socket = TokioIo::new(Socket { stream, watch: Arc::clone(&watch) });
        let (place, watching) = (Arc::new(place), Arc::clone(&watch));
        let entering = Arc::clone(&place);
        let service = service_fn(move |request: Request<Incoming>| {
            watching.works(entering.work());
            answer(router.clone(), request, &other_end, patience.body, Guard(Arc::clone(&watching)))
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .serve_connection(socket, service);
        let mut is_leaving = false;
        let why = loop {
            let rest = match watch.verdict(&patience) {
                Ok(rest) => rest,
                Err(why) => break Some(why),
            };
            tokio::select! {
                ended = Pin::new(&mut connection) => {
                    if let Err(error) = ended {
                        metrics::counter!("waymark_connections_broken_total").increment(1);
                        tracing::debug!(%error, "a connection broke");
                    }
                    break None;
                }
                () = place.leave().cancelled(), if !is_leaving => {
                    // A request may have come meanwhile, and is answered.
                    if !watch.is_at_work() {
                        break None;
                    }
                    is_leaving = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                () = stop.cancelled(), if !is_leaving => {
                    is_leaving = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                () = tokio::time::sleep(rest) => {}
            }
        };
        let Some(why) = why else { return };
        given_up(why);
        if why == GivenUp::Head {
            let stream = connection.into_parts().io.into_inner().stream;
            last_words(stream, written(&Problem::head_too_slow(patience.head), &ids)).await;
        }
    }
}

fn given_up(why: GivenUp) {
    metrics::counter!("waymark_connections_given_up_total", "waiting_for" => why.as_str()).increment(1);
    tracing::debug!(waiting_for = why.as_str(), "a client took too long");
}

/// A problem as a whole answer, where no request could be read that asked for it in some language.
pub(super) fn written(problem: &Problem, ids: &IdGenerator) -> Vec<u8> {
    let language = negotiate(&HeaderMap::new());
    let document = problem.document(language, "", &ids().as_simple().to_string());
    // A document is texts and numbers, which are always written.
    let body = to_vec(&document).unwrap_or_default();
    let status = problem.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/problem+json\r\ncontent-language: {}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        status.as_u16(),
        language.as_str(),
        body.len()
    );
    [head.into_bytes(), body].concat()
}

fn answer(
    router: Router,
    request: Request<Incoming>,
    other_end: &OtherEnd,
    pace: Pace,
    guard: Guard,
) -> impl Future<Output = Result<Response<Guarded>, Infallible>> + use<> {
    let endpoint = endpoint(other_end.peer, request.headers(), &other_end.proxies);
    let mut request = request.map(|body| match body.is_end_stream() {
        true => Body::empty(),
        false => Body::new(Paced::new(body, pace)),
    });
    request.extensions_mut().insert(Arc::new(endpoint));
    let by_tls = other_end.by_tls;
    if by_tls {
        // What a proxy that ended TLS would say; there may be none, and a client says what it likes.
        request.headers_mut().insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
    }
    async move {
        let mut response = router.oneshot(request).await?;
        if by_tls {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT);
        }
        Ok(response.map(|body| Guarded { body, _guard: guard }))
    }
}

/// While this is there, an answer is being made.
struct Guard(Arc<Watch>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.is_answered.store(true, Ordering::Relaxed);
    }
}

/// An answer's body, which tells when there is no more of it.
struct Guarded {
    body: Body,
    _guard: Guard,
}

impl hyper::body::Body for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The connection's bytes, with a look at whether they move.
struct Socket {
    stream: Wire,
    watch: Arc<Watch>,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.watch.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch.waits(written.is_pending());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch.waits(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What is encrypted may wait in here when everything is written.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch.waits(flushed.is_pending());
        ready!(flushed)?;
        self.watch.written();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
