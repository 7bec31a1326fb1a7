//! The responses that operations of a kind share, and the headers of responses.
//!
//! A handler declares what its answers mean where that is particular to it; what it does not declare and its kind can
//! be answered is added here, as a reference to one description. There is no catch-all: an answer of another status is
//! a fault, which tests look for.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type};

use super::kind::Kind;

/// The content type of problem documents.
const PROBLEM: &str = "application/problem+json";

/// A refusal that operations of a kind share.
struct Shared {
    status: &'static str,
    /// The name under which the document describes it.
    name: &'static str,
    description: &'static str,
    /// Which operations can meet it.
    meets: fn(Kind) -> bool,
}

const SHARED: &[Shared] = &[
    Shared {
        status: "400",
        name: "BadRequest",
        description: "The request cannot be parsed: a header, the path, the query or the body is malformed. `violations` name the location.",
        meets: |kind| kind.of_a_tenant,
    },
    Shared {
        status: "401",
        name: "Unauthorized",
        description: "The credential is missing or not valid.",
        meets: |kind| kind.of_a_tenant,
    },
    Shared {
        status: "403",
        name: "Forbidden",
        description: "The caller's roles do not permit this.",
        meets: |kind| kind.of_a_tenant,
    },
    Shared {
        status: "404",
        name: "NotFound",
        description: "The resource does not exist, or is not visible to the caller.",
        meets: |kind| kind.names_something,
    },
    Shared {
        status: "408",
        name: "RequestTimeout",
        description: "The body was not received in time; nothing was changed.",
        meets: |kind| kind.has_body,
    },
    Shared {
        status: "409",
        name: "Conflict",
        description: "The current state does not permit the request; `code` names the reason.",
        meets: |kind| kind.is_command,
    },
    Shared {
        status: "412",
        name: "PreconditionFailed",
        description: "The customer's version does not match `If-Match`; `version` is the current one.",
        meets: |kind| kind.on_a_customer,
    },
    Shared {
        status: "413",
        name: "ContentTooLarge",
        description: "The body is too large.",
        meets: |kind| kind.has_body,
    },
    Shared {
        status: "415",
        name: "UnsupportedMediaType",
        description: "The content type of the body is not supported by the operation.",
        meets: |kind| kind.has_body,
    },
    Shared {
        status: "422",
        name: "UnprocessableContent",
        description: "A field or parameter is unknown, missing or invalid, or a condition is not met; `violations` lists all of them.",
        meets: |kind| kind.of_a_tenant,
    },
    Shared {
        status: "429",
        name: "TooManyRequests",
        description: "The credential exceeds its rate limit; `Retry-After` says when to try again.",
        meets: |kind| kind.of_a_tenant,
    },
    Shared {
        status: "500",
        name: "InternalServerError",
        description: "An internal error. `trace_id` identifies it in the server log.",
        meets: |kind| kind.of_a_tenant,
    },
    Shared {
        status: "503",
        name: "ReportsOverloaded",
        description: "Temporarily unavailable; `code` names the reason: `overloaded` (too many reports or exports are being processed; they \
                      are admitted fairly by tenant), `projection-behind` (the read model has not reached `min_position`), \
                      `projection-unavailable`, `too-many-connections`, `unavailable` or `stopping`. Nothing was changed; `Retry-After` says when to try again.",
        meets: |kind| kind.is_bounded,
    },
    Shared {
        status: "503",
        name: "ServiceUnavailable",
        description: "Temporarily unavailable; `code` names the reason: `projection-behind` (the read model has not reached `min_position`), \
                      `projection-unavailable`, `overloaded`, `too-many-connections`, `contention`, `unavailable` or `stopping`. Nothing was changed; `Retry-After` says when to try again.",
        meets: |kind| kind.of_a_tenant,
    },
];

/// The headers of answers: name in the document, name on the wire, what it says.
const HEADERS: &[(&str, &str, &str)] = &[
    ("ETag", "ETag", "The version, such as `\"7\"`, for `If-Match`."),
    ("Location", "Location", "The address of the resource."),
    ("RateLimit", "RateLimit", "The remaining calls of the credential, if its rate is limited."),
    ("RateLimitPolicy", "RateLimit-Policy", "The rate limit of the credential, if its rate is limited."),
    ("RetryAfter", "Retry-After", "The number of seconds after which to try again."),
    ("TraceId", "Trace-Id", "Identifies the request in the server log."),
    ("WaymarkPosition", "Waymark-Position", "The position of the tenant's log that the response reflects."),
    ("WwwAuthenticate", "WWW-Authenticate", "The accepted authentication schemes."),
];

/// The shared refusals under their names.
pub(super) fn shared() -> impl Iterator<Item = (String, RefOr<Response>)> {
    SHARED.iter().map(|shared| {
        let content = Content::new(Some(Ref::from_schema_name("ProblemDocument")));
        let response = ResponseBuilder::new().description(shared.description).content(PROBLEM, content);
        let mut response = response.build();
        describe_headers(&mut response, &refusal_headers(shared.status));
        (shared.name.to_owned(), RefOr::T(response))
    })
}

/// The headers under their names.
pub(super) fn headers() -> impl Iterator<Item = (String, RefOr<Header>)> {
    HEADERS.iter().map(|(name, _, description)| {
        let kind =
            if matches!(*name, "RetryAfter" | "WaymarkPosition") { Type::Integer } else { Type::String };
        let schema = ObjectBuilder::new().schema_type(kind);
        let header = HeaderBuilder::new().description(Some(*description)).schema(Some(schema)).build();
        ((*name).to_owned(), RefOr::T(header))
    })
}

/// Adds the answers that an operation of this kind can give, and the headers of all of them.
pub(super) fn complete(kind: Kind, operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        let RefOr::T(response) = response else { continue };
        if status.as_str() >= "400" {
            // What has both is answered in the words of another protocol, too.
            if !response.content.contains_key(PROBLEM)
                && let Some(content) = response.content.shift_remove("application/json")
            {
                response.content.insert(PROBLEM.to_owned(), content);
            }
            describe_headers(response, &refusal_headers(status));
        } else {
            describe_headers(response, &success_headers(kind, status));
        }
    }
    for shared in SHARED.iter().filter(|shared| (shared.meets)(kind)) {
        let reference = RefOr::Ref(Ref::from_response_name(shared.name));
        responses.entry(shared.status.to_owned()).or_insert(reference);
    }
}

/// The headers of a refusal.
fn refusal_headers(status: &str) -> Vec<&'static str> {
    let own: &[_] = match status {
        "401" => &["WwwAuthenticate"],
        "412" => &["ETag"],
        "429" => &["RetryAfter"],
        "503" => &["RetryAfter", "WaymarkPosition"],
        _ => &[],
    };
    [&["TraceId", "RateLimit", "RateLimitPolicy"], own].concat()
}

/// The headers of what was read or done.
fn success_headers(kind: Kind, status: &str) -> Vec<&'static str> {
    let mut headers = vec!["TraceId"];
    if kind.of_a_tenant {
        headers.extend(["RateLimit", "RateLimitPolicy"]);
    }
    if kind.waits || kind.positioned && status != "202" {
        headers.push("WaymarkPosition");
    }
    if kind.is_command {
        headers.push("ETag");
    }
    if matches!(status, "202" | "308") {
        headers.push("Location");
    }
    headers
}

fn describe_headers(response: &mut Response, names: &[&str]) {
    for (name, on_the_wire, _) in HEADERS.iter().filter(|(name, ..)| names.contains(name)) {
        let reference = Ref::new(format!("#/components/headers/{name}"));
        response.headers.entry((*on_the_wire).to_owned()).or_insert(RefOr::Ref(reference));
    }
}
