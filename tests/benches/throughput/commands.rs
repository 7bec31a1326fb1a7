//! Durable commands over HTTP: transitions of a thousand customers, each decided, sealed, hashed and on disk
//! before its answer, beside servers that do less.

use std::io;
use std::time::{Duration, Instant};

use serde_json::json;
use waymark_tests::load::{Connection, Measured, measure as run};
use waymark_tests::{Installation, Server};

use crate::cpu::Counters;
use crate::engine::Engine;
use crate::floors::{ALONE, ECHO, Floor, GROUPED};
use crate::{Size, Table};

/// Of a full run; a small one has fewer.
const CUSTOMERS: usize = 1_000;
/// There and back, so that every round leaves the customers where they were.
pub(crate) const MOVES: [&str; 2] = ["contacted", "new_lead"];
/// Where the targets are set.
pub(crate) const TARGET_CLIENTS: usize = 64;

/// Where the load goes.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) key: String,
    /// One path for each customer; a floor has one path for all.
    pub(crate) paths: Vec<String>,
}

/// One run of the load.
#[derive(Clone, Copy)]
struct Load {
    clients: usize,
    customers: usize,
    rounds: usize,
}

pub(crate) async fn measure(engine: Engine, size: Size, table: &mut Table) {
    table.section(&format!("durable commands over HTTP on {}", engine.name()));
    let installation = engine.installation();
    let (server, ours) = service(&installation, customers(size)).await;
    let mut at_target = Vec::new();
    for load in loads(size) {
        let counters = Counters::now();
        let measured = ours.run(load).await;
        report(table, "transitions", &measured);
        if load.clients == TARGET_CLIENTS {
            table.figure("of them, the machine", String::new(), counters.used().to_string());
        }
        at_target.extend((load.clients == TARGET_CLIENTS).then_some(measured.per_second));
    }
    drop(server);
    for kind in [ALONE, GROUPED, ECHO] {
        let floor = Floor::start(kind, &engine.floor_database(&installation, &format!("{kind}.db")));
        let target =
            Target { host: floor.host().to_owned(), key: String::new(), paths: vec!["/".to_owned()] };
        for load in loads(size) {
            let measured = target.run(load).await;
            report(table, floor_name(kind), &measured);
            at_target.extend((load.clients == TARGET_CLIENTS).then_some(measured.per_second));
        }
    }
    if let [ours, alone, grouped, echo] = at_target[..] {
        match engine {
            Engine::Sqlite => table.ratio("transitions at 64 clients / (a)", ours, alone, 4.0),
            Engine::Postgres => {
                let figure = format!("{:.2}x", ours / alone);
                table.figure("transitions at 64 clients / (a)", figure, "for comparison");
            }
        }
        table.ratio("transitions at 64 clients / (b)", ours, grouped, 0.5);
        table.figure("transitions at 64 clients / (c)", format!("{:.2}x", ours / echo), "for comparison");
    }
}

fn loads(size: Size) -> [Load; 4] {
    let customers = customers(size);
    let (alone, rounds) = if size == Size::Full { (customers, 10) } else { (customers / 3, 1) };
    [
        Load { clients: 1, customers: alone, rounds: 1 },
        Load { clients: 16, customers, rounds },
        Load { clients: TARGET_CLIENTS, customers, rounds },
        Load { clients: 256, customers, rounds },
    ]
}

pub(crate) fn customers(size: Size) -> usize {
    if size == Size::Full { CUSTOMERS } else { CUSTOMERS / 3 }
}

fn floor_name(kind: &str) -> &'static str {
    match kind {
        ALONE => "floor (a): one durable transaction an event",
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

/// Transitions a second at 64 clients, the most that is asked of a paced load.
pub(crate) async fn peak(ours: &Target, rounds: usize) -> f64 {
    ours.run(Load { clients: TARGET_CLIENTS, customers: ours.paths.len(), rounds }).await.per_second
}

/// A served database with N customers.
pub(crate) async fn service(installation: &Installation, customers: usize) -> (Server, Target) {
    let key = installation.key("manager:wang", &["manager"]);
    let server = installation.serve();
    let created = server.with_key(&key).create_pipeline("helloword-13").await;
    assert_eq!(created.status, 201, "{}", created.text);
    let host = server.address().trim_start_matches("http://").to_owned();
    let mut connection = Connection::open(&host, &key).await.expect("the server listens");
    let mut paths = Vec::new();
    for number in 0..customers {
        let body = json!({"pipeline": "helloword-13", "name": format!("Customer {number}")}).to_string();
        let (status, answer) = connection.post("/v1/customers", &body).await.expect("an answer");
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
        let answer: serde_json::Value = serde_json::from_slice(answer).expect("an answer is JSON");
        paths.push(format!("/v1/customers/{}/transitions", answer["id"].as_str().expect("an id")));
    }
    (server, Target { host, key, paths })
}

/// The body of a move.
pub(crate) fn transition(to: &str, round: usize) -> String {
    let note = format!("round {round}: asked for a quote and a sample");
    json!({"to": to, "note": note, "next_step": "send it this week"}).to_string()
}

impl Target {
    /// Every client is connected before the first one sends: connecting is not what is measured.
    async fn run(&self, load: Load) -> Measured {
        let mut clients = Vec::new();
        for client in 0..load.clients {
            let connection = Connection::open(&self.host, &self.key).await.expect("the server listens");
            clients.push(self.clone().client(connection, client, load));
        }
        run(clients).await.expect("every request is accepted")
    }

    /// One client moves every so-manieth customer there, then back.
    async fn client(
        self,
        mut connection: Connection,
        client: usize,
        load: Load,
    ) -> io::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        for round in 0..load.rounds {
            for to in MOVES {
                for customer in (client..load.customers).step_by(load.clients) {
                    let body = transition(to, round);
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
