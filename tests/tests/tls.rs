//! The service speaks TLS with a certificate that it is given, and does not start with one that it cannot use.

#![cfg(test)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use waymark_tests::{Installation, setting};

/// A certificate of `localhost` and its key; none where there is no `openssl` to make them.
fn certificate(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let arguments = ["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1", "-subj", "/CN=localhost"];
    let mut make = Command::new("openssl");
    make.args(arguments).arg("-keyout").arg(&key).arg("-out").arg(&cert);
    let made = make.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if made.is_ok_and(|status| status.success()) {
        return Some((cert, key));
    }
    assert!(setting("WAYMARK_TESTS_STRICT").is_none(), "there is no openssl");
    eprintln!("skipped: no openssl");
    None
}

#[test]
fn a_service_with_a_certificate_speaks_https_and_nothing_else() {
    let installation = Installation::new();
    let Some((cert, key)) = certificate(installation.directory()) else { return };
    let _ = installation.key("admin:root", &["admin"]);
    let files = [("--tls-cert", &cert), ("--tls-key", &key)];
    let mut serve = installation.command(&["serve", "--listen", "127.0.0.1:0"]);
    for (flag, file) in files {
        serve.arg(flag).arg(file);
    }
    let mut child = serve.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let host = loop {
        let line = lines.next().expect("it serves").unwrap();
        if let Some((_, host)) = line.split_once("listening on https://") {
            break host.trim().to_owned();
        }
    };
    let mut client = Command::new("openssl");
    client.args(["s_client", "-quiet", "-verify_return_error", "-connect", &host, "-CAfile"]).arg(&cert);
    let mut client =
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut question = client.stdin.take().unwrap();
    question.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut told = String::new();
    client.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    drop(question);
    client.wait().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(told.starts_with("HTTP/1.1 200 OK"), "{told}");
    assert!(told.contains("strict-transport-security: max-age="), "{told}");
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_at_the_start_by_name() {
    let installation = Installation::new();
    let _ = installation.key("admin:root", &["admin"]);
    let garbage = installation.directory().join("garbage.pem");
    std::fs::write(&garbage, "no certificate").unwrap();
    let missing = installation.directory().join("missing.pem");
    let serve = |cert: &Path, key: &Path| {
        let mut command = installation.command(&["serve", "--listen", "127.0.0.1:0"]);
        let output = command.arg("--tls-cert").arg(cert).arg("--tls-key").arg(key).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for file in [&garbage, &missing] {
        let (code, said) = serve(file, &garbage);
        assert!(code == Some(1) && said.contains(&file.display().to_string()), "{said}");
    }
    if let Some((cert, _)) = certificate(installation.directory()) {
        let (code, said) = serve(&cert, &garbage);
        assert!(code == Some(1) && said.contains("garbage.pem"), "{said}");
    }
    // Half of a pair is no setting.
    let half = installation.run(&["serve", "--listen", "127.0.0.1:0", "--tls-cert", "cert.pem"]);
    assert_eq!(half.code, 64, "{}", half.said());
}
