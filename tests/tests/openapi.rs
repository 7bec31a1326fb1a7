//! The OpenAPI document is sound in itself: what it refers to is there, what it shows is as it says, and each operation
//! says all that programs made from it need. That the service answers as it says is held by every answer that a
//! [`waymark_tests::Client`] gets.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::schema::Schemas;
use waymark_tests::{Installation, Server, Team, repository};

async fn document() -> Value {
    let installation = Installation::on_sqlite();
    let server = installation.serve();
    server.anon().get("/openapi.json").await.expect(200).body
}

/// Calls with every value of a document and its JSON pointer.
fn walk(part: &Value, at: &str, see: &mut impl FnMut(&str, &Value)) {
    see(at, part);
    match part {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| walk(member, &format!("{at}/{}", escaped(name)), see));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| walk(item, &format!("{at}/{n}"), see));
        }
        _ => {}
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Every operation: `GET /v1/me`, and what is said of it.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let mut found = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            found.push((format!("{} {path}", method.to_uppercase()), operation));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_leads_somewhere_and_every_component_is_referred_to() {
    let document = document().await;
    let mut dangling = Vec::new();
    let mut used = BTreeSet::new();
    walk(&document, "", &mut |at, part| {
        let Some(reference) = part.get("$ref").and_then(Value::as_str) else { return };
        used.insert(reference.to_owned());
        if document.pointer(reference.trim_start_matches('#')).is_none() {
            dangling.push(format!("{at}: {reference}"));
        }
    });
    assert_eq!(dangling, Vec::<String>::new());
    let mut idle = Vec::new();
    for kind in ["schemas", "responses", "headers"] {
        for name in document["components"][kind].as_object().expect(kind).keys() {
            let reference = format!("#/components/{kind}/{name}");
            if !used.contains(&reference) {
                idle.push(reference);
            }
        }
    }
    assert_eq!(idle, Vec::<String>::new(), "nothing refers to these");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_has_an_id_of_its_own_and_says_what_it_takes_and_answers() {
    let document = document().await;
    let tags: BTreeSet<&str> =
        document["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str()).collect();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty() && ids.insert(id), "{name}: the id {id:?} is not its own");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}: no summary");
        let own: Vec<&str> =
            operation["tags"].as_array().expect("tags").iter().filter_map(Value::as_str).collect();
        assert!(!own.is_empty() && own.iter().all(|tag| tags.contains(tag)), "{name}: {own:?}");
        path_variables_are_described(&name, operation);
        answers_are_described(&name, operation, &document);
    }
    assert!(ids.len() >= 80, "only {} operations", ids.len());
}

/// The operation that answers in the words of a protocol of its own: with errors of that protocol beside problem documents, and
/// without a body to what is no request.
const ANOTHER_PROTOCOL: &str = "POST /mcp";

fn path_variables_are_described(name: &str, operation: &Value) {
    let wanted: BTreeSet<&str> =
        name.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let given: BTreeSet<&str> = parameters
        .filter(|parameter| parameter["in"] == "path")
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert_eq!(given, wanted, "{name}");
}

fn answers_are_described(name: &str, operation: &Value, document: &Value) {
    let schemas = Schemas::of(document);
    let responses = operation["responses"].as_object().expect("responses");
    assert!(responses.keys().any(|status| status.starts_with('2')), "{name}: nothing is answered");
    for (status, response) in responses {
        assert!(status.parse::<u16>().is_ok(), "{name}: {status} is a catch-all");
        let response = schemas.resolved(response);
        assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} {status}");
        let contents: Vec<&String> =
            response["content"].as_object().map(|all| all.keys().collect()).unwrap_or_default();
        if status.as_str() >= "400" {
            let of_the_protocol: &[&str] = if name == ANOTHER_PROTOCOL && status.starts_with("40") {
                &["application/json", "application/problem+json"]
            } else {
                &["application/problem+json"]
            };
            assert!(contents.iter().all(|kind| of_the_protocol.contains(&kind.as_str())), "{name} {status}");
            assert!(contents.iter().any(|kind| *kind == "application/problem+json"), "{name} {status}");
        } else if status != "204" && !status.starts_with('3') && name != ANOTHER_PROTOCOL {
            assert!(!contents.is_empty(), "{name} {status}: the body is not described");
        }
    }
    if name.contains(" /v1/") {
        for status in ["400", "401", "403", "422", "429", "500", "503"] {
            assert!(responses.contains_key(status), "{name}: {status} is not described");
        }
    }
    if operation.get("requestBody").is_some() {
        for status in ["408", "413", "415", "422"] {
            assert!(responses.contains_key(status), "{name}: {status} is not described");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_example_shows_is_as_its_schema_says() {
    let document = document().await;
    let schemas = Schemas::of(&document);
    let (mut faults, mut looked_at) = (Vec::new(), 0);
    walk(&document, "", &mut |at, part| {
        let Some(keywords) = part.as_object() else { return };
        let examples = part.get("examples").and_then(Value::as_array).into_iter().flatten();
        let examples: Vec<&Value> = part.get("example").into_iter().chain(examples).collect();
        // A parameter has its schema beside the example, a schema is one.
        let schema = part.get("schema").cloned().unwrap_or_else(|| Value::Object(keywords.clone()));
        // A field may be called so, too.
        if !schema.get("type").is_some_and(|kind| kind.is_string() || kind.is_array())
            && !is_composed(&schema)
        {
            return;
        }
        looked_at += examples.len();
        let told = examples.into_iter().filter_map(|example| schemas.check(&schema, example).err());
        faults.extend(told.map(|fault| format!("{at}: {fault}")));
    });
    assert_eq!(faults, Vec::<String>::new());
    assert!(looked_at > 100, "only {looked_at} examples were found");
}

fn is_composed(schema: &Value) -> bool {
    ["$ref", "oneOf", "anyOf", "allOf"].iter().any(|keyword| schema.get(keyword).is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_schema_asks_for_two_types_at_once() {
    let document = document().await;
    let schemas = Schemas::of(&document);
    let mut faults = Vec::new();
    walk(&document["components"]["schemas"], "", &mut |at, part| {
        let Some(all) = part.get("allOf").and_then(Value::as_array) else { return };
        let types: BTreeSet<String> =
            all.iter().map(|part| schemas.resolved(part)["type"].to_string()).collect();
        let is_object = types.iter().all(|kind| kind == "\"object\"" || kind == "null");
        if !is_object {
            faults.push(format!("{at}: {types:?}"));
        }
    });
    assert_eq!(faults, Vec::<String>::new());
}

/// What requests send is closed, because unknown fields are refused by name.
#[tokio::test(flavor = "multi_thread")]
async fn what_requests_send_has_the_fields_that_are_described_and_no_others() {
    let document = document().await;
    let mut open = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<(String, &Value)> = operations(&document)
        .into_iter()
        .filter_map(|(name, operation)| Some((name, operation.get("requestBody")?)))
        .collect();
    while let Some((name, part)) = waiting.pop() {
        let mut referred = Vec::new();
        walk(part, "", &mut |at, part| {
            if part.get("properties").is_some_and(Value::is_object)
                && part["additionalProperties"] != json!(false)
            {
                open.push(format!("{name}{at}"));
            }
            referred.extend(part.get("$ref").and_then(Value::as_str).map(str::to_owned));
        });
        for reference in referred {
            if seen.insert(reference.clone()) {
                let target = document.pointer(reference.trim_start_matches('#')).expect("a target");
                waiting.push((reference, target));
            }
        }
    }
    assert_eq!(open, Vec::<String>::new());
    assert!(seen.len() > 40, "only {} schemas are sent", seen.len());
}

/// PostgreSQL keeps no text with U+0000 and looks for none, so none gets that far: whatever takes a text refuses it by name.
#[tokio::test(flavor = "multi_thread")]
async fn no_operation_takes_a_text_with_u_0000() {
    let team = Team::on("landian-6").await;
    let admin = team.server.admin();
    let customer = admin.register(json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    let document = admin.get("/openapi.json").await.expect(200).body;
    let mut asked = 0;
    for (name, operation) in operations(&document) {
        let (method, template) = name.split_once(' ').expect("a method");
        let method: Method = method.parse().expect("a method");
        let path = template.replace("{id}", &customer).replace("{pipeline}", "landian-6");
        let path = path.replace("{list}", "today").replace("{name}", "board").replace("{key}", "landian-6");
        let call = || admin.call(method.clone(), &path);
        let mut calls = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (name, place) = (parameter["name"].as_str().expect("a name"), parameter["in"].as_str());
            match place {
                Some("query") if parameter["schema"]["type"] == "string" => {
                    let path = format!("{path}?{name}=a%00b");
                    let call = admin.call(method.clone(), &path);
                    // What a file or a stream of commands is asked with is read before the body, so any will do.
                    calls.push((format!("{method} {path}"), call));
                }
                Some("path") => {
                    let path = template.replace(&format!("{{{name}}}"), "a%00b");
                    calls.push((format!("{method} {path}"), admin.call(method.clone(), &path)));
                }
                _ => {}
            }
        }
        for body in with_nul(&body_example(&document, operation)) {
            calls.push((format!("{name} {body}"), call().json(&body)));
        }
        // What a message of another protocol says reaches the routes that are asked here.
        calls.retain(|_| name != ANOTHER_PROTOCOL);
        for (name, call) in calls {
            asked += 1;
            let answer = call.send().await;
            assert!(matches!(answer.status, 400 | 422), "{name}: {} {}", answer.status, answer.text);
            assert!(
                !answer.body["violations"].as_array().expect("violations").is_empty(),
                "{name}: {}",
                answer.text
            );
        }
    }
    assert!(asked > 300, "only {asked} texts were sent");
}

/// What a reader of the document copies from it works: with the demo, every example of a body and of a parameter is read,
/// whatever becomes of the command then.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_examples_show_can_be_sent_to_the_demo() {
    let installation = Installation::on_sqlite();
    let server = Server::launch(&installation, &["demo", "--listen", "127.0.0.1:0"], 6);
    let key = server.greeting().iter().find_map(|line| line.strip_prefix("key ")).expect("a key");
    let admin = server.with_key(key);
    let document = admin.get("/openapi.json").await.expect(200).body;
    let customers = admin.get("/v1/customers?limit=2").await.expect(200).items();
    let id = |n: usize| customers[n]["id"].as_str().expect("an id").to_owned();
    let mut unread = Vec::new();
    for (name, operation) in operations(&document) {
        let (method, template) = name.split_once(' ').expect("a method");
        let mut path =
            template.replace("{id}", &id(0)).replace("{pipeline}", "sales").replace("{key}", "sales");
        path = path.replace("{name}", "board").replace("{list}", "today").replace("{version}", "1");
        let shown = operation["parameters"].as_array().into_iter().flatten().filter(|it| it["in"] == "query");
        let shown =
            shown.filter_map(|parameter| Some((parameter["name"].as_str()?, parameter.get("example")?)));
        let query: Vec<String> = shown.map(|(name, value)| format!("{name}={}", plain(value))).collect();
        let body = body_example(&document, operation);
        // A file or a stream of commands is no example that could be sent.
        if body.is_null() && (query.is_empty() || operation.get("requestBody").is_some()) {
            continue;
        }
        let call = admin.call(method.parse().expect("a method"), &format!("{path}?{}", query.join("&")));
        let call = if body.is_null() { call } else { call.json(&with_real_ids(&body, &id(1))) };
        let answer = call.send().await;
        let is_unread = answer.codes().iter().any(|code| UNREAD.contains(&code.as_str()));
        if answer.status == 422 && is_unread || matches!(answer.status, 400 | 413 | 415 | 500..) {
            unread.push(format!("{name}: {} {}", answer.status, answer.text));
        }
    }
    assert_eq!(unread, Vec::<String>::new());
}

/// What a body or parameter is told that could not be read, whatever it is about.
const UNREAD: &[&str] = &[
    "unknown-field",
    "missing-field",
    "invalid-value",
    "unknown-parameter",
    "missing-parameter",
    "malformed-body",
];

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The example with an id that is there in place of the one that stands for any.
fn with_real_ids(example: &Value, id: &str) -> Value {
    let text = example.to_string().replace("01930000-0000-7000-8000-000000000000", id);
    serde_json::from_str(&text).expect("JSON")
}

/// The example of an operation's body; null without one.
fn body_example(document: &Value, operation: &Value) -> Value {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let schema = Schemas::of(document).resolved(schema);
    let one_of_several = schema["oneOf"].as_array().and_then(|choices| choices.first());
    let schema = one_of_several.map_or(schema, |first| Schemas::of(document).resolved(first));
    schema["example"].clone()
}

/// The same document as often as it has texts, one of them with U+0000 each time.
fn with_nul(document: &Value) -> Vec<Value> {
    let mut places = Vec::new();
    walk(document, "", &mut |at, part| {
        if part.is_string() {
            places.push(at.to_owned());
        }
    });
    let changed = |place: &String| {
        let mut document = document.clone();
        *document.pointer_mut(place)? = json!("a\u{0}b");
        Some(document)
    };
    places.iter().filter_map(changed).collect()
}

/// Two types of one name would stand in the document as one, and it would be a matter of chance which.
#[test]
fn no_two_types_have_the_same_name_in_the_document() {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["api/src", "projections/src", "domain/src", "eventstore/src"] {
        described_types(&repository().join(folder), &mut names);
    }
    assert!(names.len() > 150, "only {} types were found", names.len());
    names.retain(|_, places| places.len() > 1);
    assert_eq!(names, BTreeMap::new());
}

/// The types of a folder that derive a schema, by the name that they have in the document.
fn described_types(folder: &Path, names: &mut BTreeMap<String, Vec<String>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            described_types(&path, names);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).expect("a file");
            for name in names_in(&text) {
                names.entry(name).or_default().push(path.display().to_string());
            }
        }
    }
}

/// The names of the types in a file that derive a schema.
fn names_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !line.trim_start().starts_with("#[derive(") || !line.contains("ToSchema") {
            continue;
        }
        let mut renamed = None;
        for line in lines.by_ref() {
            let given = line.split("as = ").nth(1).filter(|_| line.trim_start().starts_with("#[schema("));
            renamed = renamed.or(given.map(word));
            let declared = line.split(" struct ").nth(1).or(line.split(" enum ").nth(1));
            let declared = declared
                .or(line.trim_start().strip_prefix("struct "))
                .or(line.trim_start().strip_prefix("enum "));
            if let Some(declared) = declared {
                found.push(renamed.unwrap_or_else(|| word(declared)));
                break;
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect()
}

#[test]
fn the_search_for_types_finds_names_and_other_names() {
    let text = "#[derive(Debug, ToSchema)]\npub(super) struct A {}\n#[derive(ToSchema)]\n#[schema(as = Other)]\nenum B {}\n\
                #[derive(Debug)]\nstruct C {}\n";
    assert_eq!(names_in(text), ["A", "Other"]);
}
