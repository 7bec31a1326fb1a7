//! What a stream promises to those who are slow, to those who are erased, and to nobody whose credential has ended.

use axum::body::BodyDataStream;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use futures::StreamExt as _;
use serde_json::json;

use super::feed::Feeds;
use super::shared::Filter;
use super::stream::{StreamRequest, stream};
use super::window::{Limits, Next};
use super::{EventParams, PATH, query_of};
use crate::app::Caller;
use crate::auth::scope::Scope;
use crate::domain::{Actor, Role};
use crate::eventstore::Position;
use crate::http::testing::Bench;
use crate::routes::AppState;

/// A stream being read.
struct Heard {
    body: BodyDataStream,
    text: String,
}

impl Heard {
    async fn chunk(&mut self) -> Option<()> {
        let chunk = self.body.next().await?.unwrap();
        self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        Some(())
    }

    /// Everything up to the end of the stream, which is to come before the first heartbeat.
    async fn until_end(mut self) -> String {
        while self.chunk().await.is_some() {
            assert!(!self.text.contains(": heartbeat"), "it goes on: {}", self.text);
        }
        self.text
    }

    /// Everything until an event of this position has come.
    async fn until(&mut self, position: Position) -> &str {
        while !self.text.contains(&format!("id: {position}\n")) {
            self.chunk().await.expect("the stream goes on");
        }
        &self.text
    }

    fn ids(&self) -> Vec<Position> {
        ids(&self.text)
    }
}

fn ids(text: &str) -> Vec<Position> {
    text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
}

/// A stream of everything after a position, as the admin whose key it is, straight from its handler.
fn open(state: &AppState, caller: &Caller, key: &str, after: Position) -> Heard {
    let credential = HeaderValue::try_from(format!("Bearer {key}")).unwrap();
    let headers: HeaderMap = [(header::AUTHORIZATION, credential)].into_iter().collect();
    let standing = state.rechecks.follow(&headers, caller, PATH);
    let query = query_of(&EventParams::default().filter().unwrap());
    let asked = StreamRequest { caller: caller.clone(), filter: Filter::default(), query, after };
    let response = stream(state.clone(), standing, asked);
    Heard { body: response.into_body().into_data_stream(), text: String::new() }
}

/// A stream over the router, with whatever the call says.
async fn follow(bench: &Bench, key: &str, person: Option<&str>) -> Heard {
    let mut call =
        bench.call(Method::GET, "/v1/events?after=0").key(key).header("accept", "text/event-stream");
    if let Some(person) = person {
        call = call.header("waymark-actor", person);
    }
    let response = call.respond().await;
    assert_eq!(response.status(), 200);
    Heard { body: response.into_body().into_data_stream(), text: String::new() }
}

async fn note(bench: &Bench, key: &str, customer: &str, text: &str) {
    let noted = bench.post(key, &format!("/v1/customers/{customer}/notes"), &json!({"text": text})).await;
    assert_eq!(noted.status, 200, "{}", noted.text);
}

async fn head(bench: &Bench) -> Position {
    bench.app().store.head(bench.tenant()).await.unwrap().position
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_told_that_it_lags_and_resumes_without_a_gap() {
    let (bench, admin) = Bench::with_pipeline().await;
    let customer = bench.register(&admin, &json!({"pipeline": "landian-6", "name": "Pier Nine"})).await;
    let limits = Limits { entries: 8, bytes: usize::MAX };
    let state = bench.app_state(Feeds::keeping(bench.app().clone(), limits));
    let actor = Actor::new("admin:root", [Role::Admin]);
    let caller = Caller { tenant: bench.tenant(), actor, via: None, origin: None, endpoint: None };
    let begun = head(&bench).await;
    let mut slow = open(&state, &caller, &admin, 0);
    slow.until(begun).await;

    let feed = state.feeds.of(bench.tenant());
    let mut grown = feed.grown();
    for round in 1..=2 {
        for number in 0..10 {
            note(&bench, &admin, &customer, &format!("{round}.{number}")).await;
        }
        let head = head(&bench).await;
        grown.wait_for(|reached| *reached >= head).await.unwrap();
    }
    let Next::Before(kept_after) = feed.next(begun) else { panic!("what followed is still kept") };
    assert!(kept_after > begun);
    let told = slow.until_end().await;
    let last = *ids(&told).last().unwrap();
    assert!(told.contains("event: lagged\n"), "{told}");
    assert!(told.contains(&format!("\"last_event_id\":{last}")), "{told}");

    let mut resumed = open(&state, &caller, &admin, last);
    let head = head(&bench).await;
    resumed.until(head).await;
    assert_eq!([ids(&told), resumed.ids()].concat(), (1..=head).collect::<Vec<_>>(), "no gap, nothing twice");
}

#[tokio::test]
async fn what_was_opened_for_one_stream_is_sealed_for_the_next_after_an_erasure() {
    let (bench, admin) = Bench::with_pipeline().await;
    let customer = bench.register(&admin, &json!({"pipeline": "landian-6", "name": "Pier Nine"})).await;
    note(&bench, &admin, &customer, "rings after the ferry").await;
    let begun = head(&bench).await;
    let mut before = follow(&bench, &admin, None).await;
    let shown = before.until(begun).await;
    assert!(shown.contains("Pier Nine") && shown.contains("rings after the ferry"), "{shown}");

    let erasure = format!("/v1/customers/{customer}/erasure");
    assert_eq!(bench.post(&admin, &erasure, &json!({"ground": "request"})).await.status, 200);
    let erased = head(&bench).await;
    before.until(erased).await;

    let mut after = follow(&bench, &admin, None).await;
    let shown = after.until(erased).await;
    assert_eq!(ids(shown), (1..=erased).collect::<Vec<_>>());
    assert!(!shown.contains("Pier Nine") && !shown.contains("rings after the ferry"), "{shown}");
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked_and_the_streams_of_others_go_on() {
    let (bench, admin) = Bench::with_pipeline().await;
    let rep = bench.key("rep:li", &[Role::Rep]).await;
    let mut mine = follow(&bench, &rep, None).await;
    let mut other = follow(&bench, &admin, None).await;
    mine.chunk().await.expect("the past");
    other.until(head(&bench).await).await;
    let keys = bench.get(&admin, "/v1/admin/keys").await.json();
    let key = keys["items"].as_array().unwrap().iter().find(|key| key["actor"] == "rep:li").unwrap();
    let revoked = bench.call(Method::DELETE, &format!("/v1/admin/keys/{}", key["id"].as_str().unwrap()));
    assert!(revoked.key(&admin).send().await.status.is_success());

    mine.until_end().await;
    bench.register(&admin, &json!({"pipeline": "landian-6", "name": "Pier Nine"})).await;
    other.until(head(&bench).await).await;
}

#[tokio::test]
async fn a_stream_ends_when_the_person_that_it_is_for_loses_a_role() {
    let (bench, admin) = Bench::with_pipeline().await;
    let wang = async |role: &str| {
        let member = json!({"actor": "manager:wang", "roles": [role]});
        let set = bench.post(&admin, "/v1/admin/members", &member).await;
        assert_eq!(set.status, 200, "{}", set.text);
    };
    wang("manager").await;
    let desk = bench.key_with("desk", &[Role::Analyst], [Scope::ActAs].into()).await;
    let mut stream = follow(&bench, &desk, Some("manager:wang")).await;
    stream.chunk().await.expect("the past");
    wang("analyst").await;
    stream.until_end().await;
}
