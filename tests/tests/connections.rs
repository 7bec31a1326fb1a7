//! Somebody holds many connections and says nothing: the others are served all the same, and the server log stays quiet.

#![cfg(test)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use waymark_tests::{Client, Installation};

/// A server that may open so few files.
struct Narrow {
    child: Child,
    host: String,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Narrow {
    fn serve(installation: &Installation, files: u32) -> Self {
        let served = installation.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut narrow = Command::new("sh");
        narrow.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]);
        narrow.arg(served.get_program()).args(served.get_args());
        for (name, value) in served.get_envs() {
            match value {
                Some(value) => narrow.env(name, value),
                None => narrow.env_remove(name),
            };
        }
        narrow.current_dir(installation.directory());
        narrow.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = narrow.spawn().expect("a shell can be started");
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let host = loop {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).expect("it can be read") > 0, "it ended before it served");
            if let Some((_, host)) = line.trim().split_once("listening on http://") {
                break host.to_owned();
            }
        };
        Self { child, host, stderr }
    }

    fn with_key(&self, key: &str) -> Client {
        Client::at(&format!("http://{}", self.host), key)
    }

    /// Ends it and answers what it wrote to the server log.
    fn end(mut self) -> String {
        self.child.kill().expect("it can be ended");
        self.child.wait().expect("it ends");
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).expect("its server log is text");
        said
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_and_fifty_idle_connections_at_sixty_four_files_shut_nobody_out() {
    let installation = Installation::on_sqlite();
    let key = installation.key("admin:root", &["admin"]);
    let server = Narrow::serve(&installation, 64);
    let admin = server.with_key(&key);
    assert_eq!(admin.create_pipeline("landian-6").await.status, 201);
    let mut idle = Vec::new();
    for number in 1..=150 {
        idle.push(TcpStream::connect(&server.host).expect("the system takes it"));
        if number % 30 == 0 {
            // A new client: nothing of it is connected yet.
            let newcomer = server.with_key(&key);
            newcomer.register(json!({"pipeline": "landian-6", "name": format!("Pier {number}")})).await;
        }
    }
    let head = admin.head().await;
    let customers = admin.get(&format!("/v1/customers?min_position={head}&wait_ms=20000")).await.expect(200);
    assert_eq!(customers.items().len(), 5);
    drop(idle);
    let said = server.end();
    assert!(!said.contains("ERROR"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_break_off_are_counted_and_leave_no_line_in_the_server_log() {
    let installation = Installation::on_sqlite();
    let key = installation.key("admin:root", &["admin"]);
    let server = Narrow::serve(&installation, 1_024);
    let admin = server.with_key(&key);
    let counted = async || {
        let metrics = admin.get("/metrics").await.expect(200);
        let counts = metrics.text.lines().filter(|line| line.starts_with("waymark_bodies_unread_total"));
        counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum::<u64>()
    };
    let paths = [
        ("/v1/customers", "application/json"),
        ("/v1/bulk", "application/x-ndjson"),
        ("/v1/imports?pipeline=p&case=c&status=s&time=t", "text/csv"),
    ];
    for (number, (path, content_type)) in (1..).zip(paths) {
        let mut broken = TcpStream::connect(&server.host).expect("the system takes it");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: w\r\nauthorization: Bearer {key}\r\ncontent-type: {content_type}\r\n\
             content-length: 1000\r\n\r\n{{\"a\": c,s,t"
        );
        broken.write_all(head.as_bytes()).expect("it can be sent");
        broken.shutdown(std::net::Shutdown::Write).expect("it can be closed");
        while counted().await < number {}
    }
    let said = server.end();
    assert!(!said.contains("ERROR") && !said.contains("WARN"), "{said}");
}
