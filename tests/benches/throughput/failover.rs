//! How long the read models stand still when the process that keeps them up is killed.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use waymark_tests::{Client, Installation, Server};

use crate::engine::Engine;
use crate::{Size, Table};

/// Enough that each of two processes keeps up some of them.
const TENANTS: usize = 12;
const TARGET: Duration = Duration::from_secs(5);

pub(crate) async fn measure(size: Size, table: &mut Table) {
    table.section("failover of projection work, two processes");
    let installation = Engine::Postgres.installation();
    let keys: Vec<String> = (0..TENANTS).map(|number| key(&installation, number)).collect();
    let mut servers = [start(&installation), start(&installation)];
    for client in clients(&servers[0], &keys) {
        let created = client.create_pipeline("helloword-13").await;
        assert_eq!(created.status, 201, "{}", created.text);
    }
    let mut longest = Duration::ZERO;
    let kills = if size == Size::Full { 6 } else { 1 };
    for kill in 0..kills {
        // Both are at work, no matter who has which tenant.
        write_and_wait(&clients(&servers[1], &keys), Instant::now()).await;
        let killed = Instant::now();
        let [victim, other] = servers;
        victim.kill();
        let stood_still = write_and_wait(&clients(&other, &keys), killed).await;
        table.figure(
            &format!("kill {}", kill + 1),
            format!("{stood_still:.2?}"),
            "the last of 12 tenants went on",
        );
        longest = longest.max(stood_still);
        servers = [other, start(&installation)];
    }
    table.within("longest takeover", longest, TARGET, &format!("{kills} kills"));
}

/// Appends to every tenant, and waits until every read model that the service answers from shows it.
async fn write_and_wait(clients: &[Client], since: Instant) -> Duration {
    join_all(clients.iter().map(|client| async move {
        client.register(json!({"pipeline": "helloword-13", "name": "Harbour Foods"})).await;
        let head = client.head().await;
        for page in ["boards/helloword-13", "dwell/helloword-13"] {
            let path = format!("/v1/{page}?min_position={head}&wait_ms=20000");
            let answer = client.get(&path).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }))
    .await;
    since.elapsed()
}

fn key(installation: &Installation, number: usize) -> String {
    let tenant = format!("tenant-{number}");
    let _ = installation.run(&["migrate", "--tenant", &tenant]).succeeded();
    let arguments = ["token", "create", "--tenant", &tenant, "--actor", "admin:root", "--role", "admin"];
    installation.run(&arguments).succeeded().trim().to_owned()
}

fn start(installation: &Installation) -> Server {
    Server::launch(installation, &["serve", "--listen", "127.0.0.1:0"], 1)
}

fn clients(server: &Server, keys: &[String]) -> Vec<Client> {
    keys.iter().map(|key| server.with_key(key)).collect()
}
