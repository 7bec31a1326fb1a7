//! The description of the service in OpenAPI 3.1.

use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    self, Components, Content, Info, License, ObjectBuilder, Ref, RefOr, Required, ResponseBuilder,
    SecurityRequirement, Type,
};

/// The content type of problem documents.
const PROBLEM: &str = "application/problem+json";

/// What the description says beside the routes.
#[derive(OpenApi)]
#[openapi(tags(
    (name = "pipelines", description = "Versioned definitions of the stages that a customer passes."),
    (name = "customers", description = "Registered, described, found."),
    (name = "status", description = "Where a customer stands, may go, went, and did not go."),
    (name = "activity", description = "Notes, conversations, observations."),
    (name = "work", description = "Tasks, reminders, lists of who waits, and the rules that make them."),
    (name = "ownership", description = "Whose a customer is: a rep's, or a pool's. It never changes a stage."),
    (name = "history", description = "What happened, when it happened, and when we learned it."),
    (name = "analytics", description = "Figures for any instant and any state of knowledge."),
    (name = "bulk", description = "Many commands at once, and files of past changes."),
    (name = "log", description = "The events themselves."),
    (name = "audit", description = "Proofs, and the right to be forgotten."),
    (name = "admin", description = "API keys and members."),
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
    document.security = Some(vec![SecurityRequirement::new("key", Vec::<String>::new())]);
    for (path, item) in &mut document.paths.paths {
        complete_path(path, item);
    }
    // The document is made of maps and texts only, so writing it cannot fail.
    document.to_pretty_json().unwrap_or_default()
}

/// What is true of every operation is said here once, rather than beside each.
fn complete_path(path: &str, item: &mut PathItem) {
    let operations = [("get", &mut item.get), ("post", &mut item.post), ("delete", &mut item.delete)];
    for (method, operation) in operations {
        let Some(operation) = operation else { continue };
        operation.operation_id = Some(operation_id(method, path));
        let parameters = operation.parameters.get_or_insert_default();
        parameters.extend(headers(method, path).into_iter().map(RefOr::T));
        refuse_alike(operation, path);
    }
}

/// `post_customers_id_notes` for `POST /v1/customers/{id}/notes`: unique, and stable as long as the path is.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|sign: char| !sign.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty() && *word != "v1");
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

/// The headers that an operation listens to.
fn headers(method: &str, path: &str) -> Vec<Parameter> {
    let customer = path.starts_with("/v1/customers/{id}/");
    let command = method == "post" && (customer || matches!(path, "/v1/customers" | "/v1/pipelines"));
    let mut headers = vec![header("Accept-Language", "`zh` or `en`: the language of problems and names.")];
    if path.starts_with("/v1/") {
        headers.push(header(
            "Waymark-Actor",
            "The person a key with the scope `act-as` acts for, such as `rep:li`.",
        ));
    }
    if command {
        let key = "Makes a retry safe: the same key and body get the first answer again, success or refusal.";
        headers.push(header("Idempotency-Key", key));
    }
    if command && customer {
        headers
            .push(header("If-Match", "The version that the customer must have, such as `\"7\"`; else 412."));
    }
    headers
}

fn header(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

/// Every refusal is a problem document, and some can meet any caller.
fn refuse_alike(operation: &mut Operation, path: &str) {
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let (true, RefOr::T(response)) = (status.as_str() >= "400", response)
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert(PROBLEM.to_owned(), content);
        }
    }
    let anyone = [
        ("401", "There is no valid key or token."),
        ("403", "The role does not open this, or not this customer."),
        ("429", "The credential calls more often than it may: `Retry-After` says when it may again."),
        ("default", "Any other problem."),
    ];
    for (status, description) in anyone.into_iter().filter(|_| path.starts_with("/v1/")) {
        let content = Content::new(Some(Ref::from_schema_name("ProblemDocument")));
        let response = ResponseBuilder::new().description(description).content(PROBLEM, content).build();
        responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
}
