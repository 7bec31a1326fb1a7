//! What kind of route an operation is: what its headers and its answers depend on.

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{Content, RefOr, Response};

use crate::admission::may_be_heavy;
use crate::http::position::commands_are_positioned;

/// The schemas of answers to commands.
const ACCEPTED: [&str; 2] = ["Accepted", "Registered"];

/// What kind of route an operation is, as far as its answers depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// It asks something of a tenant, so it needs a credential.
    pub(super) of_a_tenant: bool,
    /// Its path has a variable part.
    pub(super) names_something: bool,
    /// It takes a body.
    pub(super) has_body: bool,
    /// It waits for a read model when asked to.
    pub(super) waits: bool,
    /// It is a command: what it does is recorded in the log.
    pub(super) is_command: bool,
    /// What it did is answered with the position that it was recorded at.
    pub(super) positioned: bool,
    /// It is a command on a customer, which has a version.
    pub(super) on_a_customer: bool,
    /// It is a report or an export, of which a few are answered at a time.
    pub(super) is_bounded: bool,
}

impl Kind {
    /// The kind of the operation at a path.
    pub(super) fn of(method: &str, path: &str, operation: &Operation) -> Self {
        let is_command = operation.responses.responses.values().any(answers_a_command);
        let versioned = ["/v1/customers/{id}/", "/v1/approvals/{id}/", "/v1/tasks/{id}/"];
        let given = |place: &ParameterIn| parameters(operation).any(|it| it.parameter_in == *place);
        Self {
            of_a_tenant: path.starts_with("/v1/") || path == "/mcp",
            names_something: given(&ParameterIn::Path),
            has_body: operation.request_body.is_some(),
            waits: parameters(operation).any(|parameter| parameter.name == "min_position"),
            is_command,
            positioned: method != "get" && commands_are_positioned(path),
            is_bounded: may_be_heavy(&method.to_ascii_uppercase(), path),
            on_a_customer: is_command && versioned.iter().any(|prefix| path.starts_with(prefix)),
        }
    }
}

pub(super) fn parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    })
}

fn answers_a_command(response: &RefOr<Response>) -> bool {
    let RefOr::T(response) = response else { return false };
    response.content.values().filter_map(referred).any(|name| ACCEPTED.contains(&name))
}

/// The name of the schema that a content refers to.
fn referred(content: &RefOr<Content>) -> Option<&str> {
    let RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) = content else { return None };
    schema.ref_location.rsplit('/').next()
}
