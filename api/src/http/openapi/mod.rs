//! The description of the service in OpenAPI 3.1.
//!
//! Handlers say what is their own: summary, body, parameters, the answers that only they give. What is true of many
//! operations is said here, once, by the kind of route: `operations` adds ids and headers, `responses` the refusals
//! that a route can meet because of its path, its query or its body, `profile` the texts of a customer's profile, `schemas`
//! that unknown fields are refused, `examples` what answers look like. `served` is where people and programs find it.

mod examples;
mod kind;
mod operations;
mod profile;
mod responses;
mod schemas;
mod served;

use std::collections::HashSet;

use axum::http::Method;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{self, Components, Info, License, SecurityRequirement};

pub(super) use served::{described, docs};

/// What the description says beside the routes.
#[derive(OpenApi)]
#[openapi(paths(served::described, served::docs), tags(
    (name = "pipelines", description = "Versioned definitions of the stages that a customer passes."),
    (name = "customers", description = "Registering customers, describing them and finding them again."),
    (name = "status", description = "Where a customer stands, where it may go, and where it has been."),
    (name = "approvals", description = "Moves that somebody else has to approve, and what agents propose."),
    (name = "agents", description = "Tools for agents, which read and propose."),
    (name = "activity", description = "Notes, conversations and observed signals."),
    (name = "work", description = "Tasks, reminders, worklists, and the rules that create them."),
    (name = "ownership", description = "Whose a customer is: a rep's or a pool's. Ownership never changes a stage."),
    (name = "history", description = "What happened, when it happened, and when it was recorded."),
    (name = "purchases", description = "Orders, contracts, payments and points of customers."),
    (name = "analytics", description = "Reports as of any instant and any state of knowledge."),
    (name = "bulk", description = "Many commands in one request, and files of past changes."),
    (name = "log", description = "The events themselves."),
    (name = "audit", description = "Proofs, and the erasure of personal data."),
    (name = "webhooks", description = "Messages to other systems."),
    (name = "admin", description = "API keys, members, roles, teams, pools, custom fields, rates and calendars."),
    (name = "operations", description = "Running the service."),
))]
struct Frame;

/// The routes' description, completed and written out.
#[must_use]
pub fn complete(routes: openapi::OpenApi) -> String {
    let mut document = Frame::openapi();
    document.merge(routes);
    let mut info = Info::new("Waymark", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Keeps where every customer stands on the way to a deal, as an immutable log of events per tenant."
            .into(),
    );
    info.license = Some(License::builder().name("Apache-2.0").identifier(Some("Apache-2.0")).build());
    document.info = info;
    let components = document.components.get_or_insert_with(Components::new);
    let key = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("API key or JWT").build();
    components.add_security_scheme("key", SecurityScheme::Http(key));
    components.responses.extend(responses::shared());
    components.headers.extend(responses::headers());
    document.security = Some(vec![SecurityRequirement::new("key", Vec::<String>::new())]);
    let served = std::mem::take(&mut document.paths.paths);
    document.paths.paths = served.into_iter().map(|(path, item)| (documented(&path), item)).collect();
    for (path, item) in &mut document.paths.paths {
        operations::complete(path, item);
    }
    // The document is made of maps and texts only, so neither step can fail.
    let mut written = serde_json::to_value(&document).unwrap_or_default();
    profile::complete(&mut written);
    schemas::complete(&mut written);
    examples::complete(&mut written);
    pretty(&written)
}

/// The operations of which these routes describe no parameter in the query string, by the path of their route, and those
/// that serve the description itself.
#[must_use]
pub fn parameterless(routes: &openapi::OpenApi) -> HashSet<(Method, String)> {
    let mut found = HashSet::new();
    let frame = Frame::openapi();
    for (path, item) in routes.paths.paths.iter().chain(&frame.paths.paths) {
        let operations =
            [(Method::GET, &item.get), (Method::POST, &item.post), (Method::DELETE, &item.delete)];
        for (method, operation) in operations {
            let takes_none = |operation: &Operation| {
                kind::parameters(operation).all(|parameter| parameter.parameter_in != ParameterIn::Query)
            };
            if operation.as_ref().is_some_and(takes_none) {
                found.insert((method, path.clone()));
            }
        }
    }
    found
}

/// The path of a route as the document has it: `{*rest}`, which takes several segments, is a parameter like others there.
pub(crate) fn documented(path: &str) -> String {
    path.replace("{*", "{")
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}
