//! Connections: taken in, watched and given up, so that nobody shuts the others out by holding them.
//!
//! A client may be slow to begin ([`connection`]: a head has thirty seconds, an idle connection stays a minute and a quarter),
//! slow to send a body ([`crate::http::pace`]) or slow to read its answer; with TLS ([`tls`]) a handshake has as long as a head. Connections are limited, as the
//! operating system's files allow ([`files`]); when all are taken, the one that has been idle longest goes ([`places`]).

mod client;
mod connection;
pub(crate) mod files;
mod places;
#[cfg(test)]
mod tests;
mod tls;
#[cfg(test)]
mod tls_tests;
mod wire;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ambient::IdGenerator;
use crate::config::ProxyArgs;
use crate::problem::Problem;
use connection::{Connection, OtherEnd, Patience};
use places::Places;
pub(crate) use tls::Tls;

/// How long to wait when the system has no file left for a connection.
const NO_FILE_LEFT: Duration = Duration::from_millis(50);
/// How long a client has to hear why it is refused.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves until the token is cancelled; then every connection finishes what it is doing.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    ids: IdGenerator,
    most: usize,
    proxies: ProxyArgs,
    tls: Option<Arc<Tls>>,
    stop: CancellationToken,
) {
    let (patience, proxies) = (Patience::default(), Arc::new(proxies));
    let server = Server { router, ids, places: Arc::new(Places::new(most)), proxies, tls, patience };
    server.run(listener, stop).await;
}

struct Server {
    router: Router,
    ids: IdGenerator,
    places: Arc<Places>,
    proxies: Arc<ProxyArgs>,
    /// What connections are encrypted with; none where they are plain.
    tls: Option<Arc<Tls>>,
    patience: Patience,
}

impl Server {
    async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        while let Some(taken) = stop.run_until_cancelled(listener.accept()).await {
            match taken {
                Ok((stream, peer)) => self.begin(stream, peer.ip(), &mut connections, &stop),
                Err(error) => self.not_taken(&error).await,
            }
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    /// Gives a connection its place, that of an idle one where all are taken.
    fn begin(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        connections: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) {
        let Some(place) = self.places.take() else {
            metrics::counter!("waymark_connections_refused_total").increment(1);
            tracing::debug!("every connection is at work: one is refused");
            if self.tls.is_some() {
                // To say so would take a handshake, and that a place.
                return;
            }
            let words = connection::written(&Problem::too_many_connections(), &self.ids);
            connections.spawn(last_words(stream, words));
            return;
        };
        // What is written is to leave: an event of a stream is small.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with the system's default");
        }
        let tls = self.tls.as_ref().map(|tls| tls.current());
        let other_end = OtherEnd { peer, by_tls: tls.is_some(), proxies: self.proxies.clone() };
        let (router, ids) = (self.router.clone(), self.ids.clone());
        let connection = Connection::new(other_end, place, router, ids, self.patience);
        connections.spawn(connection.run(stream, tls, stop.clone()));
    }

    /// The system had no connection for us. A client that is gone already is no concern; where there is no file left, an idle
    /// connection gives one back.
    async fn not_taken(&self, error: &io::Error) {
        metrics::counter!("waymark_connections_not_taken_total").increment(1);
        tracing::debug!(%error, "a connection could not be taken");
        let gone = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset];
        if !gone.contains(&error.kind()) {
            self.places.evict();
            tokio::time::sleep(NO_FILE_LEFT).await;
        }
    }
}

/// Says why, as far as the client listens. What it sent is read first: it would else be told that the connection broke.
async fn last_words(mut stream: impl AsyncRead + AsyncWrite + Unpin, words: Vec<u8>) {
    let said = async {
        stream.write_all(&words).await?;
        stream.shutdown().await?;
        let mut rest = [0; 1_024];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // Nobody has to listen, and nobody waits for long.
    tokio::time::timeout(LAST_WORDS, said).await.unwrap_or(Ok(())).unwrap_or_else(|error| {
        tracing::debug!(%error, "a client did not hear why it was refused");
    });
}
