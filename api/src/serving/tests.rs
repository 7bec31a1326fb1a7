//! Clients that are slow, or many, over real connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Server;
use super::connection::Patience;
use super::places::Places;
use crate::ambient::random_ids;
use crate::http::body;
use crate::http::pace::Pace;

struct Served {
    address: SocketAddr,
    /// Tells of each request to `/held` that has come.
    come: Arc<Semaphore>,
    /// Lets requests to `/held` be answered.
    released: Arc<Semaphore>,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
}

/// A small service, with a second of patience where the real one has half a minute.
async fn serve(most: usize) -> Served {
    let [come, released] = [(); 2].map(|()| Arc::new(Semaphore::new(0)));
    let (entered, held) = (Arc::clone(&come), Arc::clone(&released));
    let hold = move || async move {
        entered.add_permits(1);
        held.acquire().await.unwrap().forget();
        "done"
    };
    let read = async |request: axum::extract::Request| body::json(request).await.map(|body| body.to_string());
    let router: Router = Router::new()
        .route("/quick", get(async || "quick"))
        .route("/held", get(hold))
        .route("/read", post(read))
        .route("/much", get(async || Bytes::from(vec![b'x'; 64 * 1024 * 1024])));
    let second = Duration::from_secs(1);
    let patience = Patience {
        head: second,
        idle: second,
        answer: second,
        body: Pace { bytes: 1_000, within: second },
        tick: second / 10,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let server = Server {
        router,
        ids: random_ids(),
        places: Arc::new(Places::new(most)),
        proxies: Arc::default(),
        tls: None,
        patience,
    };
    let ended = tokio::spawn(server.run(listener, stop.clone()));
    Served { address, come, released, stop, ended }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Connections whose requests have come and are not answered.
    async fn held(&self, count: u32) -> Vec<TcpStream> {
        let mut held = Vec::new();
        for _ in 0..count {
            let mut stream = self.connect().await;
            stream.write_all(b"GET /held HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n").await.unwrap();
            held.push(stream);
        }
        self.come.acquire_many(count).await.unwrap().forget();
        held
    }

    async fn quick(&self) -> String {
        let mut stream = self.connect().await;
        stream.write_all(b"GET /quick HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n").await.unwrap();
        to_the_end(&mut stream).await
    }
}

/// Everything until the other side closes, or resets because it did not want to hear the rest.
async fn to_the_end(stream: &mut TcpStream) -> String {
    let (mut all, mut part) = (Vec::new(), [0; 4_096]);
    while let Ok(count @ 1..) = stream.read(&mut part).await {
        all.extend_from_slice(&part[..count]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// An answer on a connection that stays.
async fn answer(stream: &mut TcpStream) -> String {
    let mut all = String::new();
    while !all.contains("\r\n\r\n") || !all.ends_with("quick") && !all.ends_with("done") {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.unwrap();
        assert!(count > 0, "closed after {all}");
        all.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    all
}

#[tokio::test]
async fn a_head_that_does_not_end_is_answered_with_408() {
    let served = serve(8).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /quick HTTP/1.1\r\nhost: ").await.unwrap();
    let told = to_the_end(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{told}");
    assert!(told.contains("application/problem+json") && told.contains("head-too-slow"), "{told}");
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_without_words() {
    let served = serve(8).await;
    let mut silent = served.connect().await;
    let mut kept = served.connect().await;
    kept.write_all(b"GET /quick HTTP/1.1\r\nhost: w\r\n\r\n").await.unwrap();
    assert!(answer(&mut kept).await.ends_with("quick"));
    assert_eq!(to_the_end(&mut silent).await, "");
    assert_eq!(to_the_end(&mut kept).await, "");
}

#[tokio::test]
async fn a_body_that_comes_by_single_bytes_is_answered_with_408_and_one_that_keeps_pace_is_read() {
    let served = serve(8).await;
    let mut slow = served.connect().await;
    let head =
        "POST /read HTTP/1.1\r\nhost: w\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = slow.into_split();
    let drip = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        while writing.write_all(b" ").await.is_ok() {
            ticks.tick().await;
        }
    });
    let mut part = [0; 4_096];
    let count = reading.read(&mut part).await.unwrap();
    assert!(part[..count].starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&part[..count]));
    drop(reading);
    drip.await.unwrap();

    let mut steady = served.connect().await;
    steady.write_all(head.as_bytes()).await.unwrap();
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    for _ in 0..9 {
        steady.write_all(&[b' '; 500]).await.unwrap();
        ticks.tick().await;
    }
    steady.write_all(&[vec![b' '; 498], b"[]".to_vec()].concat()).await.unwrap();
    let mut part = [0; 4_096];
    let count = steady.read(&mut part).await.unwrap();
    assert!(part[..count].starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&part[..count]));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_given_up() {
    let served = serve(1).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /much HTTP/1.1\r\nhost: w\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
    assert!(served.quick().await.starts_with("HTTP/1.1 503 "), "it is at work");
    // Once it is given up there is a place for somebody else.
    while !served.quick().await.contains("quick") {}
}

#[tokio::test]
async fn idle_connections_make_room_and_those_at_work_do_not() {
    let served = serve(4).await;
    let mut held = served.held(1).await.remove(0);
    let mut idle = Vec::new();
    for _ in 0..150 {
        idle.push(served.connect().await);
        if idle.len() % 10 == 0 {
            assert!(served.quick().await.ends_with("quick"), "somebody is shut out");
        }
    }
    served.released.add_permits(1);
    assert!(to_the_end(&mut held).await.ends_with("done"), "who is at work is not disturbed");
}

#[tokio::test]
async fn when_everybody_is_at_work_the_next_is_told_so() {
    let served = serve(2).await;
    let held = served.held(2).await;
    let told = served.quick().await;
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("too-many-connections"), "{told}");
    served.released.add_permits(2);
    for mut stream in held {
        assert!(to_the_end(&mut stream).await.ends_with("done"));
    }
    assert!(served.quick().await.ends_with("quick"));
}

#[tokio::test]
async fn a_stop_lets_what_is_under_way_end_and_takes_nothing_new() {
    let served = serve(4).await;
    let mut held = served.held(1).await.remove(0);
    let mut idle = served.connect().await;
    idle.write_all(b"GET /quick HTTP/1.1\r\nhost: w\r\n\r\n").await.unwrap();
    assert!(answer(&mut idle).await.ends_with("quick"));
    served.stop.cancel();
    assert_eq!(to_the_end(&mut idle).await, "");
    served.released.add_permits(1);
    assert!(to_the_end(&mut held).await.ends_with("done"));
    served.ended.await.unwrap();
}
