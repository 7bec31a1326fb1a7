//! Malformed requests over all routes: refused by name, never with a 5xx, and without leaving a trace in the log.

#![cfg(test)]

use reqwest::Method;
use serde_json::{Map, Value, json};
use waymark_tests::{Answer, Call, Client, Team};

/// A well-formed id that is nobody's.
const STRANGER: &str = "01900000-0000-7000-8000-000000000000";

/// One malformed request.
struct Bad {
    name: String,
    call: Call,
    /// The statuses that are right.
    statuses: Vec<u16>,
    /// What the problem document has to name: a field, a parameter, a header.
    names: &'static str,
}

/// The table under construction.
struct Table {
    rows: Vec<Bad>,
    client: Client,
    customer: String,
    moved: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_malformed_request_is_answered_with_a_fault_of_ours_or_leaves_a_trace() {
    let team = Team::on("landian-6").await;
    let mut table = Table::new(&team).await;
    table.bodies_that_are_no_documents();
    table.fields_of_the_wrong_kind();
    table.fields_that_are_missing_or_unknown();
    table.values_that_cannot_be();
    table.facts_of_customers_that_cannot_be();
    table.merges_and_people_that_cannot_be();
    table.receivers_that_cannot_be();
    table.instants_that_are_none();
    table.ids_that_lead_nowhere();
    table.pipelines_that_cannot_be();
    table.versions_that_cannot_be();
    table.queries();
    table.reports();
    table.headers();
    table.bulk_and_imports();
    table.routes_and_methods(&team);
    let count = table.rows.len();
    assert!(count >= 150, "only {count} rows");

    let before = team.admin().head().await;
    let mut wrong = Vec::new();
    for Bad { name, call, statuses, names } in table.rows {
        let answer = call.send().await;
        if let Err(why) = judge(&answer, &statuses, names) {
            wrong.push(format!(
                "{name} ({}): {why}: {}",
                answer.name,
                answer.text.chars().take(400).collect::<String>()
            ));
        }
    }
    println!("{count} malformed requests");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(team.admin().head().await, before, "a refused request was recorded");
}

/// Whether the answer is a problem document with one of the statuses that names what is wrong.
fn judge(answer: &Answer, statuses: &[u16], names: &str) -> Result<(), String> {
    if !statuses.contains(&answer.status) {
        return Err(format!("{} instead of {statuses:?}", answer.status));
    }
    if answer.header("content-type") != "application/problem+json" {
        return Err(format!("content type {:?}", answer.header("content-type")));
    }
    for field in ["type", "title", "detail", "code", "trace_id"] {
        if answer.body[field].as_str().is_none_or(str::is_empty) {
            return Err(format!("no {field}"));
        }
    }
    if answer.body["status"] != json!(answer.status) {
        return Err("the status is not the status".to_owned());
    }
    let violations = answer.body["violations"].as_array().cloned().unwrap_or_default();
    let fields: Vec<&str> = violations.iter().filter_map(|violation| violation["field"].as_str()).collect();
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    let named = fields.iter().any(|field| field.contains(names)) || detail.contains(names);
    if named { Ok(()) } else { Err(format!("{names:?} is not named")) }
}

impl Table {
    async fn new(team: &Team) -> Self {
        let client = team.admin();
        let customer = client.register(team.customer("Harbour Foods")).await;
        let events = client.get(&format!("/v1/events?customer={customer}")).await.expect(200).items();
        let moved = events[0]["id"].as_str().expect("an event has an id").to_owned();
        Self { rows: Vec::new(), client, customer, moved }
    }

    fn add(&mut self, name: impl Into<String>, call: Call, statuses: &[u16], names: &'static str) {
        self.rows.push(Bad { name: name.into(), call, statuses: statuses.to_vec(), names });
    }

    fn path(&self, what: &str) -> String {
        format!("/v1/customers/{}/{what}", self.customer)
    }

    /// A command on the customer with this JSON body.
    fn command(&mut self, what: &str, body: &Value, statuses: &[u16], names: &'static str) {
        let call = self.client.call(Method::POST, &self.path(what)).json(body);
        self.add(format!("{what} {body:.60}"), call, statuses, names);
    }

    /// A registration with one field set.
    fn register(&mut self, field: &'static str, value: Value, statuses: &[u16]) {
        let name = format!("{field}={value:.60}");
        let mut body = json!({"pipeline": "landian-6", "name": "A"});
        body[field] = value;
        let call = self.client.call(Method::POST, "/v1/customers").json(&body);
        self.add(name, call, statuses, field);
    }

    fn get(&mut self, path: &str, statuses: &[u16], names: &'static str) {
        let call = self.client.call(Method::GET, path);
        self.add(path, call, statuses, names);
    }

    /// Every route that takes a JSON body.
    fn posts(&self) -> Vec<String> {
        let commands = [
            "details",
            "transitions",
            "corrections",
            "reactivations",
            "notes",
            "follow-ups",
            "signals",
            "releases",
            "owner-changes",
            "erasure",
            "key-rotations",
            "legal-holds",
            "legal-hold-releases",
            "overrides",
            "migrations",
            "documents",
            "merges",
            "unmerges",
            "distinctions",
            "distinction-withdrawals",
        ];
        let mut posts: Vec<String> = commands.iter().map(|what| self.path(what)).collect();
        posts.extend(
            ["/v1/customers", "/v1/pipelines", "/v1/pipelines/landian-6/versions"].map(str::to_owned),
        );
        let set_up = [
            "handovers",
            "deputies",
            "admin/teams",
            "admin/fields",
            "admin/rates",
            "admin/calendars",
            "admin/robots",
            "webhooks",
        ];
        posts.extend(set_up.iter().map(|what| format!("/v1/{what}")));
        posts
    }

    fn bodies_that_are_no_documents(&mut self) {
        let json_type = "application/json";
        let bodies: [(&str, &str, Vec<u8>, &[u16]); 8] = [
            ("half a document", json_type, br#"{"text": "#.to_vec(), &[400]),
            ("not UTF-8", json_type, b"{\"text\": \"\xff\xfe\"}".to_vec(), &[400]),
            ("nothing", json_type, Vec::new(), &[400]),
            ("a list", json_type, b"[]".to_vec(), &[400, 422]),
            ("a text", json_type, b"\"text\"".to_vec(), &[400, 422]),
            ("nested without end", json_type, "[".repeat(200_000).into_bytes(), &[400]),
            ("XML", "application/xml", b"<note/>".to_vec(), &[415]),
            ("two documents", json_type, b"{} {}".to_vec(), &[400]),
        ];
        for path in self.posts() {
            for (name, content_type, body, statuses) in &bodies {
                let call = self.client.call(Method::POST, &path).bytes(content_type, body.clone());
                self.add(format!("{name} to {path}"), call, statuses, "");
            }
        }
        let twice = br#"{"text": "one", "text": "two"}"#.to_vec();
        let call = self.client.call(Method::POST, &self.path("notes")).bytes(json_type, twice);
        self.add("a field twice", call, &[400, 422], "text");
        let call = self.client.call(Method::POST, &self.path("notes")).bytes("", b"{}".to_vec());
        self.add("no content type", call, &[415], "");
        let huge = format!(r#"{{"text": "{}"}}"#, "x".repeat(3 << 20)).into_bytes();
        let call = self.client.call(Method::POST, &self.path("notes")).bytes(json_type, huge);
        self.add("three mebibytes", call, &[413], "");
    }

    fn fields_of_the_wrong_kind(&mut self) {
        let wrong = [json!(7), json!(true), json!(["a"]), json!({"a": 1}), Value::Null];
        for value in &wrong {
            self.command("notes", &json!({"text": value}), &[422], "text");
            self.command("transitions", &json!({"to": value}), &[422], "to");
            self.command("releases", &json!({"reason": value}), &[422], "reason");
        }
        for value in [json!(7), json!(true), json!(["a"])] {
            self.command("owner-changes", &json!({"to": value, "reason": "handover"}), &[422], "to");
            self.register("owner", value.clone(), &[422]);
            self.register("amount", value.clone(), &[422]);
            self.command(
                "follow-ups",
                &json!({"channel": "phone", "summary": "x", "next_plan": value}),
                &[422],
                "next_plan",
            );
        }
        for field in ["name", "external_id", "source", "channel", "tier", "stage", "pipeline"] {
            self.register(field, json!({"no": "text"}), &[422]);
        }
        self.register("tags", json!("vip"), &[422]);
        self.register("tags", json!([1, 2]), &[422]);
        self.register("contacts", json!({"kind": "phone"}), &[422]);
        self.register("contacts", json!([{"kind": "pigeon", "value": "coo"}]), &[422]);
        self.register("contacts", json!([{"kind": "phone"}]), &[422]);
        self.register("fields", json!("text"), &[422]);
    }

    fn fields_that_are_missing_or_unknown(&mut self) {
        let missing: [(&str, Value, &'static str); 9] = [
            ("transitions", json!({"note": "x"}), "to"),
            ("corrections", json!({"corrects": self.moved, "reason": "x"}), "kind"),
            ("corrections", json!({"kind": "void", "reason": "x"}), "corrects"),
            ("corrections", json!({"kind": "void", "corrects": self.moved}), "reason"),
            ("corrections", json!({"kind": "target", "corrects": self.moved, "reason": "x"}), "to"),
            ("reactivations", json!({"reason": "x"}), "to"),
            ("notes", json!({}), "text"),
            (
                "follow-ups",
                json!({"summary": "x", "next_plan": {"at": "2999-01-01T00:00:00Z", "text": "x"}}),
                "channel",
            ),
            ("follow-ups", json!({"channel": "phone", "summary": "x"}), "next_plan"),
        ];
        for (what, body, names) in missing {
            self.command(what, &body, &[422], names);
        }
        self.command("owner-changes", &json!({"reason": "x"}), &[422], "to");
        self.command("releases", &json!({}), &[422], "reason");
        let call = self.client.call(Method::POST, "/v1/customers").json(&json!({"name": "A"}));
        self.add("no pipeline", call, &[422], "pipeline");
        for path in self.posts() {
            let call = self.client.call(Method::POST, &path).json(&json!({"nmae": "a slip of the keys"}));
            self.add(format!("an unknown field to {path}"), call, &[422], "nmae");
        }
        let body = json!({"channel": "phone", "summary": "x", "next_plan": {"at": "2999-01-01T00:00:00Z", "txt": "x"}});
        self.command("follow-ups", &body, &[422], "next_plan.txt");
        self.register("amount", json!({"amount": "1", "currency": "CNY", "cents": 0}), &[422]);
    }

    fn values_that_cannot_be(&mut self) {
        for text in
            ["".to_owned(), "   ".to_owned(), "x".repeat(100_000), "a\u{0}b".to_owned(), "a\u{7}b".to_owned()]
        {
            self.command("notes", &json!({"text": text}), &[422], "text");
            self.register("name", json!(text), &[422]);
        }
        for amount in ["1e400", "NaN", "-5", "1.23456789", "12,50", "", "99999999999999999999999999999999"] {
            self.register("amount", json!({"amount": amount, "currency": "CNY"}), &[422]);
        }
        for currency in ["", "cny", "RENMINBI", "C1Y", "¥"] {
            self.register("amount", json!({"amount": "12.30", "currency": currency}), &[422]);
        }
        self.register("stage", json!("almost_signed"), &[422]);
        self.register("stage", json!("差不多要定了"), &[422]);
        self.register("pipeline", json!("no-such-pipeline"), &[422]);
        self.register("owner", json!({"kind": "pool", "id": "no-such-pool"}), &[422]);
        self.register("owner", json!({"kind": "king", "id": "li"}), &[422]);
        self.register("owner", json!({"kind": "rep", "id": ""}), &[422]);
        self.register("tags", json!(vec!["t"; 10_000]), &[422]);
        self.register("external_id", json!("x".repeat(10_000)), &[422]);
        self.command("transitions", &json!({"to": "almost_signed"}), &[422], "to");
        self.command("transitions", &json!({"to": "差不多要定了"}), &[422], "to");
        self.command("transitions", &json!({"to": "won"}), &[422], "to");
        self.command(
            "transitions",
            &json!({"to": "need_confirmed", "pipeline": "nowhere"}),
            &[422],
            "pipeline",
        );
        self.command(
            "transitions",
            &json!({"to": "need_confirmed", "sub_status": "nowhere"}),
            &[422],
            "sub_status",
        );
        let evidence = json!([{"kind": "hear say", "reference": "x"}]);
        self.command(
            "transitions",
            &json!({"to": "need_confirmed", "evidence": evidence}),
            &[422],
            "evidence",
        );
        let next = json!({"at": "2999-01-01T00:00:00Z", "text": "ring"});
        self.command(
            "follow-ups",
            &json!({"channel": "smoke", "summary": "x", "next_plan": next}),
            &[422],
            "channel",
        );
        self.command(
            "follow-ups",
            &json!({"channel": "phone", "summary": "", "next_plan": next}),
            &[422],
            "summary",
        );
        let past = json!({"at": "2001-01-01T00:00:00Z", "text": "ring"});
        self.command(
            "follow-ups",
            &json!({"channel": "phone", "summary": "x", "next_plan": past}),
            &[422],
            "next_plan.at",
        );
        self.command(
            "corrections",
            &json!({"kind": "wish", "corrects": self.moved, "reason": "x"}),
            &[422],
            "kind",
        );
        let odd = json!({"kind": "void", "corrects": self.moved, "reason": "x", "on_conflict": "shrug"});
        self.command("corrections", &odd, &[422], "on_conflict");
        self.command("reactivations", &json!({"to": "need_confirmed", "reason": "x"}), &[409, 422], "");
        self.command("releases", &json!({"reason": "x", "pool": "no-such-pool"}), &[409, 422], "");
        self.command("details", &json!({}), &[422], "");
    }

    /// A body to a path of the tenant's own.
    fn send(&mut self, path: &str, body: &Value, names: &'static str) {
        let call = self.client.call(Method::POST, path).json(body);
        self.add(format!("{path} {body:.60}"), call, &[422], names);
    }

    fn facts_of_customers_that_cannot_be(&mut self) {
        for code in ["914403001922038217", "91440300192203821O", "9144", ""] {
            self.register("credit_code", json!(code), &[422]);
        }
        self.register("channel_ids", json!([{"channel": "website"}]), &[422]);
        self.register("channel_ids", json!([{"channel": "", "id": "x"}]), &[422]);
        self.register("contract", json!({}), &[422]);
        self.register("contract", json!({"starts_on": "2026-02-01", "ends_on": "2026-01-01"}), &[422]);
        for day in [
            json!("2026-02-30"),
            json!("1066-10-14"),
            json!("soon"),
            json!(20_260_201),
            json!("+10000-01-01"),
        ] {
            self.register("delivered_on", day.clone(), &[422]);
            self.register("postponed_until", day, &[422]);
        }
        for (amount, currency) in [("1.001", "CNY"), ("0.5", "JPY"), ("1", "DEM"), ("1", "XXX")] {
            self.register("amount", json!({"amount": amount, "currency": currency}), &[422]);
        }
        for satisfaction in [json!(11), json!(-1), json!(7.5), json!("9"), json!(300)] {
            self.command("details", &json!({"satisfaction": satisfaction}), &[422], "satisfaction");
        }
        self.command("details", &json!({"clear": ["owner"]}), &[422], "clear[0]");
        self.command("details", &json!({"clear": ["region"], "region": "north"}), &[422], "clear[0]");
        let put_off = json!({"to": "need_confirmed", "postponed_until": "2099-01-01"});
        self.command("transitions", &put_off, &[422], "postponed_until");
        let won = json!({"to": "need_confirmed", "won_amount": {"amount": "1", "currency": "CNY"}});
        self.command("transitions", &won, &[422], "won_amount");
        let document = |field: &str, value: &str| {
            let mut body = json!({"kind": "contract", "reference": "x", "sha256": "0f".repeat(32)});
            body[field] = json!(value);
            body
        };
        self.command("documents", &document("kind", "The Contract"), &[422], "kind");
        self.command("documents", &document("reference", ""), &[422], "reference");
        self.command("documents", &document("sha256", "0F"), &[422], "sha256");
    }

    fn merges_and_people_that_cannot_be(&mut self) {
        let own = self.customer.clone();
        self.command("merges", &json!({"absorbed": own}), &[422], "absorbed");
        self.command("merges", &json!({"absorbed": STRANGER}), &[404], STRANGER);
        self.command("merges", &json!({"absorbed": "x"}), &[422], "absorbed");
        self.command(
            "merges",
            &json!({"absorbed": STRANGER, "stage_policy": "best"}),
            &[422],
            "stage_policy",
        );
        self.command("unmerges", &json!({"absorbed": STRANGER, "reason": "x"}), &[404], STRANGER);
        self.command("unmerges", &json!({"absorbed": own}), &[422], "reason");
        for what in ["distinctions", "distinction-withdrawals"] {
            self.command(what, &json!({"other": own, "reason": "x"}), &[422, 409], "other");
            self.command(what, &json!({"other": STRANGER, "reason": "x"}), &[404], STRANGER);
            self.command(what, &json!({"other": "x", "reason": "x"}), &[422], "other");
            self.command(what, &json!({"other": own}), &[422], "reason");
        }
        self.send("/v1/leads", &json!({"pipeline": "landian-6", "colour": "red"}), "colour");
        self.send("/v1/leads", &json!("a lead"), "");
        self.send("/v1/leads", &Value::Array(vec![json!({}); 1_001]), "$");
        self.get(&format!("/v1/customers/{STRANGER}/duplicates"), &[404], STRANGER);
        self.get(&format!("/v1/customers/{}/duplicates?limit=0", self.customer), &[422], "limit");
        for path in ["boards/landian-6", "dwell/landian-6", "flows/landian-6", "paths/landian-6", "customers"]
        {
            self.get(&format!("/v1/{path}?team=nobodys"), &[422], "team");
        }
        self.get("/v1/boards/landian-6?currency=DEM", &[422], "currency");
        self.get("/v1/boards/landian-6?rate_date=soon", &[422], "rate_date");
        self.get("/v1/admin/rates?date=2026-02-30", &[422], "date");
        let name = json!({"zh": "北区", "en": "North"});
        self.send("/v1/admin/teams", &json!({"key": "North Team", "name": name}), "key");
        self.send("/v1/admin/teams", &json!({"key": "north", "name": {"zh": "北区", "en": ""}}), "name.en");
        self.send(
            "/v1/admin/teams",
            &json!({"key": "north", "name": name, "members": ["li\u{0}"]}),
            "members",
        );
        self.send("/v1/admin/fields", &json!({"key": "size", "name": name, "type": "colour"}), "type");
        self.send("/v1/admin/fields", &json!({"key": "size", "name": name, "type": "choice"}), "options");
        self.send(
            "/v1/admin/fields",
            &json!({"key": "size", "name": name, "type": "text", "many": true}),
            "options",
        );
        let calendar = |zone: &str, day: &str, from: &str| {
            let name = json!({"zh": "办公", "en": "Office"});
            json!({"key": "office", "name": name, "timezone": zone, "weekly": {day: [{"from": from, "to": "18:00"}]}})
        };
        self.send("/v1/admin/calendars", &calendar("Mars/Base", "mon", "09:00"), "timezone");
        self.send("/v1/admin/calendars", &calendar("UTC", "monday", "09:00"), "weekly.monday");
        self.send("/v1/admin/calendars", &calendar("UTC", "mon", "9 Uhr"), "weekly.mon[0].from");
        self.send("/v1/admin/calendars", &calendar("UTC", "mon", "19:00"), "weekly.mon");
        let rates = |base: &str, code: &str, rate: Value| json!({"date": "2026-01-02", "base": base, "rates": {code: rate}});
        self.send("/v1/admin/rates", &rates("DEM", "USD", json!("7.1")), "base");
        self.send("/v1/admin/rates", &rates("CNY", "usd", json!("7.1")), "rates.usd");
        self.send("/v1/admin/rates", &rates("CNY", "USD", json!("7,1")), "rates.USD");
        self.send("/v1/admin/rates", &rates("CNY", "USD", json!("0")), "rates.USD");
        self.send("/v1/admin/rates", &rates("CNY", "USD", json!(7.1)), "rates");
        let leave = |rep: &str, until: &str| json!({"rep": rep, "deputy": "zhao", "from": "2026-01-01T00:00:00Z", "until": until});
        self.send("/v1/deputies", &leave("zhao", "2099-01-01T00:00:00Z"), "deputy");
        self.send("/v1/deputies", &leave("li", "2020-01-01T00:00:00Z"), "until");
        let over =
            |from: &str, to: &str, occasion: &str| json!({"from": from, "to": to, "occasion": occasion});
        self.send("/v1/handovers", &over("rep:li", "rep:li", "resign"), "to");
        self.send("/v1/handovers", &over("nobody", "zhao", "resign"), "from");
        self.send("/v1/handovers", &over("rep:li", "rep:zhao", "holiday"), "occasion");
        for (path, names) in [("admin/teams/nobodys", "key"), ("admin/fields/nothing", "key")] {
            let call = self.client.call(Method::DELETE, &format!("/v1/{path}"));
            self.add(format!("DELETE {path}"), call, &[404], names);
        }
        let call = self.client.call(Method::DELETE, &format!("/v1/deputies/{STRANGER}"));
        self.add("DELETE a deputy", call, &[404], "id");
    }

    fn receivers_that_cannot_be(&mut self) {
        let webhooks = [
            (json!({}), "url"),
            (json!({"url": 7}), "url"),
            (json!({"url": "ftp://erp.example/"}), "url"),
            (json!({"url": "http://erp.example/"}), "url"),
            (json!({"url": "https://10.0.0.1/"}), "url"),
            (json!({"url": "https://erp.example/", "types": ["customer.movd"]}), "types"),
            (json!({"url": "https://erp.example/", "types": "customer.moved"}), "types"),
            (json!({"url": "https://erp.example/", "secret": "mine"}), "secret"),
        ];
        for (body, names) in &webhooks {
            self.send("/v1/webhooks", body, names);
        }
        let robots = [
            (json!({"key": "k"}), "kind"),
            (json!({"kind": "sms", "key": "k"}), "kind"),
            (json!({"kind": "wecom"}), "key"),
            (json!({"kind": "dingtalk"}), "token"),
            (json!({"kind": "feishu", "token": "a b"}), "token"),
            (json!({"kind": "wecom", "key": "k", "team": "no-such-team"}), "team"),
        ];
        for (body, names) in &robots {
            self.send("/v1/admin/robots", body, names);
        }
        for receivers in ["webhooks", "admin/robots"] {
            self.get(&format!("/v1/{receivers}/{STRANGER}/deliveries"), &[404], STRANGER);
            self.get(&format!("/v1/{receivers}/{STRANGER}/deliveries?state=lost"), &[422], "state");
            self.get(&format!("/v1/{receivers}/not-an-id/deliveries"), &[400], "id");
            let replay = self.client.call(Method::POST, &format!("/v1/{receivers}/{STRANGER}/replay"));
            self.add(format!("a replay of no {receivers}"), replay, &[404], STRANGER);
            let removal = self.client.call(Method::DELETE, &format!("/v1/{receivers}/{STRANGER}"));
            self.add(format!("a removal of no {receivers}"), removal, &[404], STRANGER);
        }
        for what in ["rotate", "enable"] {
            let call = self.client.call(Method::POST, &format!("/v1/webhooks/{STRANGER}/{what}"));
            self.add(format!("{what} of no webhook"), call, &[404], STRANGER);
        }
    }

    fn instants_that_are_none(&mut self) {
        let instants = [
            json!("yesterday"),
            json!(""),
            json!("2024-02-30T00:00:00Z"),
            json!("2024-01-01"),
            json!("2024-01-01T00:00:00"),
            json!("2024-01-01T25:00:00Z"),
            json!("+10000-01-01T00:00:00Z"),
            json!("1969-12-31T23:59:59Z"),
            json!("2999-01-01T00:00:00Z"),
            json!(1_704_067_200),
            json!(1.7e300),
            json!({"year": 2024}),
        ];
        for instant in &instants {
            let body =
                json!({"to": "need_confirmed", "note": "x", "next_step": "x", "effective_at": instant});
            self.command("transitions", &body, &[422], "effective_at");
            self.register("effective_at", instant.clone(), &[422]);
        }
        for instant in ["yesterday", "2024-02-30T00:00:00Z", "1969-12-31T23:59:59Z", "12345"] {
            for page in ["boards/landian-6", "dwell/landian-6", "flows/landian-6", "paths/landian-6"] {
                self.get(&format!("/v1/{page}?effective_at={instant}"), &[422], "effective_at");
                self.get(&format!("/v1/{page}?known_at={instant}"), &[422], "known_at");
            }
        }
    }

    fn ids_that_lead_nowhere(&mut self) {
        for id in ["7", "not-an-id", "%00", "%FF", "..%2F..%2Fetc", "0"] {
            self.get(&format!("/v1/customers/{id}"), &[400, 404, 422], "");
        }
        self.get(&format!("/v1/customers/{STRANGER}"), &[404], "");
        self.get(&format!("/v1/customers/{STRANGER}/timeline"), &[404], "");
        self.get(&format!("/v1/customers/{STRANGER}/stays"), &[404], "");
        self.get(&format!("/v1/customers/{STRANGER}/allowed-transitions"), &[404], "");
        for (what, body) in
            [("notes", json!({"text": "x"})), ("claims", json!({})), ("erasure", json!({"ground": "x"}))]
        {
            let call =
                self.client.call(Method::POST, &format!("/v1/customers/{STRANGER}/{what}")).json(&body);
            self.add(format!("{what} of a stranger"), call, &[404], "");
        }
        for page in ["boards", "dwell", "flows", "paths", "pipelines"] {
            self.get(&format!("/v1/{page}/no-such-pipeline"), &[404], "");
        }
        self.get("/v1/pools/no-such-pool/customers", &[404], "");
        self.get("/v1/worklists/no-such-list", &[404], "");
        self.get("/v1/worklists/push?pipeline=no-such-pipeline", &[404], "");
        self.get("/v1/automations?pipeline=no-such-pipeline", &[404], "");
        for (id, statuses) in [(STRANGER, [404]), ("not-an-id", [400])] {
            let call =
                self.client.call(Method::POST, &format!("/v1/tasks/{id}/completions")).json(&json!({}));
            self.add(format!("completion of the task {id}"), call, &statuses, "");
        }
        self.get("/v1/pipelines/landian-6?version=99", &[404, 422], "");
        self.get(&format!("/v1/imports/{STRANGER}"), &[404], "");
        self.get("/v1/exports/everything", &[404], "");
        self.get("/v1/exports/moves?format=docx", &[422], "format");
        self.get("/v1/exports/customers?from=2026-01-01T00:00:00Z", &[422], "from");
        self.get("/v1/exports/moves?known_position=99999999", &[422], "known_position");
        self.get(
            "/v1/exports/moves?known_position=1&known_at=2026-01-01T00:00:00Z",
            &[422],
            "known_position",
        );
        for corrects in [json!(STRANGER), json!("not-an-id"), json!(7)] {
            let body = json!({"kind": "void", "corrects": corrects, "reason": "x"});
            self.command("corrections", &body, &[422], "corrects");
        }
        let call = self.client.call(Method::POST, "/v1/projections/no-such-projection/rebuild");
        self.add("an unknown projection", call, &[404], "");
    }

    fn pipelines_that_cannot_be(&mut self) {
        let bodies: [(Value, &[u16], &'static str); 9] = [
            (json!({"key": "p"}), &[422], ""),
            (json!({"key": "p", "template": "no-such-template"}), &[422], "template"),
            (json!({"key": "", "template": "landian-6"}), &[422], "key"),
            (json!({"key": "a\u{0}b", "template": "landian-6"}), &[422], "key"),
            (json!({"key": "landian-6", "template": "landian-6"}), &[409], ""),
            (json!({"key": "p", "definition": {}}), &[422], "entry_stage"),
            (json!({"key": "p", "definition": {"stages": "many"}}), &[422], "stages"),
            (json!({"key": "p", "definition": {"colour": "red"}}), &[422], "colour"),
            (json!({"key": "p", "template": "landian-6", "definition": {}}), &[422], ""),
        ];
        for (body, statuses, names) in bodies {
            let call = self.client.call(Method::POST, "/v1/pipelines").json(&body);
            self.add(format!("pipeline {body}"), call, statuses, names);
        }
    }

    fn versions_that_cannot_be(&mut self) {
        let rows: [(Value, &'static str); 13] = [
            (json!({}), "definition"),
            (json!({"definition": 7}), "definition"),
            (json!({"definition": {}, "maps": []}), "maps"),
            (json!({"definition": {"kind": "sales"}}), "stages"),
            (json!({"definition": {"kind": "sales", "surprise": 1}}), "surprise"),
            (json!({"definition": {}, "effective_from": "soon"}), "effective_from"),
            (json!({"definition": {}, "map": {}}), "map"),
            (json!({"definition": {}, "map": [{"from": "quoted"}]}), "map[0].kind"),
            (json!({"definition": {}, "map": [{"from": "quoted", "kind": "vanish"}]}), "map[0].kind"),
            (json!({"definition": {}, "map": [{"from": "quoted", "kind": "retire"}]}), "map[0].to"),
            (json!({"definition": {}, "team": {"until": "2026-01-01T00:00:00Z"}}), "team.id"),
            (json!({"definition": {}, "team": {"id": "north", "until": "tomorrow"}}), "team.until"),
            (json!({"definition": {}, "dry_run": "yes"}), "dry_run"),
        ];
        for (body, names) in rows {
            let path = "/v1/pipelines/landian-6/versions";
            let call = self.client.call(Method::POST, path).json(&body);
            self.add(format!("version {body}"), call, &[422], names);
        }
        let unknown = json!({"definition": {}});
        let call = self.client.call(Method::POST, "/v1/pipelines/nothing/versions").json(&unknown);
        self.add("a version of nothing", call, &[404], "");
        self.get("/v1/pipelines/nothing/versions", &[404], "");
        self.get("/v1/pipelines/nothing/migrations", &[404], "");
        self.get("/v1/pipelines/landian-6?version=first", &[400, 422], "version");
        self.get("/v1/pipeline-schema?version=1", &[400, 422], "version");
        self.command("migrations", &json!({}), &[422], "to");
        self.command("migrations", &json!({"to": 7}), &[422], "to");
        self.command("migrations", &json!({"to": "quoted", "pipeline": "none"}), &[422], "pipeline");
        self.command(
            "transitions",
            &json!({"to": "need_confirmed", "expected_pipeline_version": -1}),
            &[422],
            "expected_pipeline_version",
        );
        let expected = json!({"to": "need_confirmed", "expected_pipeline_version": 9});
        self.command("transitions", &expected, &[409], "expected_pipeline_version");
    }

    fn queries(&mut self) {
        let queries: &[(&str, &'static str)] = &[
            ("/v1/customers?limit=0", "limit"),
            ("/v1/customers?limit=501", "limit"),
            ("/v1/customers?limit=-1", "limit"),
            ("/v1/customers?limit=many", "limit"),
            ("/v1/customers?limit=99999999999999999999", "limit"),
            ("/v1/customers?cursor=nonsense", "cursor"),
            ("/v1/customers?ownr=li", "ownr"),
            ("/v1/customers?min_position=-1", "min_position"),
            ("/v1/customers?wait_ms=soon", "wait_ms"),
            ("/v1/events?after=-1", "after"),
            ("/v1/events?after=first", "after"),
            ("/v1/events?customer=li", "customer"),
            ("/v1/events?typ=x", "typ"),
            ("/v1/dwell/landian-6?unit=team", "unit"),
            ("/v1/duplicates?min_score=2", "min_score"),
            ("/v1/duplicates?cursor=x", "cursor"),
            ("/v1/dwell/landian-6?clock=sundial", "clock"),
            ("/v1/dwell/landian-6?horizon_seconds=-1", "horizon_seconds"),
            ("/v1/dwell/landian-6?curve=perhaps", "curve"),
            ("/v1/paths/landian-6?ending=happy", "ending"),
            ("/v1/tasks?state=late", "state"),
            ("/v1/tasks?limit=0", "limit"),
            ("/v1/tasks?cursor=nonsense", "cursor"),
            ("/v1/tasks?customer=li", "customer"),
            ("/v1/tasks?due_before=soon", "due_before"),
            ("/v1/tasks?due=today", "due"),
            ("/v1/reminders?cursor=7", "cursor"),
            ("/v1/reminders?cursor=99999999999999999999.0", "cursor"),
            ("/v1/reminders?customer=li", "customer"),
            ("/v1/worklists/today?timezone=Mars", "timezone"),
            ("/v1/worklists/push?limit=501", "limit"),
            ("/v1/worklists/push?cursor=nonsense", "cursor"),
            ("/v1/worklists/today?cursor=9223372036854775807.1.01900000000070008000000000000000.", "cursor"),
            (
                "/v1/worklists/stalled?cursor=1.-9223372036854775808.01900000000070008000000000000000.x",
                "cursor",
            ),
            ("/v1/worklists/stalled?cursor=1.1.01900000000070008000000000000000", "cursor"),
            ("/v1/worklists/stalled?suppress_if_next_action_within=-1", "suppress_if_next_action_within"),
            ("/v1/automations", "pipeline"),
            ("/v1/latency/landian-6?sla_seconds=-1", "sla_seconds"),
            ("/v1/latency/landian-6?sla_seconds=99999999999", "sla_seconds"),
            ("/v1/latency/landian-6?limit=501", "limit"),
            ("/v1/latency/landian-6?cursor=1.2.3.x", "cursor"),
            (
                "/v1/latency/landian-6?cursor=-9223372036854775808.2.3.01900000000070008000000000000000",
                "cursor",
            ),
            ("/v1/latency/landian-6?from=2024-02-01T00:00:00Z&to=2024-01-01T00:00:00Z", "to"),
            ("/v1/latency/landian-6?team=nobody", "team"),
            ("/v1/latency/landian-6?sla=5", "sla"),
            ("/v1/quality/landian-6?silent_days=0", "silent_days"),
            ("/v1/quality/landian-6?horizon_days=3651", "horizon_days"),
            ("/v1/quality/landian-6?list=everything", "list"),
            ("/v1/quality/landian-6?cursor=1.01900000000070008000000000000000.0", "list"),
            ("/v1/quality/landian-6?list=stagnant&cursor=nonsense", "cursor"),
            ("/v1/quality/landian-6?limit=0", "limit"),
            ("/v1/quality/landian-6?from=yesterday", "from"),
            ("/v1/quality/landian-6?silence=5", "silence"),
            ("/v1/funnels/landian-6?definition=guess", "definition"),
            ("/v1/funnels/landian-6?reach=far", "reach"),
            ("/v1/funnels/landian-6?definition=stock&reach=any", "reach"),
            ("/v1/funnels/landian-6?definition=stock&from=2024-01-01T00:00:00Z", "from"),
            ("/v1/funnels/landian-6?definition=stock&to=2024-01-01T00:00:00Z", "to"),
            ("/v1/funnels/landian-6?horizon_days=0", "horizon_days"),
            ("/v1/funnels/landian-6?definition=period&horizon_days=14", "horizon_days"),
            ("/v1/funnels/landian-6?from=2024-02-01T00:00:00Z&to=2024-01-01T00:00:00Z", "to"),
            ("/v1/funnels/landian-6?horizon=14", "horizon"),
            ("/v1/changes/landian-6?from_effective_at=soon", "from_effective_at"),
            ("/v1/changes/landian-6?from_known_position=999999", "from_known_position"),
            (
                "/v1/changes/landian-6?to_known_position=1&to_known_at=2024-01-01T00:00:00Z",
                "to_known_position",
            ),
            (
                "/v1/changes/landian-6?from_effective_at=2024-02-01T00:00:00Z&to_effective_at=2024-01-01T00:00:00Z",
                "to_effective_at",
            ),
            ("/v1/changes/landian-6?from_known_position=2&to_known_position=1", "to_known_at"),
            ("/v1/changes/landian-6?types=open,won,", "types"),
            ("/v1/changes/landian-6?currency=YUAN", "currency"),
            ("/v1/changes/landian-6?rate_date=2024-01-01", "rate_date"),
            ("/v1/changes/landian-6?period=2024-13", "period"),
            ("/v1/changes/landian-6?team=nobody", "team"),
            ("/v1/changes/landian-6?from=2024-01-01T00:00:00Z", "from"),
            ("/v1/changes/landian-6/customers", "cursor"),
            ("/v1/changes/landian-6/customers?cursor=aGFwcGVuZWQ", "cursor"),
            ("/v1/changes/landian-6/customers?limit=0&cursor=aGFwcGVuZWQvY3JlYXRlZC8_", "limit"),
            // A cursor of happened/created/?types=x.
            ("/v1/changes/landian-6/customers?cursor=aGFwcGVuZWQvY3JlYXRlZC8_dHlwZXM9eA", "cursor"),
            ("/v1/forecasts/landian-6?horizon_days=0", "horizon_days"),
            ("/v1/forecasts/landian-6?horizon_days=30,,90", "horizon_days"),
            ("/v1/forecasts/landian-6?horizon_days=1,2,3,4,5,6,7,8,9,10,11,12,13", "horizon_days"),
            ("/v1/forecasts/landian-6?currency=YUAN", "currency"),
            ("/v1/forecasts/landian-6?rate_date=today", "rate_date"),
            ("/v1/forecasts/landian-6/back-test?horizon_days=30,90", "horizon_days"),
            ("/v1/forecasts/landian-6/back-test?every_days=0", "every_days"),
            ("/v1/forecasts/landian-6/back-test?every_days=1&from=2020-01-01T00:00:00Z", "every_days"),
            ("/v1/forecasts/landian-6/back-test?knowledge=later", "knowledge"),
            ("/v1/forecasts/landian-6/back-test?from=2024-02-01T00:00:00Z&to=2024-01-01T00:00:00Z", "to"),
            ("/v1/alerts/landian-6?first_day=2024-02-01&last_day=2024-01-01", "last_day"),
            ("/v1/alerts/landian-6?first_day=2020-01-01", "first_day"),
            ("/v1/alerts/landian-6?zone=Mars", "zone"),
            ("/v1/bottlenecks/landian-6?currency=YUAN", "currency"),
            ("/v1/channels?attribution=middle", "attribution"),
            ("/v1/losses/landian-6?from=2024-02-01T00:00:00Z&to=2024-01-01T00:00:00Z", "to"),
            ("/v1/losses/landian-6?reason=price", "reason"),
            ("/v1/heatmap?pipeline=landian-6&by=mood", "by"),
            ("/v1/heatmap?pipeline=landian-6&by=neglect&to=2024-01-01T00:00:00Z", "to"),
            ("/v1/dwell/landian-6?group_by=mood", "group_by"),
            ("/v1/flows/landian-6?group_by=owner,source,tier", "group_by"),
            ("/v1/funnels/landian-6?group_by=owner,owner", "group_by"),
            ("/v1/losses/landian-6?group_by=month,quarter", "group_by"),
            ("/v1/funnels/landian-6?compare_from=2024-01-01T00:00:00Z", "compare_to"),
            (
                "/v1/losses/landian-6?compare_from=2024-02-01T00:00:00Z&compare_to=2024-01-01T00:00:00Z",
                "compare_to",
            ),
            ("/v1/customers?stage=nowhere", "stage"),
            ("/v1/customers?stage=quoted,nowhere", "stage"),
            ("/v1/customers?sub_status=nowhere", "sub_status"),
            ("/v1/boards/landian-6?stage=nowhere", "stage"),
            ("/v1/dwell/landian-6?version=99", "version"),
            ("/v1/funnels/landian-6?sub_status=nowhere", "sub_status"),
            ("/v1/events?type=customer.move", "type"),
            ("/v1/audit/changes?type=customer.moved,customer.move", "type"),
            ("/v1/audit/export?type=nothing", "type"),
            ("/v1/reps?attribution=anyone who", "attribution"),
            ("/v1/reps?compare=next", "compare"),
            ("/v1/reps?compare=previous", "from"),
            ("/v1/reps?team=nobody", "team"),
            ("/v1/reps?from=2024-02-01T00:00:00Z&to=2024-01-01T00:00:00Z", "to"),
            ("/v1/reps?rep=li", "rep"),
            ("/v1/reps?silent_days=-1", "silent_days"),
        ];
        for (path, names) in queries {
            self.get(path, &[400, 422], names);
        }
        let timeline = format!("{}?view=sideways", self.path("timeline"));
        self.get(&timeline, &[422], "view");
        self.get("/v1/customers?q=%FF%FE", &[400, 422], "q");
        self.get("/v1/boards/landian-6?known_at=2024-01-01T00:00:00Z&known_position=3", &[400, 422], "known");
        self.get("/v1/boards/landian-6?known_position=999999", &[400, 422], "known_position");
        self.get("/v1/customers?limit=5&limit=6", &[400, 422], "limit");
        // Nobody received such a position, so the read model cannot be said to be at fault for lacking it.
        self.get("/v1/customers?min_position=999999&wait_ms=0", &[422, 503], "");
    }

    fn reports(&mut self) {
        for path in [
            "/v1/changes/nowhere",
            "/v1/changes/nowhere/customers",
            "/v1/alerts/nowhere",
            "/v1/bottlenecks/nowhere",
            "/v1/channels?pipeline=nowhere",
            "/v1/losses/nowhere",
            "/v1/forecasts/nowhere",
            "/v1/forecasts/nowhere/back-test",
            "/v1/latency/nowhere",
            "/v1/quality/nowhere",
            "/v1/funnels/nowhere",
            "/v1/reps?pipeline=nowhere",
            "/v1/pilots/landian-6@1",
            "/v1/pilots/landian-6@x",
            "/v1/pilots/landian-6",
            "/v1/pilots/@",
        ] {
            self.get(path, &[404], "");
        }
    }

    fn headers(&mut self) {
        let note = json!({"text": "x"});
        let path = self.path("notes");
        let with = |name: &str, value: &[u8]| {
            self.client.call(Method::POST, &path).raw_header(name, value).json(&note)
        };
        let rows = [
            ("If-Match: a word", with("If-Match", b"\"new\""), vec![400, 412, 422], "If-Match"),
            ("If-Match: another version", with("If-Match", b"\"99\""), vec![412], ""),
            ("Idempotency-Key: empty", with("Idempotency-Key", b""), vec![400, 422], "Idempotency-Key"),
            (
                "Idempotency-Key: too long",
                with("Idempotency-Key", &[b'k'; 4000]),
                vec![400, 422],
                "Idempotency-Key",
            ),
            (
                "Idempotency-Key: not text",
                with("Idempotency-Key", b"\xff\xfe"),
                vec![400, 422],
                "Idempotency-Key",
            ),
            ("Waymark-Actor without the scope", with("Waymark-Actor", b"rep:li"), vec![403], ""),
        ];
        for (name, call, statuses, names) in rows {
            self.add(name, call, &statuses, names);
        }
        let call = self.client.call(Method::GET, "/v1/events").header("Accept", "text/event-stream");
        self.add(
            "Last-Event-ID: no position",
            call.header("Last-Event-ID", "yesterday"),
            &[400, 422],
            "Last-Event-ID",
        );
    }

    fn bulk_and_imports(&mut self) {
        let post = |path: &str, content_type: &str, body: &[u8]| {
            self.client.call(Method::POST, path).bytes(content_type, body.to_vec())
        };
        let csv = "/v1/imports?pipeline=p&case=case_id&status=status&time=timestamp";
        let good = "case_id,status,timestamp\nA,New,2024-01-01T00:00:00Z\n";
        let rows = [
            ("bulk as JSON", post("/v1/bulk", "application/json", b"{}"), vec![415], ""),
            (
                "bulk with an odd switch",
                post("/v1/bulk?atomic=perhaps", "application/x-ndjson", b"{}\n"),
                vec![422],
                "atomic",
            ),
            ("an import as JSON", post(csv, "application/json", b"{}"), vec![415], ""),
            ("an import of nothing", post(csv, "text/csv", b""), vec![400, 422], ""),
            (
                "an import without a mapping",
                post("/v1/imports", "text/csv", good.as_bytes()),
                vec![422],
                "pipeline",
            ),
            (
                "an import without its column",
                post(&csv.replace("status=status", "status=state"), "text/csv", good.as_bytes()),
                vec![422],
                "state",
            ),
            ("a bad row", post(csv, "text/csv", format!("{good}A,Won,soon\n").as_bytes()), vec![422], "3"),
            (
                "an import in no zone",
                post(&format!("{csv}&zone=Mars"), "text/csv", good.as_bytes()),
                vec![422],
                "zone",
            ),
            (
                "an import in no encoding",
                post(&format!("{csv}&encoding=klingon"), "text/csv", good.as_bytes()),
                vec![422],
                "encoding",
            ),
            (
                "a column of times without a status",
                post(&format!("{csv}&entered=Won"), "text/csv", good.as_bytes()),
                vec![422],
                "entered",
            ),
            (
                "a workbook that is none",
                post(csv, "application/octet-stream", b"PK\x03\x04 and nothing more"),
                vec![400],
                "",
            ),
            (
                "customers of no pipeline",
                post("/v1/customers/import?pipeline=none&case=case_id", "text/csv", good.as_bytes()),
                vec![422],
                "pipeline",
            ),
            (
                "not UTF-8",
                post(csv, "text/csv", b"case_id,status,timestamp\n\xff,\xfe,x\n"),
                vec![400, 422],
                "",
            ),
        ];
        for (name, call, statuses, names) in rows {
            self.add(name, call, &statuses, names);
        }
    }

    fn routes_and_methods(&mut self, team: &Team) {
        for path in ["/", "/v1", "/v1/nothing", "/v2/customers", "/v1/customers/x/y/z", "/V1/customers"] {
            self.get(path, &[404, 405], "");
        }
        let wrong = [
            (Method::DELETE, "/v1/customers"),
            (Method::PUT, "/v1/pipelines"),
            (Method::POST, "/v1/boards/landian-6"),
            (Method::PATCH, "/v1/events"),
            (Method::POST, "/healthz"),
        ];
        for (method, path) in wrong {
            let name = format!("{method} {path}");
            let call = self.client.call(method, path);
            self.add(name, call, &[405], "");
        }
        let anon = team.server.anon();
        for path in ["/v1/customers", "/v1/events", "/v1/boards/landian-6", "/v1/pools", "/v1/admin/keys"] {
            self.add(format!("nobody: {path}"), anon.call(Method::GET, path), &[401], "");
        }
        let key = self.client.key().unwrap_or_default().to_owned();
        let forged = [
            format!("{key}x"),
            key.replace("wm_", "wx_"),
            key.chars().rev().collect(),
            "wm__".to_owned(),
            "x".repeat(20_000),
        ];
        for key in forged {
            let call = team.server.with_key(&key).call(Method::GET, "/v1/customers");
            self.add("a forged key", call, &[401, 431], "");
        }
        let call = anon.call(Method::GET, "/v1/customers").header("Authorization", "Basic bGk6bGk=");
        self.add("another scheme", call, &[401], "");
        let analyst = team.analyst("sun");
        let call = analyst.call(Method::POST, &self.path("notes")).json(&json!({"text": "x"}));
        self.add("an analyst writes", call, &[403], "");
        let call = team
            .rep("li")
            .call(Method::POST, "/v1/pipelines")
            .json(&json!({"key": "p", "template": "landian-6"}));
        self.add("a rep makes a pipeline", call, &[403], "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_event_does_not_hold_is_refused_by_the_field_that_takes_the_room_and_the_limit() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let head = admin.head().await;
    let long = "长".repeat(990);
    let mut definition = admin.get("/v1/pipelines/landian-6").await.expect(200).body;
    for own in ["key", "version"] {
        definition.as_object_mut().expect("an object").remove(own);
    }
    for stage in definition["stages"].as_array_mut().expect("a list") {
        let text = json!({"zh": long, "en": long});
        stage["definition"] = text.clone();
        stage["entry_criterion"] = json!({"action": text, "result": text});
    }
    let regions: Vec<String> = (0..150).map(|number| format!("{}{number}", "长".repeat(190))).collect();
    let first = chrono::NaiveDate::default();
    let days: Map<String, Value> =
        (0..4_900).map(|day| ((first + chrono::Days::new(day)).to_string(), json!([]))).collect();
    let names = json!({"zh": "甲", "en": "A"});
    let calls = [
        ("/v1/pipelines", json!({"key": "large", "definition": definition}), "definition.stages"),
        ("/v1/admin/teams", json!({"key": "all", "name": names, "regions": regions}), "regions"),
        (
            "/v1/admin/calendars",
            json!({"key": "all", "name": names, "timezone": "Asia/Shanghai", "weekly": {"mon": [{"from": "09:00", "to": "18:00"}]}, "days": days}),
            "days",
        ),
    ];
    for (path, body, field) in calls {
        let answer = admin.post(path, body).await;
        let refused = answer.refused(413, "event-too-large");
        assert_eq!(refused.at("/violations/0/field"), field, "{}", refused.text);
        assert_eq!(refused.at("/limit_bytes"), 65_535);
    }
    assert_eq!(admin.head().await, head, "nothing was written");
}
