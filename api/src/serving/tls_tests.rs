//! Clients that come by TLS, over real connections.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;

use super::connection::Patience;
use super::places::Places;
use super::tls::TlsError;
use super::{Server, Tls};
use crate::ambient::random_ids;
use crate::http::pace::Pace;

/// DER: a tag, the length, the content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..128 => vec![tag, length[1]],
        128..256 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [head, content.to_vec()].concat()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

/// A certificate of `localhost` that its own key signed (RFC 5280, Ed25519 by RFC 8410), and that key.
struct Certificate {
    der: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    fn new() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref().to_vec();
        let pair = Ed25519KeyPair::from_pkcs8(&key).unwrap();
        let algorithm = sequence(&[vec![0x06, 3, 0x2b, 0x65, 0x70]]);
        let bits = |bytes: &[u8]| der(0x03, &[&[0], bytes].concat());
        let common_name = sequence(&[vec![0x06, 3, 0x55, 0x04, 0x03], der(0x0c, b"localhost")]);
        let name = sequence(&[der(0x31, &common_name)]);
        let day = |text: &str| der(0x18, text.as_bytes());
        let alternative = der(0x04, &sequence(&[der(0x82, b"localhost")]));
        let extension = sequence(&[vec![0x06, 3, 0x55, 0x1d, 0x11], alternative]);
        let told = sequence(&[
            der(0xa0, &der(0x02, &[2])),
            der(0x02, &[1]),
            algorithm.clone(),
            name.clone(),
            sequence(&[day("20200101000000Z"), day("21000101000000Z")]),
            name,
            sequence(&[algorithm.clone(), bits(pair.public_key().as_ref())]),
            der(0xa3, &sequence(&[extension])),
        ]);
        let signature = bits(pair.sign(&told).as_ref());
        Self { der: sequence(&[told, algorithm, signature]), key }
    }

    /// Puts the two files there; the names stay the same.
    fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let pem = |label: &str, bytes: &[u8]| {
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(bytes))
        };
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, pem("CERTIFICATE", &self.der)).unwrap();
        std::fs::write(&key, pem("PRIVATE KEY", &self.key)).unwrap();
        (cert, key)
    }
}

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
}

/// A small service by TLS, with a second of patience where the real one has half a minute.
async fn serve(tls: Arc<Tls>, most: usize) -> Served {
    let scheme = async |headers: HeaderMap| {
        let said: Vec<_> = headers.get_all("x-forwarded-proto").iter().collect();
        format!("{said:?}")
    };
    let router = Router::new().route("/scheme", get(scheme));
    let second = Duration::from_secs(1);
    let body = Pace { bytes: 1_000, within: second };
    let patience = Patience { head: second, idle: second, answer: second, body, tick: second / 10 };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let (places, tls) = (Arc::new(Places::new(most)), Some(tls));
    let server = Server { router, ids: random_ids(), places, proxies: Arc::default(), tls, patience };
    let ended = tokio::spawn(server.run(listener, stop.clone()));
    Served { address, stop, ended }
}

impl Served {
    /// A connection that trusts this certificate alone and speaks one of these protocols.
    async fn connect(
        &self,
        trusted: &Certificate,
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(trusted.der.clone())).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

async fn answer(mut stream: TlsStream<TcpStream>, head: &str) -> String {
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut all, mut part) = (Vec::new(), [0; 4_096]);
    while let Ok(count @ 1..) = stream.read(&mut part).await {
        all.extend_from_slice(&part[..count]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

const QUESTION: &str =
    "GET /scheme HTTP/1.1\r\nhost: localhost\r\nx-forwarded-proto: http\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn what_is_asked_by_tls_is_answered_and_browsers_are_told_to_come_that_way_again() {
    let (folder, certificate) = (tempfile::tempdir().unwrap(), Certificate::new());
    let (cert, key) = certificate.write(folder.path());
    let served = serve(Arc::new(Tls::open(cert, key).unwrap()), 8).await;
    let stream = served.connect(&certificate, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let told = answer(stream, QUESTION).await;
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    assert!(told.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{told}");
    // Whatever the client says, it came by TLS: the cookie of a session is never sent otherwise.
    assert!(told.ends_with("[\"https\"]"), "{told}");
    assert!(served.connect(&certificate, &["h2"]).await.is_err(), "nothing that the service speaks");
    served.stop.cancel();
    served.ended.await.unwrap();
}

#[tokio::test]
async fn a_head_that_does_not_end_is_answered_with_408_by_tls_too() {
    let (folder, certificate) = (tempfile::tempdir().unwrap(), Certificate::new());
    let (cert, key) = certificate.write(folder.path());
    let served = serve(Arc::new(Tls::open(cert, key).unwrap()), 8).await;
    let told =
        answer(served.connect(&certificate, &[]).await.unwrap(), "GET /scheme HTTP/1.1\r\nhost: ").await;
    assert!(told.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{told}");
}

#[tokio::test]
async fn a_handshake_that_does_not_end_gives_its_place_back_by_itself_and_to_another_at_once() {
    let (folder, certificate) = (tempfile::tempdir().unwrap(), Certificate::new());
    let (cert, key) = certificate.write(folder.path());
    let served = serve(Arc::new(Tls::open(cert, key).unwrap()), 2).await;
    // All places are taken by some who say nothing, or half of a hello: they go when one comes who means it.
    let mut slow = Vec::new();
    for said in [&b""[..], &b"\x16\x03\x01\x02"[..]] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        slow.push(stream);
    }
    let told = answer(served.connect(&certificate, &[]).await.unwrap(), QUESTION).await;
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    // The rest goes when its time is up: the other end hears the end of the connection.
    for mut stream in slow {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn plain_http_and_garbage_get_no_answer_and_harm_nobody() {
    let (folder, certificate) = (tempfile::tempdir().unwrap(), Certificate::new());
    let (cert, key) = certificate.write(folder.path());
    let served = serve(Arc::new(Tls::open(cert, key).unwrap()), 8).await;
    let mut plain = TcpStream::connect(served.address).await.unwrap();
    plain.write_all(QUESTION.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("HTTP"), "{rest:?}");
    let told = answer(served.connect(&certificate, &[]).await.unwrap(), QUESTION).await;
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_from_the_next_connection_on_and_a_broken_one_never() {
    let (folder, first, second) = (tempfile::tempdir().unwrap(), Certificate::new(), Certificate::new());
    let (cert, key) = first.write(folder.path());
    let served = serve(Arc::new(Tls::open(cert.clone(), key.clone()).unwrap()), 8).await;
    // Half of a renewal: the certificate is another one already, the key is not.
    std::fs::write(&cert, "-----BEGIN CERTIFICATE-----\n").unwrap();
    assert!(served.connect(&first, &[]).await.is_ok());
    second.write(folder.path());
    assert!(served.connect(&second, &[]).await.is_ok());
    assert!(served.connect(&first, &[]).await.is_err());
}

#[test]
fn files_that_are_no_certificate_with_its_key_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = Certificate::new().write(folder.path());
    let refused = |cert: &Path, key: &Path| match Tls::open(cert.to_owned(), key.to_owned()) {
        Err(error) => error,
        Ok(_) => panic!("it was taken"),
    };
    let missing = folder.path().join("missing.pem");
    assert!(refused(&missing, &key).to_string().starts_with(missing.to_str().unwrap()));
    assert!(refused(&cert, &missing).to_string().starts_with(missing.to_str().unwrap()));
    assert!(refused(&key, &key).to_string().starts_with(key.to_str().unwrap()));
    assert!(refused(&cert, &cert).to_string().starts_with(cert.to_str().unwrap()));
    let other = tempfile::tempdir().unwrap();
    let (_, another) = Certificate::new().write(other.path());
    let error = refused(&cert, &another);
    assert!(matches!(error, TlsError::Pair { .. }), "{error}");
    assert!(
        error.to_string().contains(cert.to_str().unwrap())
            && error.to_string().contains(another.to_str().unwrap())
    );
}
