//! What is true of every operation of a kind: its id, and the headers that it accepts.

use utoipa::IntoParams as _;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::{ObjectBuilder, RefOr, Required, Schema, Type};

use super::kind::Kind;
use super::responses;
use crate::auth::access::is_question;
use crate::http::ConsistencyParams;
use crate::http::command::is_keyless;
use crate::http::position::is_of_the_log;

/// Completes the operations of a path.
pub(super) fn complete(path: &str, item: &mut PathItem) {
    let operations = [("get", &mut item.get), ("post", &mut item.post), ("delete", &mut item.delete)];
    for (method, operation) in operations {
        let Some(operation) = operation else { continue };
        if (method == "get" || is_question(path)) && is_of_the_log(path) {
            wait_for_the_log(operation);
        }
        let kind = Kind::of(method, path, operation);
        operation.operation_id = Some(operation_id(method, path));
        let parameters = operation.parameters.get_or_insert_default();
        parameters.extend(headers(kind, method, path).into_iter().map(RefOr::T));
        responses::complete(kind, operation);
    }
}

/// Says that an operation waits for the log, as the layer around all routes lets it.
fn wait_for_the_log(operation: &mut Operation) {
    let parameters = operation.parameters.get_or_insert_default();
    for waiting in ConsistencyParams::into_params(|| Some(ParameterIn::Query)) {
        let is_given =
            |given: &RefOr<Parameter>| matches!(given, RefOr::T(given) if given.name == waiting.name);
        if !parameters.iter().any(is_given) {
            parameters.push(RefOr::T(waiting));
        }
    }
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
    if method != "get" && kind.of_a_tenant && !is_keyless(path) {
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
