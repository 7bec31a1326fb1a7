//! What was shown to somebody once and is not any more, each by itself.

use axum::http::Method;
use serde_json::{Value, json};

use super::world::{Class, Level, World, done};
use crate::domain::Role;
use crate::http::testing::{Answer, Bench};

async fn with(classes: &[Class]) -> World {
    let mut world = World::new().await;
    for class in classes {
        world.seed(*class).await;
    }
    world.bench.catch_up().await;
    world
}

impl World {
    fn key(&self, word: &str) -> &str {
        self.callers.iter().find(|who| who.word == word).and_then(|who| who.key.as_deref()).unwrap()
    }

    async fn command(&self, word: &str, class: Class, what: &str, body: &Value) -> Answer {
        let path = format!("/v1/customers/{}/{what}", self.first(class));
        self.bench.post(self.key(word), &path, body).await
    }

    async fn read(&self, word: &str, path: &str) -> Answer {
        self.bench.catch_up().await;
        self.bench.get(self.key(word), path).await
    }
}

#[tokio::test]
async fn a_pools_contacts_are_masked_everywhere_until_the_claim_and_again_after_a_release() {
    let world = with(&[Class::Pool]).await;
    let id = world.first(Class::Pool);
    let paths = [
        format!("/v1/customers/{id}"),
        "/v1/customers".to_owned(),
        "/v1/pools/customer_pool/customers".to_owned(),
        format!("/v1/customers/{id}/timeline?view=both"),
        format!("/v1/customers/{id}/timeline?view=recorded&known_at=2026-03-02T08:00:00Z"),
        "/v1/events".to_owned(),
        format!("/v1/events?customer={id}"),
        "/v1/events?type=customer.details_changed".to_owned(),
        format!("/console/customers/{id}"),
    ];
    let shown = async |clear: bool| {
        // Once it is claimed it is in no pool.
        for path in paths.iter().filter(|path| !(clear && path.starts_with("/v1/pools"))) {
            let call = world.bench.call(Method::GET, path).key(world.key("li"));
            let cookie = format!("waymark_session={}", world.key("li"));
            // What was read before may have been a view, which is an event.
            world.bench.catch_up().await;
            let answer = call.header("cookie", cookie).send().await;
            done(&answer);
            let level = Class::Pool.shown_in(&answer.text, &[]);
            assert_eq!(level == Level::Contact, clear, "{path}: {}", answer.text);
        }
    };
    shown(false).await;
    done(&world.command("li", Class::Pool, "claims", &json!({})).await);
    world.bench.catch_up().await;
    shown(true).await;
    done(&world.command("li", Class::Pool, "releases", &json!({"reason": "no budget"})).await);
    world.bench.catch_up().await;
    shown(false).await;
}

#[tokio::test]
async fn reading_the_entries_of_a_pools_customer_is_a_view_and_the_pool_limits_it() {
    let world = with(&[Class::Pool]).await;
    let of_one = format!("/v1/events?customer={}", world.first(Class::Pool));
    let viewed = async || {
        let path = format!("{of_one}&type=customer.viewed");
        world.bench.get(world.key("manager"), &path).await.json()["items"].as_array().map(Vec::len)
    };
    assert_eq!(viewed().await, Some(0));
    done(&world.bench.get(world.key("li"), "/v1/events").await);
    assert_eq!(viewed().await, Some(0), "the feed is a list");
    done(&world.bench.get(world.key("li"), &of_one).await);
    done(&world.bench.get(world.key("li"), &of_one).await);
    assert_eq!(viewed().await, Some(1), "once a day");
}

#[tokio::test]
async fn contacts_that_are_masked_for_a_rep_it_neither_replaces_nor_empties() {
    let world = with(&[Class::Pool]).await;
    let emptied = json!({"contacts": []});
    let one = json!({"contacts": [{"kind": "phone", "value": "13900000009"}], "channel_ids": []});
    for body in [emptied.clone(), one] {
        let refused = world.command("li", Class::Pool, "details", &body).await;
        assert_eq!(refused.problem(409, "claim-required")["violations"][0]["field"], "contacts");
    }
    let kept = world.read("manager", &format!("/v1/customers/{}", world.first(Class::Pool))).await;
    assert_eq!(Class::Pool.shown_in(&kept.text, &[]), Level::Contact);
    done(&world.command("li", Class::Pool, "details", &json!({"tier": "B"})).await);
    done(&world.command("li", Class::Pool, "claims", &json!({})).await);
    done(&world.command("li", Class::Pool, "details", &emptied).await);
}

#[tokio::test]
async fn a_rep_hands_over_its_own_and_is_told_nothing_of_anybody_elses() {
    let world = with(&[Class::Own, Class::Team, Class::Pool]).await;
    let hand_over = async |word: &str, from: &str, dry_run: bool| {
        let body = json!({"from": from, "to": "rep:sun", "occasion": "leave", "dry_run": dry_run});
        let call = world.bench.call(Method::POST, "/v1/handovers").key(world.key(word));
        call.header("idempotency-key", format!("{from}-{dry_run}")).json(&body).send().await
    };
    for from in ["rep:zhao", "rep:nobody", "pool:customer_pool"] {
        for dry_run in [true, false] {
            let refused = hand_over("li", from, dry_run).await;
            refused.problem(403, "forbidden-role");
            for class in [Class::Team, Class::Pool] {
                assert_eq!(class.shown_in(&refused.text, world.of(class)), Level::Nothing);
            }
        }
    }
    let first = hand_over("li", "rep:li", false).await;
    assert_eq!(first.json()["handed_over"], 1, "{}", first.text);
    assert_eq!(first.json()["items"][0]["name"], Class::Own.mark('p', "name"));
    world.bench.catch_up().await;
    assert_eq!(hand_over("li", "rep:li", false).await.json(), first.json(), "sent again");
    let name = Class::Own.mark('p', "name");
    assert!(world.bench.log_contains("sun") && !world.bench.log_contains(&name), "nothing personal is kept");
    assert_eq!(hand_over("zhou", "rep:zhao", true).await.json()["handed_over"], 1);
}

#[tokio::test]
async fn whom_a_customer_was_merged_into_is_told_only_who_sees_that_one() {
    let world = with(&[Class::Own, Class::South, Class::Gone]).await;
    world.merge_away().await;
    let (gone, south) = (world.first(Class::Gone), world.first(Class::South));
    for path in [
        format!("/v1/customers/{gone}"),
        format!("/v1/customers/{gone}/timeline"),
        format!("/v1/customers/{gone}/stays"),
        format!("/v1/customers/{gone}/allowed-transitions"),
        format!("/v1/customers/{gone}/duplicates"),
    ] {
        let hidden = world.read("li", &path).await;
        hidden.problem(404, "not-found");
        assert!(
            !hidden.text.contains(south) && hidden.header("location").is_empty(),
            "{path}: {}",
            hidden.text
        );
    }
    for path in [format!("/v1/events?customer={gone}"), "/v1/customers?external_id=mkgonebext-0".to_owned()] {
        assert_eq!(world.read("li", &path).await.json()["items"], json!([]), "{path}");
    }
    world.command("li", Class::Gone, "notes", &json!({"text": "x"})).await.problem(404, "not-found");
    world.command("li", Class::Own, "merges", &json!({"absorbed": gone})).await.problem(404, "not-found");
    let moved = world.read("manager", &format!("/v1/customers/{gone}")).await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (308, &*format!("/v1/customers/{south}")));
    let named = world.command("manager", Class::Gone, "notes", &json!({"text": "x"})).await;
    assert_eq!(named.problem(409, "merged")["merged_into"], south);

    // Parted again it is li's, and its history still does not say with whom it was one.
    let path = format!("/v1/customers/{south}/unmerges");
    let parted = json!({"absorbed": gone, "reason": "two brothers"});
    done(&world.bench.post(world.key("manager"), &path, &parted).await);
    let timeline = format!("/v1/customers/{gone}/timeline?view=recorded&limit=500");
    for path in [timeline, format!("/v1/events?customer={gone}&limit=500")] {
        let told = world.read("li", &path).await;
        done(&told);
        assert!(
            told.text.contains("customer.unmerged") && !told.text.contains(south),
            "{path}: {}",
            told.text
        );
        assert!(world.read("manager", &path).await.text.contains(south), "{path}");
    }
}

#[tokio::test]
async fn a_customer_marked_as_distinct_from_one_that_is_not_seen_does_not_name_it() {
    let world = with(&[Class::Own, Class::South]).await;
    let (own, south) = (world.first(Class::Own), world.first(Class::South));
    let apart = json!({"other": south, "reason": "two branches"});
    done(&world.command("manager", Class::Own, "distinctions", &apart).await);
    for path in [
        format!("/v1/customers/{own}"),
        "/v1/customers".to_owned(),
        format!("/v1/customers/{own}/timeline?limit=500"),
        format!("/v1/events?customer={own}&limit=500"),
    ] {
        let told = world.read("li", &path).await;
        done(&told);
        assert!(!told.text.contains(south), "{path}: {}", told.text);
        assert!(world.read("manager", &path).await.text.contains(south), "{path}");
    }
}

#[tokio::test]
async fn a_lead_of_somebody_who_is_not_seen_is_told_nothing_but_that_it_is_known() {
    let world = with(&[Class::South, Class::Gone]).await;
    world.merge_away().await;
    for class in [Class::South, Class::Gone] {
        let contact = json!([{"kind": "phone", "value": class.phone(1)}]);
        let lead = json!({"pipeline": "landian-6", "contacts": contact});
        for _ in 0..2 {
            let call = world.bench.call(Method::POST, "/v1/leads").key(world.key("li"));
            let key = format!("k-{}", class.word());
            let answer = call.header("idempotency-key", key).json(&lead).send().await;
            assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, ""));
            let known = json!({
                "index": 0, "outcome": "duplicate", "status": 200, "customer_id": null, "score": null,
                "score_reasons": [], "assigned_to": null, "assignment_reason": null,
            });
            assert_eq!(answer.json(), json!({"items": [known]}));
        }
    }
    let south =
        json!({"pipeline": "landian-6", "contacts": [{"kind": "phone", "value": Class::South.phone(1)}]});
    let told = world.bench.post(world.key("manager"), "/v1/leads", &south).await.json();
    assert!(told["items"][0]["result"]["version"].is_u64(), "{told}");
}

#[tokio::test]
async fn why_two_customers_are_two_or_were_one_is_gone_with_either_of_them() {
    let (bench, admin) = Bench::with_pipeline().await;
    let auditor = bench.key("auditor:sun", &[Role::Auditor]).await;
    let one = bench.register(&admin, &json!({"pipeline": "landian-6", "name": "One"})).await;
    let other = bench.register(&admin, &json!({"pipeline": "landian-6", "name": "Other"})).await;
    let on_one = async |what: &str, body: Value| {
        done(&bench.post(&admin, &format!("/v1/customers/{one}/{what}"), &body).await);
    };
    let why = |what: &str| format!("Mr Wang {what}");
    on_one("distinctions", json!({"other": other, "reason": why("manages both")})).await;
    on_one("distinction-withdrawals", json!({"other": other, "reason": why("owns both")})).await;
    on_one("merges", json!({"absorbed": other, "reason": why("is one")})).await;
    on_one("unmerges", json!({"absorbed": other, "reason": why("is two")})).await;
    bench.catch_up().await;
    let told = async || {
        let mut count = 0;
        for path in [
            format!("/v1/customers/{one}/timeline?view=recorded"),
            format!("/v1/customers/{other}/timeline?view=recorded"),
            "/v1/events?limit=500".to_owned(),
        ] {
            let text = bench.get(&auditor, &path).await.text;
            count += ["manages both", "owns both", "is one", "is two"]
                .map(|what| text.matches(&why(what)).count())
                .iter()
                .sum::<usize>();
        }
        count
    };
    // Seven entries in the log; in the timelines each of them, and once more as the note of its line.
    assert_eq!(told().await, 7 + 2 * 7);
    done(&bench.post(&admin, &format!("/v1/customers/{other}/erasure"), &json!({})).await);
    bench.catch_up().await;
    assert_eq!(told().await, 0);
    let name = bench.get(&auditor, &format!("/v1/customers/{one}")).await.json()["name"].clone();
    assert_eq!(name, "One", "all else of the one that stays is there");
}
