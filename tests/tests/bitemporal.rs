//! Two times: when it happened, and when we learned it. Any answer can be asked for any pair.

#![cfg(test)]

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team, now, papers};

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
async fn a_board_of_an_earlier_knowledge_shows_what_its_customers_were_called() {
    let story = Story::told().await;
    let day = story.began + Duration::days(3);
    let _ =
        story.wang.command(&story.customer, "details", json!({"name": "Harbour & Sons"})).await.expect(200);
    let names = async |known: u64| {
        let query = format!("effective_at={}&known_position={known}", instant(day));
        let board = story.wang.get(&story.path(&format!("/v1/boards/{PIPELINE}"), &query).await).await;
        let stages = board.expect(200).at("/stages").as_array().cloned().unwrap_or_default();
        let cards = stages.iter().flat_map(|stage| stage["cards"].as_array().cloned().unwrap_or_default());
        cards.map(|card| card["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(story.known_before).await, ["Harbour Foods"]);
    assert_eq!(names(story.wang.head().await).await, ["Harbour Foods"], "it was called so on that day");
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
        // The registration, two moves and the receipt that the second brought.
        assert_eq!(items.len(), 4, "{view}: {items:#?}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_and_the_list_are_read_as_they_stood_and_as_they_were_known() {
    let story = Story::told().await;
    // Somebody is known who owns nobody.
    let _ = story.team.rep("li");
    let details = json!({
        "tier": "A", "tags": ["vip"], "amount": {"amount": "900.00", "currency": "CNY"},
        "effective_at": instant(story.began + Duration::days(3)),
    });
    let _ = story.wang.command(&story.customer, "details", details).await.expect(200);
    story.correct(json!({"kind": "target", "to": "first_contact", "reason": "wrong button"})).await;
    let known = format!("known_position={}", story.known_before);
    let day = |days: i64| format!("effective_at={}", instant(story.began + Duration::days(days)));
    let stage = async |query: &str| story.then(query).await.text_at("/journeys/0/stage");

    assert_eq!(stage(&day(1)).await, "need_confirmed");
    assert_eq!(stage(&day(3)).await, "first_contact", "as it is known now");
    assert_eq!(stage(&format!("{}&{known}", day(3))).await, "quoted", "as it was known then");
    let before = story.then(&day(2)).await;
    assert_eq!(
        (before.at("/tier"), before.at("/tags"), before.at("/amount")),
        (&json!(null), &json!([]), &json!(null))
    );
    let after = story.then(&day(3)).await;
    assert_eq!((after.at("/tier"), after.at("/amount/amount")), (&json!("A"), &json!("900.00")));
    assert_eq!(after.at("/journeys/0/age_seconds"), &json!(86_400.0));
    assert_eq!(after.at("/name"), "Harbour Foods");
    assert_eq!(after.text_at("/effective_at"), story.then(&day(3)).await.text_at("/effective_at"));
    assert!(after.at("/known_at").is_string() && after.header("etag").is_empty());
    let unborn = story.path(&format!("/v1/customers/{}", story.customer), &day(-1)).await;
    drop(story.wang.get(&unborn).await.refused(404, "not-found"));

    let listed = async |query: &str| {
        let path = story.path("/v1/customers", query).await;
        let page = story.wang.get(&path).await.expect(200);
        assert!(page.at("/effective_at").is_string() && page.at("/known_at").is_string(), "{}", page.text);
        page.items().len()
    };
    for (query, expected) in [
        (day(-1), 0),
        (day(0), 1),
        (format!("{}&stage=quoted", day(3)), 0),
        (format!("{}&stage=quoted&{known}", day(3)), 1),
        (format!("{}&tier=A", day(2)), 0),
        (format!("{}&tier=A&tag=vip&q=harbour", day(3)), 1),
        (format!("{}&owner=rep:li", day(3)), 0),
    ] {
        assert_eq!(listed(&query).await, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_shows_what_may_be_seen_now_and_nothing_of_whom_is_forgotten() {
    let story = Story::told().await;
    let phone = json!({"contacts": [{"kind": "phone", "value": "+8613800138000"}]});
    let _ = story.wang.command(&story.customer, "details", phone).await.expect(200);
    let now = format!("effective_at={}", instant(now()));
    let li = story.team.rep("li");
    let seen = async |who: &Client| {
        let path = story.path(&format!("/v1/customers/{}", story.customer), &now).await;
        let one = who.get(&path).await.expect(200).text_at("/contacts/0/value");
        let list = who.get(&story.path("/v1/customers", &now).await).await.expect(200);
        assert_eq!(list.text_at("/items/0/contacts/0/value"), one);
        one
    };
    assert_eq!(seen(&li).await, "+86138****8000", "nobody has claimed it");
    assert_eq!(seen(&story.wang).await, "+8613800138000");
    let _ = li.command(&story.customer, "claims", json!({})).await.expect(200);
    assert_eq!(seen(&li).await, "+8613800138000", "of the time before the claim, too");
    let erased = story.team.admin().command(&story.customer, "erasure", json!({"ground": "request"})).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    for path in [format!("/v1/customers/{}", story.customer), "/v1/customers".to_owned()] {
        let text = story.wang.get(&story.path(&path, &now).await).await.expect(200).text;
        assert!(!text.contains("Harbour") && !text.contains("13800138000"), "{text}");
        assert!(text.contains("\"erased\":true"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_customer_might_go_is_told_as_it_stood_and_as_it_was_known() {
    let story = Story::told().await;
    let choices = async |query: &str| {
        let path = story.path(&format!("/v1/customers/{}/allowed-transitions", story.customer), query).await;
        let answer = story.wang.get(&path).await.expect(200);
        let allowed = answer.items().into_iter().filter(|item| item["allowed"] == true);
        let to = allowed.filter_map(|item| item["to"].as_str().map(str::to_owned)).collect::<Vec<_>>();
        let all: Vec<String> =
            answer.items().iter().filter_map(|item| item["to"].as_str().map(str::to_owned)).collect();
        (to, all, answer)
    };
    let at = |days: i64| format!("effective_at={}", instant(story.began + Duration::days(days)));
    // A stage is no choice of its own: so the one that it stood in is seen.
    for (days, stood) in [(0, "first_contact"), (1, "need_confirmed"), (3, "quoted")] {
        let (_, all, answer) = choices(&at(days)).await;
        assert!(!all.contains(&stood.to_owned()) && all.len() > 3, "{days}: {all:?}");
        assert_eq!(
            answer.at("/effective_at"),
            &json!(instant(story.began + Duration::days(days)).replace(".000000", ""))
        );
        assert!(answer.at("/known_at").is_string());
    }
    assert!(choices(&at(0)).await.0.contains(&"need_confirmed".to_owned()));
    story.correct(json!({"kind": "target", "to": "first_contact", "reason": "wrong button"})).await;
    let known = format!("{}&known_position={}", at(3), story.known_before);
    assert!(!choices(&known).await.1.contains(&"quoted".to_owned()), "as it was known");
    assert!(!choices(&at(3)).await.1.contains(&"first_contact".to_owned()), "as it is known now");
    let before = story.path(&format!("/v1/customers/{}/allowed-transitions", story.customer), &at(-1)).await;
    let _ = story.wang.get(&before).await.refused(404, "not-found");
    let now = choices("pipeline=landian-6").await.2;
    assert!(now.headers.contains_key("etag") && now.at("/known_at").is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn worklists_are_asked_for_as_they_stood_and_tell_of_the_present_what_they_tell_without() {
    let story = Story::told().await;
    let _ =
        story.wang.command(&story.customer, "owner-changes", json!({"to": "rep:li", "reason": "hers"})).await;
    let later = instant(now() + Duration::days(20));
    let plan = json!({
        "channel": "phone", "summary": "spoke", "next_plan": {"at": instant(now() + Duration::days(2)), "text": "call"},
    });
    let _ = story.wang.command(&story.customer, "follow-ups", plan).await.expect(200);
    let before = story.known_before;
    let listed = async |list: &str, query: &str| {
        let path = story.path(&format!("/v1/worklists/{list}"), query).await;
        let answer = story.wang.get(&path).await.expect(200);
        (answer.items(), answer.at("/total").clone(), answer)
    };
    assert_eq!(listed("overdue", "owner=li").await.0, Vec::<Value>::new());
    let (items, total, answer) = listed("overdue", &format!("owner=li&effective_at={later}")).await;
    assert_eq!((items.len(), &total), (1, &json!(1)), "by then the call is overdue");
    assert_eq!(items[0]["next_action"]["text"], "call");
    assert!(answer.at("/known_at").is_string());
    let nobodys = format!("effective_at={later}&known_position={before}");
    assert_eq!(listed("overdue", &nobodys).await.1, json!(0), "nothing was planned by then");
    for list in ["today", "overdue", "stalled", "push", "give-up", "supervise"] {
        let plain = listed(list, "owner=li").await;
        let told = listed(list, &format!("owner=li&known_position={}", story.wang.head().await)).await;
        let shown = |items: &[Value]| -> Vec<Value> {
            items
                .iter()
                .map(|item| json!([item["customer_id"], item["stage"], item["owner"], item["next_action"]]))
                .collect()
        };
        assert_eq!((shown(&plain.0), plain.1), (shown(&told.0), told.1), "{list}");
    }
    let refused = story.wang.get("/v1/duplicates?effective_at=2024-01-01T00:00:00Z").await;
    let _ = refused.refused(422, "unknown-parameter");
}

impl Story {
    /// A question, once everything is in the read models.
    async fn path(&self, path: &str, query: &str) -> String {
        format!("{path}?{query}&{}", self.settled().await)
    }

    /// The customer as a question asks for it.
    async fn then(&self, query: &str) -> Answer {
        let path = self.path(&format!("/v1/customers/{}", self.customer), query).await;
        self.wang.get(&path).await.expect(200)
    }

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
            let body = json!({"to": stage, "note": "so it was", "next_step": "call", "reason": "entered late",
                "effective_at": at, "documents": papers(stage)});
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
