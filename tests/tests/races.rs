//! Many clients at the same thing in the same moment: exactly the right number of them win.

#![cfg(test)]

use std::sync::Arc;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use waymark_tests::{Answer, Call, Team, papers};

const CROWD: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_64_clients_moving_one_customer_with_the_same_version_one_wins() {
    let team = Team::on("landian-6").await;
    let manager = team.manager("wang");
    let customer = manager.register(team.customer("Harbour Foods")).await;
    let before = team.admin().head().await;

    let body = json!({"to": "need_confirmed", "note": "budget known", "next_step": "send a proposal"});
    let calls = (0..CROWD).map(|_| {
        manager
            .call(Method::POST, &format!("/v1/customers/{customer}/transitions"))
            .header("If-Match", "\"1\"")
            .json(&body)
    });
    let answers = all_at_once(calls).await;

    assert_eq!(with_status(&answers, 200).len(), 1, "{:?}", statuses(&answers));
    let losers = with_status(&answers, 412);
    assert_eq!(losers.len(), CROWD - 1, "{:?}", statuses(&answers));
    assert!(losers.iter().all(|answer| answer.body["code"] == "version-mismatch"));
    assert_eq!(team.admin().head().await, before + 1);
    assert_eq!(manager.customer(&customer).await.number_at("/version"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_64_reps_claiming_one_customer_one_wins_and_the_others_lose_nothing() {
    let team = Team::on("landian-6").await;
    let customer = team.admin().register(team.customer("Harbour Foods")).await;
    let reps: Vec<_> = (0..CROWD).map(|number| team.rep(&format!("rep{number}"))).collect();
    let before = team.admin().head().await;

    let claims = reps
        .iter()
        .map(|rep| rep.call(Method::POST, &format!("/v1/customers/{customer}/claims")).json(&json!({})));
    let answers = all_at_once(claims).await;

    assert_eq!(with_status(&answers, 200).len(), 1, "{:?}", statuses(&answers));
    let losers = with_status(&answers, 409);
    assert_eq!(losers.len(), CROWD - 1, "{:?}", statuses(&answers));
    assert!(losers.iter().all(|answer| answer.codes().contains(&"already-claimed".to_owned())));
    assert_eq!(team.admin().head().await, before + 1);

    let winner = answers.iter().position(|answer| answer.status == 200).unwrap_or_default();
    let loser = &reps[(winner + 1) % CROWD];
    for number in 0..3 {
        let other = team.admin().register(team.customer(&format!("Quayside {number}"))).await;
        let claimed = loser.command(&other, "claims", json!({})).await;
        assert_eq!(claimed.status, 200, "a lost race must not use up the day's claims: {}", claimed.text);
    }
}

/// A team by the template `landian-6`, whose pool lets a rep own N open customers and claim ten a day.
async fn capped(cap: u32) -> Team {
    let mut team = Team::on("landian-6").await;
    let read = team.admin().get("/v1/pipelines/landian-6").await.expect(200).body;
    let mut definition = read.get("definition").cloned().unwrap_or(read);
    let fields = ["kind", "name", "phases", "stages", "entry_stage", "transitions", "reasons", "pools"];
    definition
        .as_object_mut()
        .into_iter()
        .for_each(|all| all.retain(|name, _| fields.contains(&name.as_str())));
    definition["pools"][0]["rules"]["holding_cap"] = json!(cap);
    definition["pools"][0]["claims_per_day"] = json!(10);
    let created =
        team.admin().post("/v1/pipelines", json!({"key": "capped", "definition": definition})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    team.pipeline = "capped".to_owned();
    team
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_claims_in_parallel_only_the_last_free_place_is_taken() {
    let team = capped(3).await;
    let (admin, rep) = (team.admin(), team.rep("li"));
    for number in 0..2 {
        admin.register(team.customer_of("li", &format!("Owned {number}"))).await;
    }
    let mut pool = Vec::new();
    for number in 0..8 {
        pool.push(admin.register(team.customer(&format!("Pool {number}"))).await);
    }
    let claims = pool
        .iter()
        .map(|customer| rep.call(Method::POST, &format!("/v1/customers/{customer}/claims")).json(&json!({})));
    let answers = all_at_once(claims).await;
    assert_eq!(with_status(&answers, 200).len(), 1, "{:?}", statuses(&answers));
    for refused in with_status(&answers, 409) {
        assert_eq!(refused.body["code"], "holding-cap-reached", "{}", refused.text);
        assert_eq!((&refused.body["limit"], &refused.body["held"]), (&json!(3), &json!(3)));
    }
    let mine = answers.iter().position(|answer| answer.status == 200).unwrap_or_default();
    let others: Vec<&String> =
        pool.iter().enumerate().filter(|(place, _)| *place != mine).map(|(_, id)| id).collect();

    // A release frees the place, in one commit with the claim as well.
    let lines = [
        json!({"command": "release", "customer_id": pool[mine], "body": {"reason": "no time"}}),
        json!({"command": "claim", "customer_id": others[0], "body": {}}),
        json!({"command": "claim", "customer_id": others[1], "body": {}}),
    ];
    let bulk = async |lines: &[Value]| {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let call = rep.call(Method::POST, "/v1/bulk?atomic=true").bytes("application/x-ndjson", lines);
        let replies = call.send().await.expect(200).text;
        let each = replies.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        each.filter_map(|reply| reply["status"].as_u64()).collect::<Vec<_>>()
    };
    assert_eq!(bulk(&lines).await, [409, 409, 409], "the second claim is one too many");
    assert_eq!(bulk(&lines[..2]).await, [200, 200]);
    let full = rep.command(others[1], "claims", json!({})).await;
    let _ = full.refused(409, "holding-cap-reached");

    // A deal that is made frees it, too.
    for stage in ["need_confirmed", "quoted", "won"] {
        let moved = json!({"to": stage, "note": "n", "next_step": "s", "documents": papers(stage)});
        let forced = json!({"to": stage, "reason": "signed on the spot"});
        let answer = rep.command(others[0], "transitions", moved).await;
        if answer.status != 200 {
            assert_eq!(admin.command(others[0], "overrides", forced).await.status, 200, "{}", answer.text);
        }
    }
    assert_eq!(rep.command(others[1], "claims", json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn ten_claims_of_one_rep_in_parallel_are_cut_at_the_quota_of_three() {
    let team = Team::on("landian-6").await;
    let mut customers = Vec::new();
    for number in 0..10 {
        customers.push(team.admin().register(team.customer(&format!("Customer {number}"))).await);
    }
    let rep = team.rep("li");

    let claims = customers
        .iter()
        .map(|customer| rep.call(Method::POST, &format!("/v1/customers/{customer}/claims")).json(&json!({})));
    let answers = all_at_once(claims).await;

    assert_eq!(with_status(&answers, 200).len(), 3, "{:?}", statuses(&answers));
    let refused = with_status(&answers, 409);
    assert_eq!(refused.len(), 7, "{:?}", statuses(&answers));
    for answer in refused {
        assert_eq!(answer.body["code"], "claim-quota-exhausted");
        assert!(answer.body["available_at"].is_string(), "{}", answer.text);
    }
    let owned = owned_by(&team, "li").await;
    assert_eq!(owned.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn different_customers_moved_at_once_all_move() {
    let team = Team::on("landian-6").await;
    let manager = team.manager("wang");
    let mut customers = Vec::new();
    for number in 0..CROWD {
        customers.push(manager.register(team.customer(&format!("Customer {number}"))).await);
    }
    let body = json!({"to": "need_confirmed", "note": "budget known", "next_step": "send a proposal"});

    let moves = customers.iter().map(|customer| {
        manager
            .call(Method::POST, &format!("/v1/customers/{customer}/transitions"))
            .header("If-Match", "\"1\"")
            .json(&body)
    });
    let answers = all_at_once(moves).await;

    assert_eq!(with_status(&answers, 200).len(), CROWD, "{:?}", statuses(&answers));
    let mut positions: Vec<u64> = answers.iter().map(|answer| answer.number_at("/position")).collect();
    positions.sort_unstable();
    positions.dedup();
    assert_eq!(positions.len(), CROWD, "two moves were told the same position");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn twelve_looks_of_one_rep_in_parallel_are_cut_at_the_limit_and_a_restart_forgets_none() {
    let team = Team::on("landian-6").await;
    let mut few = team.admin().get("/v1/pipelines/landian-6").await.expect(200).body;
    for own in ["key", "version"] {
        few.as_object_mut().and_then(|few| few.remove(own));
    }
    few["pools"][0]["rules"]["views_per_day"] = json!(5);
    few["pools"][0]["key"] = json!("guarded_pool");
    let body = json!({"key": "guarded", "definition": few});
    let _ = team.admin().post("/v1/pipelines", body).await.expect(201);
    let mut customers = Vec::new();
    for number in 0..12 {
        let body = json!({"pipeline": "guarded", "name": format!("Customer {number}")});
        customers.push(team.admin().register(body).await);
    }
    let (rep, zhao) = (team.rep("li"), team.rep("zhao"));
    let head = team.admin().head().await;
    let fresh = |customer: &str| format!("/v1/customers/{customer}?min_position={head}&wait_ms=20000");

    let looks = customers.iter().map(|customer| rep.call(Method::GET, &fresh(customer)));
    let answers = all_at_once(looks).await;
    assert_eq!(with_status(&answers, 200).len(), 5, "{:?}", statuses(&answers));
    let refused = with_status(&answers, 409);
    assert_eq!(refused.len(), 7, "{:?}", statuses(&answers));
    for answer in refused {
        assert_eq!(answer.body["code"], "view-quota-exhausted");
        assert!(answer.body["available_at"].is_string(), "{}", answer.text);
    }
    assert_eq!(team.admin().head().await, head + 5);

    // The same customer many times at once is one look, and a power cut forgets none.
    let same = (0..12).map(|_| zhao.call(Method::GET, &fresh(&customers[0])));
    assert_eq!(with_status(&all_at_once(same).await, 200).len(), 12);
    assert_eq!(team.admin().head().await, head + 6);
    let key = rep.key().unwrap_or_default().to_owned();
    let Team { installation, server, .. } = team;
    server.kill();
    let server = installation.serve();
    let again = server.with_key(&key);
    let restarted = server.admin().head().await;
    for (customer, answer) in customers.iter().zip(&answers) {
        assert_eq!(again.get(&fresh(customer)).await.status, answer.status);
    }
    assert_eq!(server.admin().head().await, restarted, "a look that was counted is counted again");
}

/// Sends every call in the same moment.
async fn all_at_once(calls: impl Iterator<Item = Call>) -> Vec<Answer> {
    let calls: Vec<Call> = calls.collect();
    let start = Arc::new(Barrier::new(calls.len()));
    let tasks = calls.into_iter().map(|call| {
        let start = Arc::clone(&start);
        tokio::spawn(async move {
            start.wait().await;
            call.send().await
        })
    });
    join_all(tasks).await.into_iter().map(|answer| answer.expect("the caller's task ended")).collect()
}

fn with_status(answers: &[Answer], status: u16) -> Vec<&Answer> {
    answers.iter().filter(|answer| answer.status == status).collect()
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

async fn owned_by(team: &Team, rep: &str) -> Vec<Value> {
    let head = team.admin().head().await;
    let list = format!("/v1/customers?owner=rep:{rep}&min_position={head}&wait_ms=20000");
    team.admin().get(&list).await.expect(200).items()
}
