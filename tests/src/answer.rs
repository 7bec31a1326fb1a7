//! What came back.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// A whole HTTP answer, with the name of the call for messages.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The call, such as `GET /v1/pools`.
    pub name: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Vec<u8>,
    /// The body as text.
    pub text: String,
    /// The body read as JSON; null when it is none.
    pub body: Value,
}

impl Answer {
    pub(crate) async fn read(name: String, response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await?.to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { name, status, headers, bytes, text, body })
    }

    /// Whether, by this answer about read models, each of them serves and has folded everything in the log.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.status == 200 && self.items().iter().all(|one| one["lag"] == 0 && one["serves"] == true)
    }

    /// Insists on a status.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.name, self.text);
        self
    }

    /// Insists on a problem document with this status and code.
    #[track_caller]
    #[must_use]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.name);
        let codes = answer.codes();
        assert!(codes.iter().any(|found| found == code), "{}: {code} is not in {codes:?}", answer.name);
        answer
    }

    /// The codes that a problem document carries: its own, then those of its violations.
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        let own = self.body["code"].as_str();
        let violations = self.body["violations"].as_array().into_iter().flatten();
        own.into_iter()
            .chain(violations.filter_map(|violation| violation["code"].as_str()))
            .map(str::to_owned)
            .collect()
    }

    /// A header as text; empty when absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What stands at a JSON pointer.
    #[track_caller]
    #[must_use]
    pub fn at(&self, pointer: &str) -> &Value {
        match self.body.pointer(pointer) {
            Some(value) => value,
            None => panic!("{}: nothing at {pointer} of {}", self.name, self.text),
        }
    }

    /// The text at a JSON pointer.
    #[track_caller]
    #[must_use]
    pub fn text_at(&self, pointer: &str) -> String {
        match self.at(pointer).as_str() {
            Some(text) => text.to_owned(),
            None => panic!("{}: no text at {pointer} of {}", self.name, self.text),
        }
    }

    /// The whole number at a JSON pointer.
    #[track_caller]
    #[must_use]
    pub fn number_at(&self, pointer: &str) -> u64 {
        match self.at(pointer).as_u64() {
            Some(number) => number,
            None => panic!("{}: no whole number at {pointer} of {}", self.name, self.text),
        }
    }

    /// The items of a list.
    #[track_caller]
    #[must_use]
    pub fn items(&self) -> Vec<Value> {
        match self.at("/items").as_array() {
            Some(items) => items.clone(),
            None => panic!("{}: items is no list in {}", self.name, self.text),
        }
    }
}
