//! A network that breaks at the worst moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of the next `COMMIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Weather {
    Fine,
    /// It arrives; the answer does not.
    AnswerLost,
    /// It does not arrive.
    CommitLost,
    /// It arrives; neither its answer nor anything afterwards does.
    CutOff,
    /// No connection is made.
    Dead,
}

/// Stands between a store and its server.
pub(super) struct Proxy {
    port: u16,
    weather: Arc<AtomicU8>,
}

impl Proxy {
    pub(super) async fn before(url: &str) -> Self {
        let server = address(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let weather = Arc::new(AtomicU8::new(Weather::Fine as u8));
        let known = Arc::clone(&weather);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if known.load(Ordering::SeqCst) != Weather::Dead as u8 {
                    let there = TcpStream::connect(&server).await.unwrap();
                    pass(client, there, Arc::clone(&known));
                }
            }
        });
        Self { port, weather }
    }

    /// The server's URL, by way of the proxy.
    pub(super) fn url(&self, url: &str) -> String {
        let through = format!("127.0.0.1:{}", self.port);
        format!("{}?sslmode=disable", url.replace(address(url), &through))
    }

    pub(super) fn set(&self, weather: Weather) {
        self.weather.store(weather as u8, Ordering::SeqCst);
    }
}

/// `host:port` of a URL.
fn address(url: &str) -> &str {
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split_once('/').unwrap().0
}

fn pass(client: TcpStream, server: TcpStream, weather: Arc<AtomicU8>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let back = tokio::spawn(copy(from_server, to_client));
    tokio::spawn(async move {
        forward(from_client, to_server, &weather).await;
        back.abort();
    });
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

/// Passes on what the client says, until the connection ends or a commit meets bad weather.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, weather: &AtomicU8) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        let said = &buffer[..read];
        let commit = said.windows(7).any(|word| word == b"COMMIT\0");
        let present = weather.load(Ordering::SeqCst);
        let bad = commit && present != Weather::Fine as u8;
        if bad {
            let next = if present == Weather::CutOff as u8 { Weather::Dead } else { Weather::Fine };
            weather.store(next as u8, Ordering::SeqCst);
            if present == Weather::CommitLost as u8 {
                return;
            }
        }
        if to.write_all(said).await.is_err() || bad {
            return;
        }
    }
}
