//! Servers of the same kind as ours that do less: what the same HTTP stack gives when there is nothing to decide.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::durable::{Bare, GroupCommitter};

/// The argument that makes this program a floor's server instead of the benchmark.
pub(crate) const FLAG: &str = "--floor";

/// Bytes of a bare row: about those of the entry of a move.
pub(crate) const ROW_BYTES: usize = 1_100;

/// The floors, by the name they are started with.
pub(crate) const ALONE: &str = "alone";
/// Bare rows by group commit.
pub(crate) const GROUPED: &str = "grouped";
/// A handler that only parses and echoes.
pub(crate) const ECHO: &str = "echo";

/// A floor's process.
pub(crate) struct Floor {
    child: Child,
    host: String,
}

impl Floor {
    /// Starts this program again as the server of a floor.
    pub(crate) fn start(kind: &str, database: &str) -> Self {
        let program = std::env::current_exe().expect("this program is a file");
        let mut child = Command::new(program)
            .args([FLAG, kind])
            .arg(database)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started again");
        let mut host = String::new();
        let stdout = child.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut host).expect("the floor says where it listens");
        Self { child, host: host.trim().to_owned() }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Serves a floor until the process is ended.
#[expect(clippy::print_stdout, reason = "the parent process reads the address from here")]
pub(crate) async fn serve(kind: &str, database: &str) {
    let router = match kind {
        ALONE => Router::new().route("/", post(alone)).with_state(Bare::open(database).await),
        GROUPED => {
            let committer = GroupCommitter::start(Bare::open(database).await);
            Router::new().route("/", post(grouped)).with_state(Arc::new(committer))
        }
        _ => Router::new().route("/", post(echo)),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("it has an address"));
    axum::serve(listener, router).await.expect("it serves");
}

async fn alone(State(bare): State<Bare>, Json(body): Json<Value>) -> Json<Value> {
    bare.append_alone(&entry(&body)).await;
    Json(body)
}

async fn grouped(State(committer): State<Arc<GroupCommitter>>, Json(body): Json<Value>) -> Json<Value> {
    committer.append(entry(&body)).await;
    Json(body)
}

async fn echo(Json(body): Json<Value>) -> Json<Value> {
    Json(body)
}

/// The body, filled up to the size of an entry.
pub(crate) fn entry(body: &Value) -> Vec<u8> {
    let mut entry = body.to_string().into_bytes();
    entry.resize(ROW_BYTES, b' ');
    entry
}
