//! How far the read models are behind the log at half of the rate that the service takes at most.
//!
//! The load is paced: a client sends when it is due, and at once where it is late. An event's lag begins with the answer
//! to its command and ends when the checkpoint of the last read model is seen at its position or beyond. The checkpoint
//! is committed with the rows, so anyone who reads then finds them. Nobody asks the read models meanwhile: a reader who
//! waits would hurry them.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;
use waymark_tests::Installation;
use waymark_tests::load::{Connection, percentile};

use crate::commands::{self, MOVES, TARGET_CLIENTS, Target, transition};
use crate::cpu::Counters;
use crate::durable::Bare;
use crate::engine::Engine;
use crate::{Size, Table};

/// A projection is late when its 99th percentile is beyond this.
const LATE: Duration = Duration::from_secs(1);
/// How often the checkpoints are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How many read models a tenant has.
const MODELS: i64 = 4;

pub(crate) async fn measure(engine: Engine, size: Size, table: &mut Table) {
    table.section(&format!("projection lag on {}", engine.name()));
    let installation = engine.installation();
    let (server, target) = commands::service(&installation, commands::customers(size)).await;
    let (rounds, seconds) = if size == Size::Full { (5, 20) } else { (1, 3) };
    let peak = commands::peak(&target, rounds).await;
    let watch = Watch::start(engine, &installation).await;
    let counters = Counters::now();
    let due = (peak / 2.0 * f64::from(seconds)) as usize;
    let sent = paced(&target, peak / 2.0, due, &watch).await.expect("every request is accepted");
    let used = counters.used();
    let lags = watch.lags().await;
    drop(server);
    let achieved = lags.len() as f64 / sent.as_secs_f64();
    table.rate("half of the peak, paced", achieved, format!("peak {peak:.0}/s at 64 clients; {used}"));
    table.figure(
        "projection lag, p50",
        format!("{:.3?}", percentile(&lags, 50)),
        "of the slowest read model",
    );
    table.within("projection lag, p99", percentile(&lags, 99), LATE, &format!("{} events", lags.len()));
}

/// Sends N moves at that rate. Answers how long that took.
async fn paced(target: &Target, rate: f64, due: usize, watch: &Watch) -> io::Result<Duration> {
    let started = Instant::now();
    let clients: Vec<_> = (0..TARGET_CLIENTS)
        .map(|client| {
            let (target, events) = (target.clone(), watch.events.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(&target.host, &target.key).await?;
                let mine: Vec<&String> = target.paths.iter().skip(client).step_by(TARGET_CLIENTS).collect();
                for (turn, number) in (client..due).step_by(TARGET_CLIENTS).enumerate() {
                    sleep_until(started + Duration::from_secs_f64(number as f64 / rate)).await;
                    let (path, round) = (mine[turn % mine.len()], turn / mine.len());
                    let body = transition(MOVES[round % MOVES.len()], round);
                    let (status, answer) = connection.post(path, &body).await?;
                    let answer: serde_json::Value = serde_json::from_slice(answer)?;
                    let position = answer["position"].as_u64();
                    let refused = || io::Error::other(format!("{status}: {answer}"));
                    let position = position.filter(|_| status == 200).ok_or_else(refused)?;
                    events.send(Event { tenant: None, position, at: Instant::now() }).ok();
                }
                Ok::<_, io::Error>(())
            })
        })
        .collect();
    for client in clients {
        client.await.map_err(io::Error::other)??;
    }
    Ok(started.elapsed())
}

/// An event that was acknowledged.
pub(crate) struct Event {
    /// Whose it is; none where there is one tenant alone.
    pub(crate) tenant: Option<Uuid>,
    pub(crate) position: u64,
    /// When its append was acknowledged.
    pub(crate) at: Instant,
}

/// Looks at the checkpoints, and notes of each event when it was seen there.
pub(crate) struct Watch {
    pub(crate) events: mpsc::UnboundedSender<Event>,
    looking: JoinHandle<Vec<Duration>>,
}

impl Watch {
    pub(crate) async fn start(engine: Engine, installation: &Installation) -> Self {
        let database = engine.views(installation).await;
        let (events, heard) = mpsc::unbounded_channel();
        let looking = tokio::spawn(look(database, engine.view_table("projection_checkpoint"), heard));
        Self { events, looking }
    }

    /// Waits until every event was seen, and gives their lags, the shortest first.
    pub(crate) async fn lags(self) -> Vec<Duration> {
        drop(self.events);
        let mut lags = self.looking.await.expect("the user ends when all was seen");
        lags.sort_unstable();
        lags
    }
}

async fn look(database: Bare, table: String, mut heard: mpsc::UnboundedReceiver<Event>) -> Vec<Duration> {
    let (mut waiting, mut lags): (Vec<Event>, _) = (Vec::new(), Vec::new());
    loop {
        while let Ok(event) = heard.try_recv() {
            waiting.push(event);
        }
        if waiting.is_empty() && heard.is_closed() && heard.is_empty() {
            return lags;
        }
        let positions = database.positions(&table, MODELS).await;
        let seen = Instant::now();
        waiting.retain(|event| {
            let waits = position_of(&positions, event.tenant) < event.position;
            if !waits {
                lags.push(seen.saturating_duration_since(event.at));
            }
            waits
        });
        sleep(LOOK).await;
    }
}

fn position_of(positions: &HashMap<Uuid, u64>, tenant: Option<Uuid>) -> u64 {
    let position = match tenant {
        Some(tenant) => positions.get(&tenant),
        None => positions.values().next(),
    };
    position.copied().unwrap_or(0)
}
