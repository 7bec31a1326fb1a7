//! Two times: when it happened, and when we learned it. Any answer can be asked for any pair.

#![cfg(test)]

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};
use waymark_tests::{Client, Team, now};

const PIPELINE: &str = "landian-6";

/// A customer of whom we learned late, and wrongly at first.
struct Story {
    team: Team,
    wang: Client,
    customer: String,
    began: DateTime<Utc>,
    /// The move that turned out wrong.
    slip: String,
    /// The last position before the correction.
    known_before: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_shows_what_was_known_then_and_what_is_known_now_of_the_same_day() {
    let story = Story::told().await;
    let day = story.began + Duration::days(3);
    assert_eq!(story.board(day, None).await, counts(&[("quoted", 1)]));

    story.correct(json!({"kind": "target", "to": "first_contact", "reason": "wrong button"})).await;

    assert_eq!(story.board(day, Some(story.known_before)).await, counts(&[("quoted", 1)]));
    assert_eq!(story.board(day, None).await, counts(&[("first_contact", 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_of_a_past_instant_counts_those_who_were_there_at_that_instant() {
    let story = Story::told().await;
    let moments = [
        (Duration::seconds(-1), counts(&[])),
        (Duration::zero(), counts(&[("first_contact", 1)])),
        (Duration::days(1) - Duration::microseconds(1), counts(&[("first_contact", 1)])),
        (Duration::days(1), counts(&[("need_confirmed", 1)])),
        (Duration::days(2), counts(&[("quoted", 1)])),
        (Duration::days(4), counts(&[("quoted", 1)])),
    ];
    for (after, expected) in moments {
        assert_eq!(story.board(story.began + after, None).await, expected, "{after} after the beginning");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_leaves_the_story_as_if_the_move_had_never_been_recorded() {
    let story = Story::told().await;
    story.correct(json!({"kind": "void", "reason": "another customer was meant"})).await;
    let stays = story.stays("").await;
    let stages: Vec<&str> = stays.iter().filter_map(|stay| stay["stage"].as_str()).collect();
    assert_eq!(stages, ["first_contact", "need_confirmed"]);
    assert_eq!(stays[1]["open"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_instant_moves_the_boundary_between_both_neighbours() {
    let story = Story::told().await;
    let right = instant(story.began + Duration::hours(30));
    story.correct(json!({"kind": "time", "effective_at": right, "reason": "it was on Tuesday"})).await;
    let stays = story.stays("").await;
    assert_eq!(stays[1]["seconds"].as_f64(), Some(6.0 * 3600.0));
    let entered: DateTime<Utc> =
        stays[2]["entered_at"].as_str().unwrap_or_default().parse().expect("an instant");
    assert_eq!(entered, story.began + Duration::hours(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_step_splits_the_stay_that_it_fell_into() {
    let story = Story::told().await;
    let at = story.began + Duration::hours(12);
    let inserted = story
        .wang
        .command(
            &story.customer,
            "corrections",
            json!({"kind": "insert", "to": "paused", "effective_at": instant(at), "reason": "a holiday", "on_conflict": "continue"}),
        )
        .await;
    assert_eq!(inserted.status, 200, "{}", inserted.text);
    let stays = story.stays("").await;
    let shown: Vec<(&str, Option<f64>)> = stays
        .iter()
        .map(|stay| (stay["stage"].as_str().unwrap_or_default(), stay["seconds"].as_f64()))
        .take(3)
        .collect();
    assert_eq!(shown[0], ("first_contact", Some(12.0 * 3600.0)));
    assert_eq!(shown[1], ("paused", Some(12.0 * 3600.0)));
    assert_eq!(shown[2].0, "need_confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_entry_that_contradicts_what_follows_is_a_conflict_with_offers() {
    let story = Story::told().await;
    let at = instant(story.began + Duration::hours(12));
    let insert = json!({"kind": "insert", "to": "paused", "effective_at": at, "reason": "a holiday"});
    let refused = story.wang.command(&story.customer, "corrections", insert).await;
    let refused = refused.refused(409, "timeline-conflict");
    assert!(refused.text.contains("continue") && refused.text.contains("truncate"), "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_for_an_earlier_knowledge_never_change_whatever_is_corrected_later() {
    let story = Story::told().await;
    let asked = story.began + Duration::days(4);
    let before = story.all_figures(asked, story.known_before).await;

    story.correct(json!({"kind": "target", "to": "first_contact", "reason": "wrong button"})).await;
    let chain = story.last_event().await;
    story.correct_event(&chain, json!({"kind": "target", "to": "paused", "reason": "no, this one"})).await;
    let chain = story.last_event().await;
    story.correct_event(&chain, json!({"kind": "void", "reason": "the first correction was right"})).await;
    let other = story.team.customer("Latecomer");
    story.wang.register(backdated(other, story.began + Duration::hours(1))).await;
    let erased = story.team.admin().command(&story.customer, "notes", json!({"text": "a note"})).await;
    assert_eq!(erased.status, 200, "{}", erased.text);

    let after = story.all_figures(asked, story.known_before).await;
    for (path, figures) in &before {
        assert_eq!(after.get(path), Some(figures), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn corrections_of_corrections_form_a_chain_whose_last_word_counts() {
    let story = Story::told().await;
    story.correct(json!({"kind": "target", "to": "first_contact", "reason": "wrong button"})).await;
    let first = story.last_event().await;
    assert_eq!(story.present_stage().await, "first_contact");
    story.correct_event(&first, json!({"kind": "target", "to": "paused", "reason": "wrong again"})).await;
    assert_eq!(story.present_stage().await, "paused");
    let second = story.last_event().await;
    story.correct_event(&second, json!({"kind": "void", "reason": "it was right before"})).await;
    assert_eq!(story.present_stage().await, "first_contact");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_asked_as_of_an_earlier_knowledge_has_no_later_rows() {
    let story = Story::told().await;
    story.correct(json!({"kind": "void", "reason": "another customer was meant"})).await;
    for view in ["effective", "recorded", "both"] {
        let path = format!(
            "/v1/customers/{}/timeline?view={view}&known_position={}&{}",
            story.customer,
            story.known_before,
            story.settled().await
        );
        let items = story.wang.get(&path).await.expect(200).items();
        assert_eq!(items.len(), 3, "{view}: {items:#?}");
        assert!(items.iter().all(|item| item["superseded_by"].is_null()), "{view}: {items:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_says_for_which_two_times_it_holds() {
    let story = Story::told().await;
    let day = story.began + Duration::days(1);
    let path = format!(
        "/v1/boards/{PIPELINE}?effective_at={}&known_at={}&{}",
        instant(day),
        instant(now()),
        story.settled().await
    );
    let board = story.wang.get(&path).await.expect(200);
    let echoed: DateTime<Utc> = board.text_at("/effective_at").parse().expect("an instant");
    assert_eq!(echoed, DateTime::parse_from_rfc3339(&instant(day)).expect("an instant"));
    assert!(board.at("/known_at").is_string(), "{}", board.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rep_may_backdate_a_week_with_a_reason_and_no_further() {
    let team = Team::on(PIPELINE).await;
    let li = team.rep("li");
    let long_ago = now() - Duration::days(30);
    let customer = team.admin().register(backdated(team.customer_of("li", "Harbour Foods"), long_ago)).await;
    let to = |days: i64, reason: Option<&str>| {
        let mut body = json!({"to": "need_confirmed", "effective_at": instant(now() - Duration::days(days))});
        if let Some(reason) = reason {
            body["reason"] = json!(reason);
        }
        body
    };
    let far = li.command(&customer, "transitions", to(8, Some("forgotten"))).await;
    assert_eq!(far.refused(422, "backdate-window-exceeded").status, 422);
    let bare = li.command(&customer, "transitions", to(3, None)).await;
    assert_eq!(bare.refused(422, "backdate-reason-required").status, 422);
    let fine = li.command(&customer, "transitions", to(6, Some("forgotten"))).await;
    assert_eq!(fine.status, 200, "{}", fine.text);
}

impl Story {
    /// Ten days ago a first contact, a day later the need, two days later (so we thought) a quote.
    async fn told() -> Self {
        let team = Team::on(PIPELINE).await;
        let wang = team.manager("wang");
        let began = (now() - Duration::days(10)).date_naive().and_hms_opt(9, 0, 0).map(|at| at.and_utc());
        let began = began.expect("nine o'clock exists");
        let customer = wang.register(backdated(team.customer("Harbour Foods"), began)).await;
        let mut slip = String::new();
        for (days, stage) in [(1, "need_confirmed"), (2, "quoted")] {
            let at = instant(began + Duration::days(days));
            let body = json!({"to": stage, "note": "so it was", "next_step": "call", "reason": "entered late", "effective_at": at});
            slip = wang.command(&customer, "transitions", body).await.expect(200).text_at("/events/0/id");
        }
        let known_before = wang.head().await;
        Self { team, wang, customer, began, slip, known_before }
    }

    async fn correct(&self, correction: Value) {
        self.correct_event(&self.slip, correction).await;
    }

    async fn correct_event(&self, event: &str, mut correction: Value) {
        correction["corrects"] = json!(event);
        let answer = self.wang.command(&self.customer, "corrections", correction).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// The id of the last event of the log.
    async fn last_event(&self) -> String {
        let after = self.wang.head().await - 1;
        let page = self.wang.get(&format!("/v1/events?after={after}&limit=1")).await.expect(200);
        page.text_at("/items/0/id")
    }

    async fn present_stage(&self) -> String {
        self.wang.customer(&self.customer).await.text_at("/journeys/0/stage")
    }

    /// A wait until the read models have everything.
    async fn settled(&self) -> String {
        format!("min_position={}&wait_ms=20000", self.wang.head().await)
    }

    async fn board(&self, at: DateTime<Utc>, known: Option<u64>) -> BTreeMap<String, u64> {
        let known = known.map_or(String::new(), |position| format!("&known_position={position}"));
        let path =
            format!("/v1/boards/{PIPELINE}?effective_at={}{known}&{}", instant(at), self.settled().await);
        let board = self.wang.get(&path).await.expect(200);
        let stages = board.at("/stages").as_array().cloned().unwrap_or_default();
        stages
            .iter()
            .filter_map(|stage| Some((stage["stage"].as_str()?.to_owned(), stage["count"].as_u64()?)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    async fn stays(&self, query: &str) -> Vec<Value> {
        let path = format!("/v1/customers/{}/stays?{}{query}", self.customer, self.settled().await);
        self.wang.get(&path).await.expect(200).items()
    }

    /// Every report about one instant under one state of knowledge.
    async fn all_figures(&self, at: DateTime<Utc>, known: u64) -> BTreeMap<String, Value> {
        let settled = self.settled().await;
        let mut figures = BTreeMap::new();
        for page in [
            format!("boards/{PIPELINE}"),
            format!("dwell/{PIPELINE}?curve=true"),
            format!("dwell/{PIPELINE}?unit=customer"),
            format!("flows/{PIPELINE}"),
            format!("paths/{PIPELINE}"),
            format!("customers/{}/stays", self.customer),
            format!("customers/{}/timeline?view=both", self.customer),
        ] {
            let join = if page.contains('?') { '&' } else { '?' };
            let path = format!("/v1/{page}{join}effective_at={}&known_position={known}", instant(at));
            let answer = self.wang.get(&format!("{path}&{settled}")).await.expect(200);
            figures.insert(path, settled_parts(answer.body));
        }
        figures
    }
}

/// A reply without what tells how far the read model is, which moves on by itself.
fn settled_parts(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.remove("position");
    }
    body
}

/// A registration that happened earlier.
fn backdated(mut customer: Value, at: DateTime<Utc>) -> Value {
    customer["effective_at"] = json!(instant(at));
    customer
}

fn counts(stages: &[(&str, u64)]) -> BTreeMap<String, u64> {
    stages.iter().map(|(stage, count)| ((*stage).to_owned(), *count)).collect()
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
