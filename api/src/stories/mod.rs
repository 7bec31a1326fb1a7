//! The stories of the five documents that the product was asked for by, each told from beginning to end in the document's order
//! and with its numbers: one unit before nothing has happened, at the number it has. Time moves by the clock of the bench.

mod bajun;
mod helloword;
mod landian;
mod leads;
mod lifecycle;

use serde_json::{Value, json};

use crate::domain::{Role, instant};
use crate::http::testing::Bench;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A sales office that works by the template of a document: its reps li and zhao, whom the supervisor zhou leads, and the
/// manager wang.
struct Office {
    bench: Bench,
    pipeline: &'static str,
    admin: String,
    li: String,
    zhao: String,
    zhou: String,
    wang: String,
}

impl Office {
    /// It opens on a Monday, 2026-03-02, at four in the afternoon in Shanghai.
    async fn of(pipeline: &'static str) -> Self {
        let bench = Bench::new().await;
        let admin = bench.key("admin:root", &[Role::Admin]).await;
        let li = bench.key("rep:li", &[Role::Rep]).await;
        let zhao = bench.key("rep:zhao", &[Role::Rep]).await;
        let zhou = bench.key("supervisor:zhou", &[Role::Supervisor]).await;
        let wang = bench.key("manager:wang", &[Role::Manager]).await;
        let office = Self { bench, pipeline, admin, li, zhao, zhou, wang };
        office.opens(pipeline).await;
        let north = json!({
            "key": "north", "name": {"zh": "北区", "en": "North"}, "members": ["li", "zhao"],
            "supervisors": ["supervisor:zhou"]
        });
        office.says(&office.admin, "/v1/admin/teams", north).await;
        office
    }

    /// A further pipeline.
    async fn opens(&self, template: &str) {
        self.says(&self.admin, "/v1/pipelines", json!({"key": template, "template": template})).await;
    }

    /// Sends what is accepted.
    async fn says(&self, key: &str, path: &str, body: Value) -> Value {
        let answer = self.bench.post(key, path, &body).await;
        assert!(answer.status.is_success(), "{path} {body}: {}", answer.text);
        answer.json()
    }

    /// A command of li's that is accepted.
    async fn does(&self, customer: &str, what: &str, body: Value) -> Value {
        self.says(&self.li, &format!("/v1/customers/{customer}/{what}"), body).await
    }

    /// A command of li's that is refused, with the fields that it lacks.
    async fn refused(&self, customer: &str, what: &str, body: Value, status: u16, code: &str) -> Value {
        self.bench
            .post(&self.li, &format!("/v1/customers/{customer}/{what}"), &body)
            .await
            .problem(status, code)
    }

    /// A new customer of li's, and what is said of it.
    async fn customer(&self, said: Value) -> String {
        let mut body = json!({"pipeline": self.pipeline, "owner": "rep:li"});
        for (name, value) in said.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        // Who supervises tells where a customer stands without showing it again.
        let key = if body.get("stage").is_some() { &self.wang } else { &self.li };
        self.bench.register(key, &body).await
    }

    async fn moves(&self, customer: &str, to: &str) -> Value {
        self.does(customer, "transitions", json!({"to": to})).await
    }

    /// Li speaks with the customer, and they agree what comes next.
    async fn calls(&self, customer: &str, next_in: i64) {
        let at = self.bench.now() + chrono::TimeDelta::seconds(next_in);
        let plan = json!({"at": instant::text(at), "text": "继续沟通"});
        let call = json!({"channel": "phone", "summary": "聊了预算", "next_plan": plan});
        self.does(customer, "follow-ups", call).await;
    }

    async fn reads(&self, key: &str, path: &str) -> Value {
        self.bench.catch_up().await;
        let answer = self.bench.get(key, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    async fn shown(&self, customer: &str) -> Value {
        self.reads(&self.wang, &format!("/v1/customers/{customer}")).await
    }

    /// Where the customer stands: its stage, and its sub-status or nothing.
    async fn stands(&self, customer: &str) -> (String, String) {
        let shown = self.shown(customer).await;
        let journeys = shown["journeys"].as_array().unwrap();
        let primary = journeys.iter().find(|journey| journey["primary"] == true).unwrap();
        let text = |name: &str| primary[name].as_str().unwrap_or_default().to_owned();
        (text("stage"), text("sub_status"))
    }

    /// The task of this name, if there is one.
    async fn task(&self, customer: &str, name: &str) -> Option<Value> {
        let all = self.reads(&self.wang, &format!("/v1/tasks?customer={customer}")).await;
        all["items"].as_array().unwrap().iter().find(|task| task["task"] == name).cloned()
    }

    /// The processes that have begun for the customer.
    async fn processes(&self, customer: &str) -> Vec<String> {
        let all = self.reads(&self.wang, &format!("/v1/tasks?customer={customer}")).await;
        let each = all["items"].as_array().unwrap().iter().filter_map(|task| task["process"].as_str());
        let mut each: Vec<String> = each.map(str::to_owned).collect();
        each.sort_unstable();
        each
    }

    /// The reminders that a rule made about the customer.
    async fn reminders(&self, customer: &str, rule: &str) -> Vec<Value> {
        let all = self.reads(&self.wang, &format!("/v1/reminders?customer={customer}&limit=200")).await;
        all["items"].as_array().unwrap().iter().filter(|one| one["rule"] == rule).cloned().collect()
    }

    /// Seconds pass, and what has come due is done.
    async fn after(&self, seconds: i64) {
        self.bench.later_by(seconds);
        self.bench.tick().await;
    }

    /// How long from now on until an instant of an answer.
    fn until(&self, instant: &Value) -> i64 {
        let at: chrono::DateTime<chrono::Utc> = instant.as_str().unwrap().parse().unwrap();
        (at - self.bench.now()).num_seconds()
    }
}

/// A document that shows something, brought along with a move.
fn paper(kind: &str) -> Value {
    json!({"kind": kind, "reference": format!("dms-{kind}"), "sha256": "0f".repeat(32)})
}

fn cny(amount: &str) -> Value {
    json!({"amount": amount, "currency": "CNY"})
}

/// A payment that has come in.
fn payment(reference: &str, amount: &str) -> Value {
    json!({"kind": "payment", "reference": reference, "amount": cny(amount)})
}

/// What a list says in one of its fields.
fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|one| one[field].as_str().unwrap_or_default()).collect()
}
