//! An actor over HTTP: who calls, and the verbs.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Answer, Contract};

/// Somebody who calls the service. Cloning is cheap and shares connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
}

/// A request being put together.
#[derive(Debug)]
pub struct Call {
    request: RequestBuilder,
    method: Method,
    path: String,
}

impl Client {
    /// A client of a server at this address, with this API key.
    #[must_use]
    pub fn at(base: &str, key: &str) -> Self {
        Self::new(base, Some(key.to_owned()))
    }

    pub(crate) fn new(base: &str, key: Option<String>) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(120)).build();
        let http = http.unwrap_or_else(|error| panic!("no HTTP client: {error}"));
        Self { http, base: base.to_owned(), key }
    }

    /// The API key it carries.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// A request of any method. `path` begins with a slash and may carry a query.
    #[must_use]
    pub fn call(&self, method: Method, path: &str) -> Call {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        Call { request, method, path: path.to_owned() }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    /// POST of a JSON document.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path).json(&body).send().await
    }

    /// Creates a pipeline from one of the shipped templates, under the template's own name.
    pub async fn create_pipeline(&self, template: &str) -> Answer {
        self.post("/v1/pipelines", json!({"key": template, "template": template})).await
    }

    /// Registers a customer and insists that it worked; gives its id.
    pub async fn register(&self, body: Value) -> String {
        self.post("/v1/customers", body).await.expect(201).text_at("/id")
    }

    /// A command on one customer: the last part of the path, such as `transitions`.
    pub async fn command(&self, customer: &str, what: &str, body: Value) -> Answer {
        self.post(&format!("/v1/customers/{customer}/{what}"), body).await
    }

    /// One customer, as it stands once everything acknowledged before is in the read model.
    pub async fn customer(&self, id: &str) -> Answer {
        let head = self.head().await;
        self.get(&format!("/v1/customers/{id}?min_position={head}&wait_ms=20000")).await.expect(200)
    }

    /// The last position of the tenant's log.
    pub async fn head(&self) -> u64 {
        self.get("/v1/events?after=0&limit=1").await.expect(200).number_at("/head")
    }

    /// The answers to some questions (each path with a query), once everything acknowledged before is in the read models;
    /// without the moment of asking.
    pub async fn settled(&self, paths: &[String]) -> Vec<Value> {
        let head = self.head().await;
        let mut answers = Vec::new();
        for path in paths {
            let answer = self.get(&format!("{path}&min_position={head}&wait_ms=20000")).await.expect(200);
            let mut body = answer.body;
            if let Some(body) = body.as_object_mut() {
                body.remove("known_at");
            }
            answers.push(body);
        }
        answers
    }

    /// Asks again and again, until it is answered like that.
    pub async fn until(&self, path: &str, is_it: impl Fn(&Answer) -> bool) -> Answer {
        loop {
            let answer = self.get(path).await;
            if is_it(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits until every read model serves and has folded everything in the log.
    pub async fn caught_up(&self) -> Answer {
        self.until("/v1/projections", Answer::is_caught_up).await
    }

    /// Every event after a position, by pages.
    pub async fn events_after(&self, mut after: u64) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let page = self.get(&format!("/v1/events?after={after}&limit=500")).await.expect(200);
            let items = page.items();
            if items.is_empty() {
                return events;
            }
            after = page.number_at("/next_after");
            events.extend(items);
        }
    }
}

impl Call {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Adds a header whose value need not be text.
    #[must_use]
    pub fn raw_header(mut self, name: &str, value: &[u8]) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// The body, as JSON with its content type.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// The body, as these bytes of this content type (none when empty).
    #[must_use]
    pub fn bytes(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        if !content_type.is_empty() {
            self.request = self.request.header("Content-Type", content_type);
        }
        self.request = self.request.body(body.into());
        self
    }

    /// What it is called in messages, such as `GET /v1/pools`.
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Sends it and reads the whole answer, which must be as the OpenAPI document describes it.
    pub async fn send(self) -> Answer {
        let name = self.name();
        match self.try_send().await {
            Ok(answer) => answer,
            Err(error) => panic!("{name}: {error:?}"),
        }
    }

    /// Sends it to a server that may be gone before it answers. An answer must be as the OpenAPI document describes it.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let name = self.name();
        let answer = Answer::read(name, self.request.send().await?).await?;
        if let Some(contract) = Contract::known() {
            contract.insist(self.method.as_str(), &self.path, &answer);
        }
        Ok(answer)
    }

    /// Sends it and hands over the answer unread, for a stream.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn stream(self) -> Result<reqwest::Response, reqwest::Error> {
        self.request.send().await
    }
}
