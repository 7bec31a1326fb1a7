//! The OpenAPI document that a server serves, as what its answers are held to: every answer that a [`crate::Client`]
//! gets has a status, a content type and a body that the document describes, and no field that it does not.
//!
//! The document is the same for every server of one program, so it is asked for once, when the first server starts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::OnceLock;

use serde_json::Value;

use crate::Answer;
use crate::schema::Schemas;

static CONTRACT: OnceLock<Contract> = OnceLock::new();

/// A served OpenAPI document.
#[derive(Debug)]
pub struct Contract {
    document: Value,
}

impl Contract {
    /// The document.
    #[must_use]
    pub fn of(document: Value) -> Self {
        Self { document }
    }

    /// Asks a server that has just started for its document, unless another was asked before.
    pub(crate) fn learn(address: &str) {
        CONTRACT.get_or_init(|| match fetched(address) {
            Ok(document) => Self::of(document),
            Err(error) => panic!("{address}/openapi.json cannot be read: {error}"),
        });
    }

    /// What is known of the servers' document.
    pub(crate) fn known() -> Option<&'static Self> {
        CONTRACT.get()
    }

    /// Insists that an answer to a call of this method and path is as described.
    pub(crate) fn insist(&self, method: &str, path: &str, answer: &Answer) {
        if let Err(fault) = self.judge(method, path, answer) {
            panic!("{}: not as the OpenAPI document describes it: {fault}\n{}", answer.name, answer.text);
        }
    }

    /// Whether an answer is as described.
    ///
    /// # Errors
    /// What is not.
    pub fn judge(&self, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
        let content_type = answer.header("content-type").split(';').next().unwrap_or_default().trim();
        let path = path.split('?').next().unwrap_or(path);
        let schemas = Schemas::of(&self.document);
        let Some(operation) = self.operation(method, path) else {
            // Nothing is there, or something that is not of the API, such as a page.
            let is_problem = content_type == "application/problem+json";
            let problem = serde_json::json!({"$ref": "#/components/schemas/ProblemDocument"});
            return if is_problem { schemas.check(&problem, &answer.body) } else { Ok(()) };
        };
        let response = operation.pointer(&format!("/responses/{}", answer.status));
        let response = response.ok_or_else(|| format!("the status {} is not described", answer.status))?;
        let response = schemas.resolved(response);
        self.judge_headers(method, response, answer)?;
        let contents = response["content"].as_object();
        if answer.text.is_empty() && (contents.is_none() || method == "HEAD") {
            return Ok(());
        }
        let content = contents.and_then(|contents| contents.get(content_type));
        let content = content.ok_or_else(|| format!("the content type {content_type:?} is not described"))?;
        let schema = &content["schema"];
        match content_type {
            "application/json" | "application/problem+json" => schemas.check(schema, &answer.body),
            "application/x-ndjson" => answer.text.lines().try_for_each(|line| {
                let line =
                    serde_json::from_str(line).map_err(|error| format!("a line is no JSON: {error}"))?;
                schemas.check(&schema["contentSchema"], &line)
            }),
            _ => schemas.check(schema, &Value::String(answer.text.clone())),
        }
    }

    /// The operation that answers to a method and a path.
    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let method = if method == "HEAD" { "get" } else { &method.to_ascii_lowercase() };
        let mut templates =
            self.document["paths"].as_object()?.iter().filter(|(template, _)| fits(template, path));
        templates.find_map(|(_, item)| item.get(method))
    }

    /// An answer says whether it may be kept, headers of ours that it carries are described, and a command that was carried out
    /// answers with its position where that is described.
    fn judge_headers(&self, method: &str, response: &Value, answer: &Answer) -> Result<(), String> {
        if !answer.headers.contains_key("cache-control") {
            return Err("the header cache-control is missing".to_owned());
        }
        let described = response["headers"].as_object();
        let is_described = |name: &str| {
            described
                .is_some_and(|headers| headers.keys().any(|described| described.eq_ignore_ascii_case(name)))
        };
        let is_command = !matches!(method, "GET" | "HEAD") && answer.status < 300;
        if is_command && is_described("waymark-position") && !answer.headers.contains_key("waymark-position")
        {
            return Err("the header waymark-position is described and missing".to_owned());
        }
        let ours = ["etag", "location", "retry-after", "trace-id", "waymark-position", "www-authenticate"];
        let stray = ours.iter().find(|name| answer.headers.contains_key(**name) && !is_described(name));
        stray.map_or(Ok(()), |name| Err(format!("the header {name} is not described")))
    }
}

/// Whether a path is one of a template's, `/v1/customers/{id}` say. A parameter `{index}` at the end, of a tile, takes all
/// segments that are left.
fn fits(template: &str, path: &str) -> bool {
    if let Some(before) = template.strip_suffix("{index}") {
        let segments = before.split('/').count() - 1;
        let begins = path.split('/').take(segments).collect::<Vec<_>>().join("/");
        return path.len() > begins.len() + 1 && fits(before.trim_end_matches('/'), &begins);
    }
    let mut parts = path.split('/');
    let all = template.split('/').all(|wanted| {
        parts.next().is_some_and(|part| part == wanted || (wanted.starts_with('{') && !part.is_empty()))
    });
    all && parts.next().is_none()
}

/// The document over a connection of its own, because a server is started where nothing can wait for an answer.
fn fetched(address: &str) -> Result<Value, String> {
    let host = address.trim_start_matches("http://");
    let said = |error: std::io::Error| error.to_string();
    let mut connection = TcpStream::connect(host).map_err(said)?;
    let request = format!("GET /openapi.json HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).map_err(said)?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).map_err(said)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("the answer has no body")?;
    serde_json::from_str(body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::{Value, json};

    use super::{Contract, fits};
    use crate::Answer;

    fn contract() -> Contract {
        Contract::of(json!({
            "paths": {"/v1/things/{id}": {"get": {"responses": {
                "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                "204": {"description": "Nothing."},
            }}}},
            "components": {"schemas": {"Thing": {"type": "object", "properties": {"id": {"type": "string"}}}}}
        }))
    }

    fn answer(status: u16, content_type: &str, body: Value) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", content_type.parse().unwrap());
        headers.insert("cache-control", "no-store".parse().unwrap());
        let text = if body.is_null() { String::new() } else { body.to_string() };
        Answer {
            name: "GET /v1/things/1".into(),
            status,
            headers,
            bytes: text.clone().into_bytes(),
            text,
            body,
        }
    }

    #[test]
    fn an_answer_as_described_passes_and_any_other_is_told() {
        let judge = |answer: &Answer| contract().judge("GET", "/v1/things/1?x=y", answer);
        assert_eq!(judge(&answer(200, "application/json", json!({"id": "1"}))), Ok(()));
        assert_eq!(judge(&answer(204, "text/plain", Value::Null)), Ok(()));
        let told = [
            (answer(500, "application/json", json!({})), "status 500"),
            (answer(200, "text/html", json!({})), "content type \"text/html\""),
            (answer(200, "application/json", json!({"id": 1})), "/id"),
            (answer(200, "application/json", json!({"id": "1", "more": 1})), "/more"),
        ];
        for (answer, part) in told {
            let fault = judge(&answer).unwrap_err();
            assert!(fault.contains(part), "{fault}");
        }
        let mut answer = answer(200, "application/json", json!({"id": "1"}));
        answer.headers.insert("etag", "\"1\"".parse().unwrap());
        assert!(judge(&answer).unwrap_err().contains("etag"));
        answer.headers.remove("cache-control");
        assert!(judge(&answer).unwrap_err().contains("cache-control"));
    }

    #[test]
    fn a_path_fits_its_template_alone() {
        assert!(fits("/v1/things/{id}/parts", "/v1/things/1/parts"));
        let tiles = "/v1/audit/tile/{level}/{index}";
        for path in ["/v1/audit/tile/0/000", "/v1/audit/tile/1/x001/234.p/5"] {
            assert!(fits(tiles, path), "{path}");
        }
        for path in ["/v1/audit/tile/0", "/v1/audit/tile/0/", "/v1/audit/other/0/000"] {
            assert!(!fits(tiles, path), "{path}");
        }
        for path in ["/v1/things/1", "/v1/things//parts", "/v1/things/1/parts/2", "/v1/other/1/parts"] {
            assert!(!fits("/v1/things/{id}/parts", path), "{path}");
        }
    }
}
