//! Durable commands over HTTP: transitions of a thousand customers, each decided, sealed, hashed and on disk
//! before its answer, beside servers that do less.

use std::io;
use std::time::{Duration, Instant};

use serde_json::json;
use waymark_tests::load::{Connection, Measured, measure as run};
use waymark_tests::{Installation, Server};

use crate::floors::{ALONE, ECHO, Floor, GROUPED};
use crate::{Size, Table};

const CUSTOMERS: usize = 1_000;
/// There and back, so that every round leaves the customers where they were.
const MOVES: [&str; 2] = ["contacted", "new_lead"];
/// Where the targets are set.
const TARGET_CLIENTS: usize = 64;

/// Where the load goes.
#[derive(Clone)]
struct Target {
    host: String,
    key: String,
    /// One path for each customer; a floor has one path for all.
    paths: Vec<String>,
}

/// One run of the load.
#[derive(Clone, Copy)]
struct Load {
    clients: usize,
    customers: usize,
    rounds: usize,
}

pub(crate) async fn measure(size: Size, table: &mut Table) {
    table.section("durable commands over HTTP");
    let installation = Installation::new();
    let (server, ours) = service(&installation).await;
    let mut at_target = Vec::new();
    for load in loads(size) {
        let measured = ours.run(load).await;
        report(table, "transitions", &measured);
        at_target.extend((load.clients == TARGET_CLIENTS).then_some(measured.per_second));
    }
    drop(server);
    for kind in [ALONE, GROUPED, ECHO] {
        let floor = Floor::start(kind, &installation.directory().join(format!("{kind}.db")));
        let target =
            Target { host: floor.host().to_owned(), key: String::new(), paths: vec!["/".to_owned()] };
        for load in loads(size) {
            let measured = target.run(load).await;
            report(table, floor_name(kind), &measured);
            at_target.extend((load.clients == TARGET_CLIENTS).then_some(measured.per_second));
        }
    }
    if let [ours, alone, grouped, echo] = at_target[..] {
        table.ratio("transitions at 64 clients / (a)", ours, alone, 4.0);
        table.ratio("transitions at 64 clients / (b)", ours, grouped, 0.5);
        table.figure("transitions at 64 clients / (c)", format!("{:.2}x", ours / echo), "for comparison");
    }
}

fn loads(size: Size) -> [Load; 4] {
    let rounds = if size == Size::Full { 10 } else { 1 };
    let alone = if size == Size::Full { CUSTOMERS } else { CUSTOMERS / 5 };
    [
        Load { clients: 1, customers: alone, rounds: 1 },
        Load { clients: 16, customers: CUSTOMERS, rounds },
        Load { clients: TARGET_CLIENTS, customers: CUSTOMERS, rounds },
        Load { clients: 256, customers: CUSTOMERS, rounds },
    ]
}

fn floor_name(kind: &str) -> &'static str {
    match kind {
        ALONE => "floor (a): one fsynced transaction an event",
        GROUPED => "floor (b): bare rows by group commit",
        _ => "floor (c): parse and echo",
    }
}

fn report(table: &mut Table, name: &str, measured: &Measured) {
    let name = format!("{name}, {} clients", measured.clients);
    let milliseconds = |latency: Duration| latency.as_secs_f64() * 1000.0;
    let remark =
        format!("p50 {:.2} ms, p99 {:.2} ms", milliseconds(measured.p50), milliseconds(measured.p99));
    table.rate(&name, measured.per_second, remark);
}

/// A served database with a thousand customers.
async fn service(installation: &Installation) -> (Server, Target) {
    let key = installation.key("manager:wang", &["manager"]);
    let server = installation.serve();
    let created = server.with_key(&key).create_pipeline("helloword-13").await;
    assert_eq!(created.status, 201, "{}", created.text);
    let host = server.address().trim_start_matches("http://").to_owned();
    let mut connection = Connection::open(&host, &key).await.expect("the server listens");
    let mut paths = Vec::new();
    for number in 0..CUSTOMERS {
        let body = json!({"pipeline": "helloword-13", "name": format!("Customer {number}")}).to_string();
        let (status, answer) = connection.post("/v1/customers", &body).await.expect("an answer");
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
        let answer: serde_json::Value = serde_json::from_slice(answer).expect("an answer is JSON");
        paths.push(format!("/v1/customers/{}/transitions", answer["id"].as_str().expect("an id")));
    }
    (server, Target { host, key, paths })
}

impl Target {
    async fn run(&self, load: Load) -> Measured {
        let clients = (0..load.clients).map(|client| self.clone().client(client, load));
        run(clients).await.expect("every request is accepted")
    }

    /// One client moves every so-manieth customer there, then back.
    async fn client(self, client: usize, load: Load) -> io::Result<Vec<Duration>> {
        let mut connection = Connection::open(&self.host, &self.key).await?;
        let mut latencies = Vec::new();
        for round in 0..load.rounds {
            for to in MOVES {
                for customer in (client..load.customers).step_by(load.clients) {
                    let note = format!("round {round}: asked for a quote and a sample");
                    let body = json!({"to": to, "note": note, "next_step": "send it this week"}).to_string();
                    let sent = Instant::now();
                    let (status, answer) =
                        connection.post(&self.paths[customer % self.paths.len()], &body).await?;
                    if status != 200 {
                        return Err(io::Error::other(format!(
                            "{status}: {}",
                            String::from_utf8_lossy(answer)
                        )));
                    }
                    latencies.push(sent.elapsed());
                }
            }
        }
        Ok(latencies)
    }
}
