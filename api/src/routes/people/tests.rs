//! Anyone who is named, is named in either form, everywhere.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use crate::auth::scope::Scope;
use crate::domain::{ProfileField, Role};
use crate::http::document_texts::each_text;
use crate::http::testing::Bench;

/// The names under which requests name people or owners. A `to` or `from` is one where its schema says so.
const PEOPLE: [&str; 10] = [
    "owner",
    "rep",
    "deputy",
    "member",
    "members",
    "supervisors",
    "functions",
    "actor",
    "Waymark-Actor",
    "OwnerName",
];
/// Where such a name means something else, a column of a file, or stands in the path, where members have tests of their own.
const ELSEWHERE: [&str; 8] = [
    // The columns of a file that names people.
    "post /v1/imports actor",
    "post /v1/imports owner",
    "post /v1/customers/import actor",
    "post /v1/customers/import owner",
    "delete /v1/admin/members/{actor} actor",
    "post /v1/admin/members/{actor}/endpoint-erasures actor",
    "get /v1/audit/export actor",
    // A file, and a manifest with the hashes of one log; the filter is that of the reports.
    "get /v1/exports/{kind} owner",
];
/// Where a name that means something else names somebody.
const SOMETIMES: [(&str, &str); 1] = [("get /v1/losses/{pipeline}/customers", "value")];
/// The names of all other texts that requests have, but for those of a profile, none of which names anybody. A text that is new
/// is looked at, and named here or above.
const OTHERS: &[&str] = &[
    "Accept-Language",
    "Idempotency-Key",
    "If-Match",
    "Prefer",
    "address",
    "amount",
    "base",
    "calendar",
    "case",
    "channel",
    "clear",
    "code",
    "credit_code",
    "currency",
    "cursor",
    "description",
    "document",
    "email",
    "en",
    "encoding",
    "entered",
    "expected_close_reason",
    "explanation",
    "external_id",
    "field:KEY",
    "final",
    "format",
    "from",
    "ground",
    "group_by",
    "horizon_days",
    "id",
    "idempotency_key",
    "index",
    "jsonrpc",
    "key",
    "kind",
    "lost",
    "method",
    "model",
    "name",
    "next_step",
    "note",
    "otherwise",
    "period",
    "phone",
    "pipeline",
    "pool",
    "product_fields",
    "prompt",
    "q",
    "rates",
    "reason",
    "reference",
    "regions",
    "reward",
    "role",
    "rule",
    "score",
    "secret",
    "sha256",
    "sheet",
    "sort",
    "source",
    "stages",
    "sources",
    "stage",
    "status",
    "sub_status",
    "summary",
    "tag",
    "tags",
    "team",
    "template",
    "text",
    "tier",
    "tiers",
    "time",
    "time_format",
    "timezone",
    "title",
    "to",
    "token",
    "type",
    "types",
    "url",
    "value",
    "version",
    "via",
    "won",
    "zh",
    "zone",
];

/// Every text that requests have: method, path and name.
fn requested(document: &Value) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // Whom a customer belongs to is one name, in whichever form it is given.
            let mut found = |name: &str, within: &[&str]| {
                let name = if within.contains(&"OwnerName") { "OwnerName" } else { name };
                all.insert((format!("{method} {path}"), name.to_owned()));
            };
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                each_text(document, &parameter["schema"], parameter["name"].as_str().unwrap(), &mut found);
            }
            for content in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                each_text(document, &content.1["schema"], "$", &mut found);
            }
        }
    }
    all
}

/// A question or a command with `{}` where somebody is named.
struct Sample {
    operation: &'static str,
    name: &'static str,
    path: String,
    body: Option<Value>,
    /// What is read afterwards; the answer itself where that says what happened to it.
    read: Option<&'static str>,
    /// Whether it is refused where nobody is known by the name.
    known: bool,
    /// One name in its two forms.
    forms: [&'static str; 2],
}

const REP: [&str; 2] = ["li", "rep:li"];
const LEADER: [&str; 2] = ["zhou", "supervisor:zhou"];

fn question(operation: &'static str, query: &str, known: bool) -> Sample {
    let path = operation.split_once(' ').unwrap().1;
    let path = path.replace("{pipeline}", "landian-6").replace("{list}", "today");
    let path = format!("{path}?{query}owner={{}}");
    Sample { operation, name: "owner", path, body: None, read: None, known, forms: REP }
}

fn command(
    operation: &'static str,
    name: &'static str,
    body: Value,
    read: Option<&'static str>,
    known: bool,
) -> Sample {
    let path = operation.split_once(' ').unwrap().1.to_owned();
    let forms = if name == "supervisors" { LEADER } else { REP };
    Sample { operation, name, path, body: Some(body), read, known, forms }
}

fn commands() -> Vec<Sample> {
    let leave = |field: &str, other: &str, whom: &str| json!({field: "{}", other: whom, "from": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"});
    let team =
        |field: &str| json!({"key": "north", "name": {"zh": "北区", "en": "North"}, field: ["{}", "chen"]});
    let mut functions = team("members");
    functions["functions"] = json!({"service": ["{}"]});
    functions["members"] = json!(["chen"]);
    let robot = json!({"kind": "wecom", "key": "k", "member": "{}"});
    let key = json!({"actor": "{}", "roles": ["rep"]});
    let hand_over = json!({"from": "{}", "to": "rep:zhao", "occasion": "resign", "dry_run": true});
    let customer = json!({"pipeline": "landian-6", "owner": "{}"});
    let (teams, deputies, all) = (Some("/v1/admin/teams"), Some("/v1/deputies"), Some("/v1/customers"));
    vec![
        command("post /v1/admin/teams", "members", team("members"), teams, false),
        command("post /v1/admin/teams", "supervisors", team("supervisors"), teams, false),
        command("post /v1/admin/teams", "functions", functions, teams, false),
        command("post /v1/deputies", "rep", leave("rep", "deputy", "zhao"), deputies, true),
        command("post /v1/deputies", "deputy", leave("deputy", "rep", "wu"), deputies, true),
        command("post /v1/admin/robots", "member", robot, Some("/v1/admin/robots"), false),
        command("post /v1/admin/keys", "actor", key.clone(), Some("/v1/admin/keys"), false),
        command("post /v1/admin/sign-in-links", "actor", key.clone(), None, false),
        command("post /v1/admin/members", "actor", key, Some("/v1/admin/members"), false),
        command("post /v1/customers", "OwnerName", customer.clone(), all, false),
        command("post /v1/leads", "OwnerName", json!([customer]), all, false),
        command("post /v1/handovers", "OwnerName", hand_over, None, true),
        command(
            "post /v1/customers/{id}/owner-changes",
            "OwnerName",
            json!({"to": "{}", "reason": "region"}),
            all,
            false,
        ),
    ]
}

fn questions() -> Vec<Sample> {
    let filters = [
        "alerts",
        "boards",
        "bottlenecks",
        "changes",
        "dwell",
        "forecasts",
        "losses",
        "loyalty",
        "flows",
        "latency",
        "paths",
        "quality",
    ];
    let filters = filters.map(|report| format!("get /v1/{report}/{{pipeline}}"));
    let mut all: Vec<Sample> = filters.map(|operation| question(operation.leak(), "", true)).into();
    all.extend([
        question("get /v1/funnels/{pipeline}", "definition=stock&", true),
        question("get /v1/losses/{pipeline}/customers", "", true),
        question("get /v1/channels", "pipeline=landian-6&", true),
        question("get /v1/forecasts/{pipeline}/back-test", "", true),
        question("get /v1/heatmap", "pipeline=landian-6&", true),
        question("get /v1/customers", "", true),
        question("get /v1/duplicates", "", true),
        question("get /v1/worklists/{list}", "", true),
        question("get /v1/tasks", "", true),
        question("get /v1/reminders", "", true),
        question("get /v1/reps", "", true),
        Sample {
            name: "value",
            path: "/v1/losses/landian-6/customers?by=rep&value={}".to_owned(),
            ..question("get /v1/losses/{pipeline}/customers", "", true)
        },
        // Anyone may have acted: rules, imports and operators, whom no other route knows, among them.
        Sample {
            name: "actor",
            path: "/v1/audit/changes?actor={}".to_owned(),
            ..question("get /v1/audit/changes", "", false)
        },
        Sample {
            name: "actor",
            path: "/v1/audit/access?actor={}".to_owned(),
            ..question("get /v1/audit/access", "", false)
        },
        Sample {
            body: Some(json!({"pipeline": "landian-6", "automations": []})),
            ..question("post /v1/what-if", "", true)
        },
    ]);
    all
}

/// An answer without what chance gave it.
fn steady(value: &Value) -> Value {
    match value {
        Value::String(text) if uuid::Uuid::parse_str(text).is_ok() => json!("an id"),
        Value::String(text) if text.contains("wml_") => json!("a code"),
        // What is of one age stands in the order of its ids.
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(steady).collect();
            items.sort_by_cached_key(Value::to_string);
            items.into()
        }
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), steady(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

struct Scene {
    bench: Bench,
    admin: String,
    /// A customer of zhao's.
    customer: String,
}

impl Scene {
    async fn new() -> Self {
        let (bench, admin) = Bench::with_pipeline().await;
        for name in ["rep:li", "rep:wu", "rep:zhao"] {
            bench.key(name, &[Role::Rep]).await;
        }
        let of = |rep: &str| json!({"pipeline": "landian-6", "owner": {"kind": "rep", "id": rep}});
        let _ = bench.register(&admin, &of("li")).await;
        let customer = bench.register(&admin, &of("zhao")).await;
        bench.catch_up().await;
        Self { bench, admin, customer }
    }

    async fn send(&self, sample: &Sample, name: &str) -> crate::http::testing::Answer {
        let path = sample.path.replace("{id}", &self.customer).replace("{}", name);
        match &sample.body {
            None => self.bench.get(&self.admin, &path).await,
            Some(body) => {
                let body = serde_json::from_str(&body.to_string().replace("{}", name)).unwrap();
                self.bench.post(&self.admin, &path, &body).await
            }
        }
    }

    /// The outcome.
    async fn outcome(&self, sample: &Sample, name: &str) -> Value {
        let answer = self.send(sample, name).await;
        assert!(answer.status.is_success(), "{} {}: {}", sample.operation, sample.name, answer.text);
        self.bench.catch_up().await;
        steady(&match sample.read {
            None => answer.json(),
            Some(path) => self.bench.get(&self.admin, path).await.json(),
        })
    }
}

#[tokio::test]
async fn every_text_of_a_request_is_known_to_name_somebody_or_not() {
    let bench = Bench::new().await;
    let document = bench.call(Method::GET, "/openapi.json").send().await.json();
    let requested = requested(&document);
    let unclassified: Vec<_> = requested
        .iter()
        .filter(|(_, name)| !PEOPLE.contains(&name.as_str()) && !OTHERS.contains(&name.as_str()))
        .filter(|(_, name)| ProfileField::parse(name).is_none())
        .collect();
    assert!(unclassified.is_empty(), "does this name somebody? {unclassified:?}");
    let named = requested.into_iter().filter(|(operation, name)| {
        // Anyone who acts is named on every route alike, and has a test of its own.
        let elsewhere = ELSEWHERE.contains(&format!("{operation} {name}").as_str());
        let is_somebody =
            PEOPLE.contains(&name.as_str()) || SOMETIMES.contains(&(operation.as_str(), name.as_str()));
        is_somebody && name != "Waymark-Actor" && !elsewhere
    });
    let sampled = commands().into_iter().chain(questions());
    let sampled: BTreeSet<(String, String)> =
        sampled.map(|one| (one.operation.to_owned(), one.name.to_owned())).collect();
    assert_eq!(named.collect::<BTreeSet<_>>(), sampled, "each has a sample below, and no other");
}

#[tokio::test]
async fn a_name_is_understood_in_either_form_wherever_somebody_is_named() {
    let (short, long) = (Scene::new().await, Scene::new().await);
    for sample in commands().iter().chain(&questions()) {
        let [one, other] = sample.forms;
        let ours = short.outcome(sample, one).await;
        let theirs = long.outcome(sample, other).await;
        let what = format!("{} {}", sample.operation, sample.name);
        assert_eq!(ours, theirs, "{what}");
        assert!(!theirs.to_string().contains("rep:rep:"), "{what}: {theirs}");
    }
    let of = async |path: &str| long.bench.get(&long.admin, path).await.json()["items"].clone();
    let deputies = of("/v1/deputies").await;
    let told = |field: &str| deputies.as_array().unwrap().iter().any(|one| one[field] == "li");
    assert!(told("rep") && told("deputy"), "{deputies}");
    assert_eq!(of("/v1/admin/robots").await[0]["member"], "li");
    let (li, zhao) = (of("/v1/customers?owner=li").await, of("/v1/customers?owner=zhao").await);
    assert_eq!((li.as_array().unwrap().len(), zhao), (4, json!([])), "and the filter filters");
}

#[tokio::test]
async fn a_team_keeps_its_people_in_one_form() {
    let scene = Scene::new().await;
    let team = json!({"key": "north", "name": {"zh": "北区", "en": "North"},
        "members": ["li", "rep:li", "rep:zhao"], "supervisors": ["zhou", "manager:wang"]});
    assert_eq!(scene.bench.post(&scene.admin, "/v1/admin/teams", &team).await.status, 200);
    let kept = scene.bench.get(&scene.admin, "/v1/admin/teams").await.json()["items"][0].clone();
    assert_eq!(kept["members"], json!(["li", "zhao"]));
    assert_eq!(kept["supervisors"], json!(["manager:wang", "supervisor:zhou"]));
    let board = scene.bench.get(&scene.admin, "/v1/boards/landian-6?team=north").await.json();
    assert_eq!(board["total"], 2, "it is a team of somebody");
    for (field, name) in
        [("members", "pool:customer_pool"), ("members", "king:li"), ("supervisors", "king:li")]
    {
        let mut odd = team.clone();
        odd[field] = json!([name]);
        let refused =
            scene.bench.post(&scene.admin, "/v1/admin/teams", &odd).await.problem(422, "invalid-value");
        assert_eq!(refused["violations"][0]["field"], format!("{field}[0]"), "{name}");
    }
}

#[tokio::test]
async fn a_front_end_names_whom_it_acts_for_in_either_form() {
    let scene = Scene::new().await;
    let key = scene.bench.key_with("app:front", &[Role::Rep], [Scope::ActAs].into()).await;
    for name in REP {
        let me = scene.bench.call(Method::GET, "/v1/me").key(&key).header("waymark-actor", name).send().await;
        assert_eq!((&me.json()["actor"], &me.json()["roles"]), (&json!("rep:li"), &json!(["rep"])), "{name}");
    }
}

#[tokio::test]
async fn nobody_is_refused_by_name_where_nothing_would_come_of_it() {
    let scene = Scene::new().await;
    let all = commands().into_iter().chain(questions());
    for sample in all.filter(|sample| sample.known) {
        for name in ["nobody-here", "rep:nobody-here"] {
            let what = format!("{} {}", sample.operation, sample.name);
            let refused = scene.send(&sample, name).await.problem(422, "unknown-person");
            let violation = &refused["violations"][0];
            let field = if sample.name == "OwnerName" { "from" } else { sample.name };
            assert_eq!(violation["field"], field, "{what}");
            assert!(violation["message"].as_str().unwrap().contains("nobody-here"), "{what}");
            assert!(
                violation["how_to_fix"].as_str().unwrap().contains("li, wu, zhao"),
                "{what}: {violation}"
            );
        }
    }
    for format in ["ndjson", "csv"] {
        let path = format!("/v1/exports/customers?format={format}&owner=nobody-here");
        let refused = scene.bench.get(&scene.admin, &path).await.problem(422, "unknown-person");
        assert_eq!(refused["violations"][0]["field"], "owner");
    }
    // Who owned a customer, or acted for somebody's front end, is somebody without a key or a team.
    let of = |rep: &str| json!({"pipeline": "landian-6", "owner": {"kind": "rep", "id": rep}});
    let once = scene.bench.register(&scene.admin, &of("sun")).await;
    let gone = json!({"to": "rep:li", "reason": "region"});
    let path = format!("/v1/customers/{once}/owner-changes");
    assert_eq!(scene.bench.post(&scene.admin, &path, &gone).await.status, 200);
    scene.bench.catch_up().await;
    assert_eq!(scene.bench.get(&scene.admin, "/v1/worklists/today?owner=sun").await.status, 200);
    let team = json!({"key": "north", "name": {"zh": "北区", "en": "North"}, "members": ["qian"]});
    assert_eq!(scene.bench.post(&scene.admin, "/v1/admin/teams", &team).await.status, 200);
    assert_eq!(scene.bench.get(&scene.admin, "/v1/tasks?owner=rep:qian").await.status, 200);
}

#[tokio::test]
async fn files_downloads_and_paths_understand_a_name_in_either_form() {
    let scene = Scene::new().await;
    let file =
        "id,state,at,whose,by\na,New,2025-01-01T00:00:00Z,rep:li,rep:li\nb,Won,2025-01-01T00:00:00Z,li,li\n";
    let path = "/v1/imports?pipeline=past&case=id&status=state&time=at&owner=whose&actor=by&won=Won";
    let imported = scene.bench.call(Method::POST, path).key(&scene.admin).body("text/csv", file).send().await;
    assert!(imported.status.is_success(), "{}", imported.text);
    scene.bench.catch_up().await;
    let of_li = async |path: &str| {
        let [short, long] = REP.map(|name| format!("{path}{name}"));
        let short = scene.bench.get(&scene.admin, &short).await;
        // A download is an event, and the next one waits for it.
        scene.bench.catch_up().await;
        let long = scene.bench.get(&scene.admin, &long).await;
        assert_eq!((short.status.as_u16(), &short.text), (200, &long.text), "{path}");
        short.text.lines().count()
    };
    assert_eq!(
        of_li("/v1/exports/customers?format=ndjson&owner=").await,
        3,
        "li's own, and those of the file"
    );
    assert!(of_li("/v1/audit/export?actor=").await > 0);
    for name in REP {
        let member = json!({"actor": "rep:li", "roles": ["rep"]});
        assert!(scene.bench.post(&scene.admin, "/v1/admin/members", &member).await.status.is_success());
        let path = format!("/v1/admin/members/{name}");
        let gone = scene.bench.call(Method::DELETE, &path).key(&scene.admin).send().await;
        assert!(gone.status.is_success(), "{name}: {}", gone.text);
        let left = scene.bench.get(&scene.admin, "/v1/admin/members").await.json();
        assert!(!left.to_string().contains("rep:li"), "{name}: {left}");
    }
}

#[tokio::test]
async fn a_team_that_is_not_there_is_refused_by_name_wherever_one_is_asked_for() {
    let scene = Scene::new().await;
    let document = scene.bench.call(Method::GET, "/openapi.json").send().await.json();
    let filters = requested(&document).into_iter().filter(|(_, name)| name == "team");
    let mut others = Vec::new();
    for (operation, _) in filters {
        let samples = questions();
        let sample = samples.iter().find(|one| one.operation == operation && one.name == "owner");
        let Some(sample) = sample else {
            others.push(operation);
            continue;
        };
        let sample =
            Sample { path: sample.path.replace("owner={}", "team={}"), body: sample.body.clone(), ..*sample };
        let refused = scene.send(&sample, "nobody-here").await.problem(422, "unknown-team");
        assert_eq!(refused["violations"][0]["field"], "team", "{operation}");
    }
    // A download is asked below, bodies by tests of theirs.
    assert_eq!(
        others,
        [
            "get /v1/exports/{kind}",
            "post /v1/admin/intake",
            "post /v1/admin/robots",
            "post /v1/pipelines/{key}/versions",
        ]
    );
    for format in ["ndjson", "csv"] {
        let path = format!("/v1/exports/customers?format={format}&team=nobody-here");
        let refused = scene.bench.get(&scene.admin, &path).await.problem(422, "unknown-team");
        assert_eq!(refused["violations"][0]["field"], "team");
    }
    let robot = json!({"kind": "wecom", "key": "k", "team": "nobody-here"});
    scene.bench.post(&scene.admin, "/v1/admin/robots", &robot).await.problem(422, "unknown-team");
}
