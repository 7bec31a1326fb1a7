//! Several servers on one PostgreSQL database: any of them may be killed at any moment, and a caller of another one
//! finds everything.
//!
//! `WAYMARK_NODE_KILLS` sets how often (20 unless told). How long the read models stood still at most after a kill is
//! printed; the benchmark measures it beside its target.

#![cfg(test)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::sync::watch;
use waymark_tests::{Client, Installation, Server, Writer, assert_nothing_lost_or_doubled, setting};

const NODES: usize = 3;
const WRITERS: usize = 12;
const KILLS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_share_a_database_and_any_of_them_may_be_killed() {
    let Some(installation) = Installation::on_postgres() else { return };
    let kills = setting("WAYMARK_NODE_KILLS").map_or(KILLS, |text| text.parse().expect("a number of kills"));
    let mut chance = StdRng::seed_from_u64(7);
    let writers = Writer::hire(&installation, WRITERS).await;
    let key = installation.key("manager:wang", &["manager"]);
    let mut servers: Vec<Server> = (0..NODES).map(|_| start(&installation)).collect();
    let addresses = Arc::new(Mutex::new(clients(&servers, &key)));
    let (answered, mut progress) = watch::channel(0_u64);
    let (stop, stopped) = watch::channel(false);
    let tasks: Vec<_> = writers
        .into_iter()
        .enumerate()
        .map(|(number, writer)| {
            let (addresses, answered) = (Arc::clone(&addresses), answered.clone());
            tokio::spawn(write(writer, number, addresses, answered, stopped.clone()))
        })
        .collect();

    let mut longest = Duration::ZERO;
    for kill in 1..=kills {
        let enough = *progress.borrow() + chance.random_range(20..=120);
        progress.wait_for(|count| *count >= enough).await.expect("the writers are at work");
        let victim = chance.random_range(0..NODES);
        let killed = Instant::now();
        servers.remove(victim).kill();
        wait_for_the_read_models(&servers[0].with_key(&key)).await;
        longest = longest.max(killed.elapsed());
        servers.insert(victim, start(&installation));
        *addresses.lock().expect("no writer panicked") = clients(&servers, &key);
        println!("kill {kill} of {kills}: {} answers so far", *progress.borrow());
    }
    println!("the longest takeover of the read models: {longest:.2?}");
    stop.send_replace(true);
    let mut writers = Vec::new();
    for task in tasks {
        writers.push(task.await.expect("a writer ends when told"));
    }

    let events = servers[0].with_key(&key).events_after(0).await;
    assert_nothing_lost_or_doubled(&events, &writers);
    for server in &servers {
        // Whichever node folds it: each serves what was written, to anyone who waits for the position.
        let board = format!("/v1/boards/helloword-13?min_position={}&wait_ms=20000", events.len());
        let answer = server.with_key(&key).get(&board).await.expect(200);
        assert_eq!(answer.number_at("/position"), events.len() as u64);
    }
    for server in servers {
        assert_eq!(server.stop(), 0);
    }
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "the log, or read models that are not what a rebuild gives: {report}");
}

fn start(installation: &Installation) -> Server {
    Server::launch(installation, &["serve", "--listen", "127.0.0.1:0"], 1)
}

/// Until what is in the log now is shown, by whichever of the others took the work.
async fn wait_for_the_read_models(client: &Client) {
    let head = client.head().await;
    for page in ["boards", "dwell"] {
        let path = format!("/v1/{page}/helloword-13?min_position={head}&wait_ms=20000");
        let answer = client.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

fn clients(servers: &[Server], key: &str) -> Vec<Client> {
    servers.iter().map(|server| server.with_key(key)).collect()
}

/// Writes to one server after another until told to stop and everything sent was answered.
async fn write(
    mut writer: Writer,
    mut turn: usize,
    addresses: Arc<Mutex<Vec<Client>>>,
    answered: watch::Sender<u64>,
    stopped: watch::Receiver<bool>,
) -> Writer {
    while writer.unanswered || !*stopped.borrow() {
        turn += 1;
        let client = addresses.lock().expect("nobody panicked")[turn % NODES].clone();
        match writer.send(&client).await {
            Ok(answer) => answered.send_modify(|count| *count += u64::from(answer)),
            // The server was killed: the command goes to the next one, under the same key.
            Err(_) => tokio::task::yield_now().await,
        }
    }
    writer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_defined_on_one_server_holds_on_the_other_where_its_position_is_named() {
    let Some(installation) = Installation::on_postgres() else { return };
    let key = installation.key("admin:root", &["admin"]);
    let servers = [start(&installation), start(&installation)];
    let [here, there] = [0, 1].map(|number: usize| servers[number].with_key(&key));
    let _ = here.create_pipeline("landian-6").await.expect(201);
    let names = |zh: &str, en: &str| json!({"zh": zh, "en": en});
    let customer = json!({"pipeline": "landian-6", "owner": "rep:li"});
    let _ = here.register(customer.clone()).await;
    for round in 0..3 {
        // The other one has just looked, and knows nothing of what follows.
        let _ = there.get("/v1/boards/landian-6").await.expect(200);
        let _ = there.get("/v1/me").await.expect(200);
        let key = format!("team{round}");
        let team = json!({"key": key, "name": names("队", "Team"), "members": ["li"]});
        let set = here.post("/v1/admin/teams", team).await.expect(200).number_at("/position");
        let seen =
            there.get(&format!("/v1/boards/landian-6?team={key}&min_position={set}&wait_ms=20000")).await;
        assert_eq!(seen.status, 200, "{}", seen.text);
        assert_eq!(seen.at("/total"), &json!(round + 1));
        // A command needs no position: what it is decided by may not have changed when it is recorded.
        let field =
            json!({"key": format!("field{round}"), "name": names("字段", "Field"), "type": "integer"});
        let _ = here.post("/v1/admin/fields", field).await.expect(200);
        let mut with = customer.clone();
        with["fields"] = json!({format!("field{round}"): 7});
        let _ = there.register(with.clone()).await;
        with["fields"] = json!({format!("field{round}"): "seven"});
        let refused = there.post("/v1/customers", with).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
    }
}

/// The id of an actor's key, as it is listed.
async fn key_of(admin: &Client, actor: &str) -> String {
    let keys = admin.get("/v1/admin/keys").await.expect(200).items();
    let key = keys.iter().find(|key| key["actor"] == actor).expect("it is listed");
    key["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_on_one_server_opens_nothing_on_the_other_where_its_position_is_named() {
    let Some(installation) = Installation::on_postgres() else { return };
    let root = installation.key("admin:root", &["admin"]);
    let desk =
        installation.run(&["token", "create", "--actor", "desk:web", "--role", "rep", "--scope", "act-as"]);
    let desk = desk.succeeded().trim().to_owned();
    let servers = [start(&installation), start(&installation)];
    let [here, there] = [0, 1].map(|number: usize| servers[number].with_key(&root));
    for round in 0..3 {
        // A key that the command line made beside the servers is known where nobody has seen it before.
        let actor = format!("rep:li{round}");
        let key = installation.key(&actor, &["rep"]);
        let holder = servers[1].with_key(&key);
        let _ = holder.get("/v1/me").await.expect(200);
        let path = format!("/v1/admin/keys/{}", key_of(&here, &actor).await);
        let revoked = here.call(reqwest::Method::DELETE, &path).send().await.expect(204);
        let position = revoked.header("waymark-position").to_owned();
        let refused = holder.get(&format!("/v1/me?min_position={position}")).await;
        assert_eq!(refused.status, 401, "{}", refused.text);

        // Who was made a member, and removed, is known as what they are, too.
        let member = json!({"actor": actor, "roles": ["manager"]});
        let made = here.post("/v1/admin/members", member).await.expect(200);
        let as_member = async |answer: &waymark_tests::Answer| {
            let path = format!("/v1/me?min_position={}", answer.header("waymark-position"));
            let call = servers[1].with_key(&desk).call(reqwest::Method::GET, &path);
            call.header("Waymark-Actor", &actor).send().await
        };
        assert_eq!(as_member(&made).await.expect(200).at("/roles"), &json!(["manager"]));
        let path = format!("/v1/admin/members/{actor}");
        let removed = here.call(reqwest::Method::DELETE, &path).json(&json!({})).send().await.expect(200);
        let refused = as_member(&removed).await;
        assert_eq!(refused.status, 403, "{}", refused.text);

        // A webhook is listed where its position is named.
        let hook = json!({"url": "https://erp.example/hook", "types": ["rates.set"]});
        let hook = here.post("/v1/webhooks", hook).await.expect(201);
        let path = format!("/v1/webhooks?min_position={}", hook.header("waymark-position"));
        let listed = there.get(&path).await.expect(200).items();
        assert!(listed.iter().any(|one| one["id"] == *hook.at("/id")), "{listed:?}");
    }
}
