//! What is asked of each route, made from the routes that are served: one that nothing here knows how to ask fails.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::world::{CLASSES, Class, TestCaller, World};
use crate::http::testing::Answer;

const NOBODY: &str = "01930000-0000-7000-8000-000000000000";

/// A question about the past, which is the present of the tests told as an instant.
const THEN: &str = "effective_at=2026-03-02T08:00:00Z&known_at=2026-03-02T08:00:00Z";
const THEN_OF_SOUTH: &str = "effective_at=2026-03-02T08:00:00Z&region=R-South";

/// The routes of the console are not in the document of the API: they are read from where they are registered.
const PAGES: &str = include_str!("../../console/mod.rs");

/// What a route answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerKind {
    /// Data, in which people are named as the fields name them.
    Data,
    /// A description of fields, with names that are examples.
    Document,
    /// Descriptions of tools and their fields, and text for a model.
    Tools,
    /// Objects of a log that are named by their type.
    ObjectLog,
    /// A page for people.
    Page,
}

impl AnswerKind {
    /// What is served by a route, by the path that it is registered under.
    pub(super) fn of(route: &str) -> Self {
        match route {
            "/openapi.json" | "/asyncapi.json" | "/v1/event-schemas" | "/v1/event-schemas/{type}" => {
                Self::Document
            }
            "/mcp" => Self::Tools,
            _ if route.starts_with("/console") => Self::Page,
            _ => Self::Data,
        }
    }
}

/// One request that a test makes.
pub(super) struct Ask {
    pub(super) method: Method,
    /// The route, as the table names it, and which of its objects or questions is meant.
    pub(super) route: String,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    pub(super) stream: bool,
    /// What the answer is.
    pub(super) answered: AnswerKind,
}

impl Ask {
    fn read(route: &str, word: &str, path: String) -> Self {
        let answered = AnswerKind::of(route);
        let route = format!("GET {route} {word}").trim_end().to_owned();
        Self { method: Method::GET, route, path, body: None, stream: false, answered }
    }

    /// Whether a caller can ask it: pages belong to the signed-in user, so a browser never acts for another person.
    pub(super) fn is_asked_by(&self, who: &TestCaller) -> bool {
        who.acts_for.is_none() || self.answered != AnswerKind::Page
    }

    /// Sends it.
    pub(super) async fn send(&self, world: &World, who: &TestCaller) -> Answer {
        let mut call = world.bench.call(self.method.clone(), &self.path);
        if let Some(key) = &who.key {
            // The console's pages take the key from their cookie, everything else from its header.
            call = call.key(key).header("cookie", format!("waymark_session={key}; waymark_language=en"));
        }
        if let Some(person) = who.acts_for {
            call = call.header("waymark-actor", person);
        }
        if let Some(body) = &self.body {
            call = match body.as_object().filter(|_| self.answered == AnswerKind::Page) {
                Some(fields) => {
                    let fields = fields
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
                    call.header("sec-fetch-site", "same-origin").form(&fields.collect::<Vec<_>>())
                }
                None => call.json(body),
            };
        }
        call.send().await
    }
}

/// Every route that is served, with what the document says of it.
pub(super) async fn served(world: &World) -> Vec<(Method, String, Value)> {
    let document = world.bench.call(Method::GET, "/openapi.json").send().await.json();
    let schemas = document["components"]["schemas"].clone();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let Ok(method) = method.to_ascii_uppercase().parse::<Method>() else { continue };
            let body = operation.pointer("/requestBody/content/application~1json/schema").cloned();
            let example = body.map_or(Value::Null, |schema| example_of(&schema, &schemas));
            routes.push((method, path.clone(), example));
        }
    }
    routes
}

/// The example of a schema, or of the one that it refers to.
fn example_of(schema: &Value, schemas: &Value) -> Value {
    let name = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next());
    let schema = name.map_or(schema, |name| &schemas[name]);
    let examples = [schema.get("example"), schema.pointer("/examples/0")];
    examples.into_iter().flatten().next().cloned().unwrap_or(Value::Object(Map::new()))
}

/// The path with its parameters that name no customer filled in.
pub(super) fn filled(path: &str) -> String {
    let key = match path {
        _ if path.starts_with("/v1/pipelines/") => "landian-6",
        _ if path.starts_with("/v1/pools/") => "customer_pool",
        _ => "nothing",
    };
    let id = if path.starts_with("/v1/pilots/") { "landian-6@1" } else { NOBODY };
    let filled = path
        .replace("{pipeline}", "landian-6")
        .replace("{key}", key)
        .replace("{name}", "nothing")
        .replace("{type}", "customer.moved")
        // The version in force, which nobody withdraws.
        .replace("{version}", "1")
        .replace("{actor}", "rep:nobody")
        .replace("{level}", "0")
        .replace("{index}", "000.p/1")
        .replace("{kind}", "events")
        .replace("{list}", "today")
        .replace("{language}", "en")
        .replace("{act}", "notes")
        .replace("{section}", "keys")
        .replace("{*rest}", "nothing")
        .replace("{id}", id);
    assert!(!filled.contains('{'), "{path} has a parameter that this test cannot fill in: teach it");
    filled
}

/// What is asked of a route that reads.
pub(super) fn reads(world: &World, path: &str) -> Vec<Ask> {
    let each = |prefix: &str| -> Vec<Ask> {
        let ask = |class: Class| {
            let asked = format!("{prefix}{}", world.first(class));
            Ask::read(path, class.word(), asked)
        };
        CLASSES.map(ask).into()
    };
    if let Some(rest) = path.strip_prefix("/v1/customers/{id}") {
        let now = each("/v1/customers/").into_iter().map(|ask| Ask { path: ask.path + rest, ..ask });
        let then = each("/v1/customers/").into_iter().filter(|_| rest.is_empty()).map(|ask| Ask {
            route: format!("{} then", ask.route),
            path: format!("{}?{THEN}", ask.path),
            ..ask
        });
        return now.chain(then).collect();
    }
    match path {
        "/console/customers/{id}" => each("/console/customers/"),
        "/v1/audit/erasures/{id}" => each("/v1/audit/erasures/"),
        "/console/customers/{id}/move" => {
            let moves = each("/console/customers/").into_iter();
            moves.map(|ask| Ask { path: ask.path + "/move", ..ask }).collect()
        }
        "/v1/customers" => [
            "limit=500",
            "q=mk",
            "external_id=mksouthbext-0",
            "external_id=mkgonebext-0",
            "owner=rep:chen",
            "region=R-South",
            "tag=mklakebtag",
            "team=northern",
            THEN,
            THEN_OF_SOUTH,
        ]
        .map(|question| Ask::read(path, question, format!("{path}?{question}")))
        .into(),
        "/v1/events" => {
            let whole = Ask::read(path, "", format!("{path}?limit=500"));
            let streamed = Ask { stream: true, ..Ask::read(path, "as a stream", path.to_owned()) };
            let of_one = each("/v1/events?limit=500&customer=");
            [whole, streamed].into_iter().chain(of_one).collect()
        }
        "/v1/changes/{pipeline}/customers" => {
            let created = "aGFwcGVuZWQvY3JlYXRlZC8_"; // happened/created/?
            vec![Ask::read(path, "", format!("{}?limit=500&cursor={created}", filled(path)))]
        }
        "/v1/heatmap" => ["record", "neglect", "effect"]
            .map(|by| Ask::read(path, by, format!("/v1/heatmap?pipeline=landian-6&by={by}")))
            .into(),
        "/v1/exports/{kind}" => ["events", "moves", "stays", "customers"]
            .map(|kind| Ask::read(path, kind, format!("/v1/exports/{kind}?format=ndjson")))
            .into_iter()
            .chain([Ask {
                answered: AnswerKind::ObjectLog,
                ..Ask::read(path, "as OCEL", "/v1/exports/moves?format=ocel-json".to_owned())
            }])
            .collect(),
        "/v1/worklists/{list}" => ["today", "overdue", "stalled", "push", "give-up", "supervise"]
            .map(|list| Ask::read(path, list, format!("/v1/worklists/{list}")))
            .into(),
        "/console/figures/{pipeline}/{tab}" => {
            let tabs =
                ["funnel", "bottlenecks", "changes", "forecast", "losses", "channels", "reps", "quality"];
            let tabs = tabs.into_iter().chain(["latency", "alerts", "pilots", "what-if"]);
            let asked = Ask::read(
                path,
                "what-if?version=1",
                "/console/figures/landian-6/what-if?version=1".to_owned(),
            );
            let tabs = tabs.map(|tab| Ask::read(path, tab, format!("/console/figures/landian-6/{tab}")));
            tabs.chain([asked]).collect()
        }
        "/console/figures/{pipeline}/changes/customers" => {
            let created = "aGFwcGVuZWQvY3JlYXRlZC8_"; // happened/created/?
            vec![Ask::read(path, "", format!("{}?cursor={created}", filled(path)))]
        }
        "/console/reports" => vec![Ask::read(path, "", format!("{path}?of=/v1/quality/landian-6"))],
        "/console/settings/{section}" => {
            let sections =
                ["pipelines", "rules", "calendars", "teams", "members", "keys", "receivers", "consumers"];
            let sections = sections.into_iter().chain(["read-models"]);
            sections.map(|section| Ask::read(path, section, format!("/console/settings/{section}"))).collect()
        }
        "/v1/audit/proofs/inclusion" => vec![Ask::read(path, "", format!("{path}?index=0"))],
        "/v1/audit/proofs/consistency" => vec![Ask::read(path, "", format!("{path}?from=1"))],
        _ => vec![Ask::read(path, "", filled(path))],
    }
}

/// The console's pages that are read. What it hands on of the stream of events never ends, and is asked for by its own route.
pub(super) fn pages() -> Vec<String> {
    let routes = PAGES.lines().filter(|line| line.contains(".route(\"") && line.contains("get("));
    let path = |line: &str| line.split('"').nth(1).map(str::to_owned);
    routes.filter_map(path).filter(|path| path != "/console/live").collect()
}

/// The console's forms, with what is filled in: its pages that are sent something.
pub(super) fn forms() -> Vec<(String, Value)> {
    let routes = PAGES.lines().filter(|line| line.contains(".route(\"") && line.contains("post("));
    let path = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let filled_in = |path: String| {
        let fields = match path.as_str() {
            "/console/customers/{id}/{act}" => json!({"text": "seen"}),
            "/console/customers/{id}/move" => {
                json!({"to": "need_confirmed", "note": "seen", "next_step": "call"})
            }
            "/console/customers/{id}/undo" => json!({"event": NOBODY, "reason": "by mistake"}),
            "/console/customers" => json!({"pipeline": "landian-6", "name": "Pier Nine"}),
            "/console/approvals/{id}" => json!({"decision": "approve"}),
            "/console/settings/{section}/{act}" => json!({"actor": "rep:sun", "roles+rep": "on"}),
            // A rule that is not there: the definition stays as it is.
            "/console/figures/{pipeline}/{tab}" => json!({"rule": "nothing"}),
            "/console/audit/legal-holds" => json!({"customer": NOBODY, "ground": "Case 4 O 112/26"}),
            _ => json!({}),
        };
        (path, fields)
    };
    routes.filter_map(path).map(filled_in).collect()
}

/// Who is asked to do what of a route that commands: of a customer of each class, or once. The body is the document's
/// example, with names of this world where it names something.
pub(super) fn commands(method: &Method, path: &str, example: &Value) -> Vec<(Option<Class>, String, Value)> {
    let example = in_this_world(example);
    if let Some(rest) = path.strip_prefix("/v1/customers/{id}") {
        return CLASSES.map(|class| (Some(class), rest.to_owned(), example.clone())).into();
    }
    let body = if *method == Method::POST { example } else { Value::Null };
    vec![(None, filled(path), body)]
}

/// The example with the pipeline that this world has.
fn in_this_world(example: &Value) -> Value {
    let mut example = example.clone();
    if example.get("pipeline").is_some() {
        example["pipeline"] = Value::from("landian-6");
    }
    example
}

/// The body with the other customer of a pair: of the same class and counted from its end, so that it differs from the one
/// in the path; li's own where the class has one customer alone.
pub(super) fn paired(world: &World, class: Class, body: &Value, taken: usize) -> Value {
    let mut body = body.clone();
    let of_class = world.of(class);
    let other = of_class.iter().rev().nth(taken).filter(|_| of_class.len() > 1);
    for name in ["other", "absorbed"] {
        if body.get(name).is_some() {
            body[name] = Value::from(other.map_or_else(|| world.first(Class::Own), String::as_str));
        }
    }
    body
}
