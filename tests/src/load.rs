//! A load generator cheap enough not to be what is measured: HTTP/1.1 with keep-alive, written by hand on a socket.
//!
//! Each client sends its next request when it has the answer to the last (a closed loop), so the rate is what the
//! server gives, and the latency is what a caller waits.

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is kept open.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    host: String,
    key: String,
    sent: Vec<u8>,
    received: Vec<u8>,
}

/// What a run of many clients measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// How many clients there were.
    pub clients: usize,
    /// Requests answered per second.
    pub per_second: f64,
    /// Half of the requests were answered within this.
    pub p50: Duration,
    /// All but one in a hundred were answered within this.
    pub p99: Duration,
}

impl Connection {
    /// Connects to `host` (such as `127.0.0.1:8080`); every request carries the API key.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(host: &str, key: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            host: host.to_owned(),
            key: key.to_owned(),
            sent: Vec::new(),
            received: Vec::new(),
        })
    }

    /// Sends one JSON document and gives the status of the answer and its body.
    ///
    /// # Errors
    /// When the connection breaks, or what comes back is not an HTTP answer with a length.
    pub async fn post(&mut self, path: &str, body: &str) -> io::Result<(u16, &[u8])> {
        self.sent.clear();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.host,
            self.key,
            body.len()
        );
        self.sent.extend_from_slice(head.as_bytes());
        self.sent.extend_from_slice(body.as_bytes());
        self.stream.write_all(&self.sent).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> io::Result<(u16, &[u8])> {
        self.received.clear();
        let head = loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let (status, length) = read_head(&self.received[..head])?;
        while self.received.len() < head + length {
            self.more().await?;
        }
        Ok((status, &self.received[head..head + length]))
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            _ => Ok(()),
        }
    }
}

/// Runs one loop per client until all are done, and puts their latencies together.
///
/// # Errors
/// The first error of any client.
pub async fn measure<F>(clients: impl IntoIterator<Item = F>) -> io::Result<Measured>
where
    F: Future<Output = io::Result<Vec<Duration>>> + Send + 'static,
{
    let started = Instant::now();
    let tasks: Vec<_> = clients.into_iter().map(|client| tokio::spawn(client)).collect();
    let clients = tasks.len();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.map_err(io::Error::other)??);
    }
    let seconds = started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Measured {
        clients,
        per_second: latencies.len() as f64 / seconds,
        p50: percentile(&latencies, 50),
        p99: percentile(&latencies, 99),
    })
}

/// The smallest value that N of a hundred do not exceed; nothing where there is no value.
#[must_use]
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or_default()
}

/// The status and the length of the body.
fn read_head(head: &[u8]) -> io::Result<(u16, usize)> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer with a length");
    let text = std::str::from_utf8(head).map_err(|_| broken())?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse().ok());
    status.zip(length).ok_or_else(broken)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_gives_status_and_length_whatever_the_case_of_its_names() {
        let head = b"HTTP/1.1 201 Created\r\ncontent-type: x\r\nCONTENT-LENGTH: 17\r\n\r\n";
        assert_eq!(read_head(head).unwrap(), (201, 17));
        assert!(read_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(read_head(b"hello\r\n\r\n").is_err());
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let latencies: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&latencies, 50), Duration::from_millis(100));
        assert_eq!(percentile(&latencies, 99), Duration::from_millis(198));
        assert_eq!(percentile(&latencies[..1], 99), Duration::from_millis(1));
    }
}
