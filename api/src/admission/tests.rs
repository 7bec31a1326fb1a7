//! Two tenants and one place, over the routes as they are served.

use std::cell::Cell;
use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use super::{Workload, workload};
use crate::auth::access::{Access, TABLE};
use crate::domain::Role;
use crate::http::testing::{Answer, Bench};

const REPORT: &str = "/v1/dwell/landian-6";

/// Lets the others go on until this number of reports wait.
async fn until_waiting(bench: &Bench, number: usize) {
    while bench.admission.reports().1 != number {
        tokio::task::yield_now().await;
    }
}

fn assert_turned_away(answer: &Answer) {
    answer.problem(503, "overloaded");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
}

#[tokio::test]
async fn reports_of_one_tenant_make_neither_commands_nor_reads_nor_other_tenants_wait() {
    let (bench, ours) = Bench::with_pipeline().await;
    let theirs = bench.key_of_another_tenant("admin:other", &[Role::Admin]).await;
    bench.post(&theirs, "/v1/pipelines", &json!({"key": "landian-6", "template": "landian-6"})).await;
    bench.catch_up().await;
    let running = bench.admission.place(Workload::Report, bench.tenant()).await.unwrap();
    let turned_away = Cell::new(0);
    let report = |key: &str| {
        let call = bench.call(Method::GET, REPORT).key(key);
        async {
            let answer = call.send().await;
            turned_away.update(|number| number + usize::from(answer.status == 503));
            answer
        }
    };
    // Ours fill the queue behind the one that runs; theirs takes the turn of the newest of them.
    let everybody = async {
        let ours = futures::future::join_all((0..super::WAITING_REPORTS).map(|_| report(&ours)));
        tokio::join!(ours, async {
            until_waiting(&bench, super::WAITING_REPORTS).await;
            report(&theirs).await
        })
    };
    let meanwhile = async {
        while turned_away.get() == 0 {
            tokio::task::yield_now().await;
        }
        // Neither waits for a report, however long it takes.
        let customer = bench.register(&theirs, &json!({"pipeline": "landian-6", "name": "甲"})).await;
        bench.catch_up().await;
        assert_eq!(bench.get(&ours, &format!("/v1/customers/{customer}")).await.status, 404);
        assert_eq!(bench.get(&theirs, &format!("/v1/customers/{customer}")).await.status, 200);
        assert_eq!(bench.get(&theirs, "/v1/boards/landian-6").await.status, 200);
        assert_turned_away(&bench.get(&ours, REPORT).await);
        drop(running);
    };
    let ((of_ours, of_theirs), ()) = tokio::join!(everybody, meanwhile);
    assert_eq!(of_theirs.status, 200, "{}", of_theirs.text);
    let (answered, dropped): (Vec<_>, Vec<_>) = of_ours.into_iter().partition(|it| it.status == 200);
    assert_eq!((answered.len(), dropped.len()), (super::WAITING_REPORTS - 1, 1));
    assert_turned_away(&dropped[0]);
    assert_eq!(bench.admission.reports(), (0, 0));
}

#[tokio::test]
async fn a_caller_who_goes_away_gives_its_place_back() {
    let bench = Bench::new().await;
    let running = bench.admission.place(Workload::Report, bench.tenant()).await.unwrap();
    let gone = bench.admission.place(Workload::Report, bench.tenant());
    assert!(tokio::time::timeout(Duration::ZERO, gone).await.is_err());
    assert_eq!(bench.admission.reports(), (1, 0));
    // One that is being answered waits for something that never comes.
    let never = running.answer(std::future::pending());
    assert!(tokio::time::timeout(Duration::ZERO, never).await.is_err());
    bench.admission.place(Workload::PinnedReport, bench.tenant()).await.unwrap();
}

#[tokio::test]
async fn an_export_keeps_its_place_until_its_body_is_dropped() {
    let (bench, key) = Bench::with_pipeline().await;
    bench.catch_up().await;
    let export = || bench.call(Method::GET, "/v1/exports/events?format=ndjson").key(&key);
    let mut unread = Vec::new();
    for _ in 0..super::EXPORTS.per_owner {
        unread.push(export().respond().await);
        // Each download is an event, which the next one waits for.
        bench.catch_up().await;
    }
    let last = tokio::time::timeout(Duration::ZERO, bench.admission.place(Workload::Export, bench.tenant()));
    assert!(last.await.is_err(), "some are left to other tenants");
    drop(unread.pop());
    let read = export().send().await;
    assert_eq!(read.status, 200);
    assert!(read.text.contains("pipeline"));
}

#[tokio::test]
async fn a_process_without_places_answers_everything_else() {
    let bench = Bench::without_reports().await;
    let key = bench.key("admin:root", &[Role::Admin]).await;
    bench.post(&key, "/v1/pipelines", &json!({"key": "landian-6", "template": "landian-6"})).await;
    bench.catch_up().await;
    for (method, route, _) in TABLE.iter().filter(|(.., access)| matches!(access, Access::Roles(_))) {
        let method: Method = method.parse().unwrap();
        let address =
            route.replace("{pipeline}", "landian-6").replace("{kind}", "events").replace("{id}", "7");
        let is_heavy = workload(&method, route, &address.parse().unwrap()).is_some();
        let answer = bench.call(method.clone(), &address).key(&key).send().await;
        assert_eq!(is_heavy, answer.status == 503, "{method} {address}: {}", answer.text);
        if is_heavy {
            assert_turned_away(&answer);
        }
    }
}
