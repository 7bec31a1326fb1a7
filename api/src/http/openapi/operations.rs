//! What is true of every operation of a kind: its id, and the headers that it listens to.

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::{Content, ObjectBuilder, RefOr, Required, Response, Schema, Type};

use super::responses;

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
    /// It is a command on a customer, which has a version.
    pub(super) on_a_customer: bool,
}

/// Completes the operations of a path.
pub(super) fn complete(path: &str, item: &mut PathItem) {
    let operations = [("get", &mut item.get), ("post", &mut item.post), ("delete", &mut item.delete)];
    for (method, operation) in operations {
        let Some(operation) = operation else { continue };
        let kind = Kind::of(path, operation);
        operation.operation_id = Some(operation_id(method, path));
        let parameters = operation.parameters.get_or_insert_default();
        parameters.extend(headers(kind, method, path).into_iter().map(RefOr::T));
        responses::complete(kind, operation);
    }
}

impl Kind {
    fn of(path: &str, operation: &Operation) -> Self {
        let is_command = operation.responses.responses.values().any(answers_a_command);
        let versioned = ["/v1/customers/{id}/", "/v1/approvals/{id}/", "/v1/tasks/{id}/"];
        let given = |place: &ParameterIn| parameters(operation).any(|it| it.parameter_in == *place);
        Self {
            of_a_tenant: path.starts_with("/v1/"),
            names_something: given(&ParameterIn::Path),
            has_body: operation.request_body.is_some(),
            waits: parameters(operation).any(|parameter| parameter.name == "min_position"),
            is_command,
            on_a_customer: is_command && versioned.iter().any(|prefix| path.starts_with(prefix)),
        }
    }
}

fn parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
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

/// `post_customers_id_notes` for `POST /v1/customers/{id}/notes`: unique, and stable as long as the path is.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|sign: char| !sign.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty() && *word != "v1");
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

/// The headers that an operation listens to.
fn headers(kind: Kind, method: &str, path: &str) -> Vec<Parameter> {
    let mut headers =
        vec![header("Accept-Language", "`zh` or `en`: the language of error messages and names.", text())];
    if kind.of_a_tenant {
        headers.push(header(
            "Waymark-Actor",
            "The person that a key with the scope `act-as` acts for, such as `rep:li`.",
            text().min_length(Some(1)).max_length(Some(200)),
        ));
    }
    let has_key = kind.is_command || matches!((method, path), ("post", "/v1/leads" | "/v1/bulk"));
    if has_key {
        let key = "Makes retries safe: the same key with the same body returns the first response again, success or refusal.";
        headers.push(header("Idempotency-Key", key, text().min_length(Some(1)).max_length(Some(255))));
    }
    if kind.on_a_customer {
        let version = "The expected version of the customer, such as `\"7\"`; otherwise 412.";
        headers.push(header("If-Match", version, text().pattern(Some(r#"^(\*|"[0-9]+"|[0-9]+)$"#))));
    }
    headers
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn header(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
