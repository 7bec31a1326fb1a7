//! Finds out who calls and lets them through, or not.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};

use super::access::{Access, access, is_open_to_agents};
use super::gate::{Allowance, Credential, Gate};
use super::idle::Use;
use super::key::{KeyText, Kind};
use super::rights::Rights;
use super::scope::Scope;
use crate::app::{AGENT, AppError, Caller, Endpoint};
use crate::domain::company::rights::{self, role_without_membership};
use crate::domain::customer::agent_may_only_propose;
use crate::domain::{Actor, Label, Role};
use crate::eventstore::Position;
use crate::http::command::single;
use crate::http::person::actor_name;
use crate::http::query::position_named;
use crate::problem::Problem;

/// The header that names the person for whom a front end acts.
pub(super) const PERSON: &str = "waymark-actor";
/// The longest name of an actor, in bytes.
const LONGEST_ACTOR: usize = 200;

/// Who calls, as handlers take it. Present on every route that is not public.
#[derive(Debug, Clone)]
pub struct Authority(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Authority {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::missing_credential)
    }
}

/// The credential that a request showed, as handlers record it. Present on every route that is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedCredential {
    /// What the log calls it: `key:<id>` or `token:<actor>`.
    pub name: String,
    /// The agent that acts with it: its own actor, where it has the scope `propose`.
    pub agent: Option<String>,
    /// Whether it makes its holder an administrator whatever the tenant's members and keys are.
    administers: bool,
}

impl PresentedCredential {
    /// The same as decisions about rights have it.
    #[must_use]
    pub fn credential(&self) -> rights::Credential {
        rights::Credential { name: Some(self.name.clone()), administers: self.administers }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PresentedCredential {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::missing_credential)
    }
}

/// Lets a request through when its route is public, or its caller has a role that opens it. A method that the
/// route does not have goes through to be told so; it meets no handler.
///
/// A call is counted as soon as it is known whose it is, so that one which is refused costs what any other does.
///
/// A header that says one thing may be given once: of two, each reader could choose another.
///
/// Otherwise the answer is 400 where such a header is given twice, 401 without a valid credential, 403 without the role,
/// 429 when the credential calls more often than it may.
pub async fn admit(
    gate: &Gate,
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    if let Err(problem) = given_once(request.headers()) {
        return problem.into_response();
    }
    let Some(Access::Roles(roles)) = access_to(&request) else { return next(request).await };
    let named = position_named(request.uri());
    let is_counted = request.extensions().get::<Counted>().is_some();
    let (credential, allowance) = match counted(gate, request.headers(), named, is_counted).await {
        Ok(counted) => counted,
        Err(problem) => return problem.into_response(),
    };
    let response = match enter(&gate.rights, credential, roles, &mut request, named).await {
        Ok(()) => next(request).await,
        Err(problem) => problem.into_response(),
    };
    told(response, allowance)
}

/// On a request that is part of a call which was counted when it came in.
#[derive(Debug, Clone, Copy)]
pub struct Counted;

/// Whose call it is, counted. A question that names a position is authenticated by the key as it was at that position.
async fn counted(
    gate: &Gate,
    headers: &HeaderMap,
    named: Option<Position>,
    is_counted: bool,
) -> Result<(Credential, Option<Allowance>), Problem> {
    let text = bearer(headers)?;
    let shown = KeyText::parse(text).or_else(|| KeyText::parse_as(Kind::Session, text));
    if let Some((position, key)) = named.zip(shown) {
        gate.rights.at_least(key.tenant, position).await?;
    }
    let credential = gate.credential(text, Use::Request).await?;
    let allowance = if is_counted { None } else { gate.count(&credential)? };
    Ok((credential, allowance))
}

/// Makes the credential the caller of the request, if a role of theirs opens the route.
async fn enter(
    rights: &Rights,
    credential: Credential,
    roles: &'static [Role],
    request: &mut Request,
    named: Option<Position>,
) -> Result<(), Problem> {
    if let Some(position) = named {
        rights.at_least(credential.tenant, position).await?;
    }
    let shown = PresentedCredential {
        administers: credential.name.starts_with("token:") && credential.actor.is(Role::Admin),
        agent: credential.is_of_an_agent().then(|| credential.actor.name.clone()),
        name: credential.name.clone(),
    };
    if shown.agent.is_some() && !reaches_agents(request) {
        return Err(AppError::from(agent_may_only_propose()).into());
    }
    let mut caller = permitted(rights, credential, request.headers(), roles).await?;
    caller.endpoint = request.extensions().get::<Arc<Endpoint>>().cloned();
    request.extensions_mut().insert(shown);
    request.extensions_mut().insert(Authority(caller));
    Ok(())
}

/// Who calls, if one of these roles is theirs.
async fn permitted(
    rights: &Rights,
    credential: Credential,
    headers: &HeaderMap,
    roles: &'static [Role],
) -> Result<Caller, Problem> {
    let caller = identify(rights, credential, headers).await?;
    match roles.iter().any(|role| caller.actor.is(*role)) {
        true => Ok(caller),
        false => Err(Problem::missing_role(roles)),
    }
}

/// Who would be let in with these headers now, by what the log tells of rights. Not counted as a call.
///
/// # Errors
/// 401 or 403 when nobody would; 503 when the log cannot be read.
pub(super) async fn readmit(
    gate: &Gate,
    headers: &HeaderMap,
    roles: &'static [Role],
) -> Result<Caller, Problem> {
    let credential = gate.credential(bearer(headers)?, Use::Recheck).await?;
    permitted(&gate.rights, credential, headers, roles).await
}

/// The answer, with what is left to the credential.
fn told(mut response: Response, allowance: Option<Allowance>) -> Response {
    let Some(Allowance { policy, left }) = allowance else { return response };
    let told =
        [(HeaderName::from_static("ratelimit-policy"), policy), (HeaderName::from_static("ratelimit"), left)];
    for (name, value) in told {
        // Both are quoted words and numbers, which every header may hold.
        response.headers_mut().extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
    }
    response
}

fn access_to(request: &Request) -> Option<Access> {
    let (method, path) = route(request)?;
    access(method, path)
}

fn reaches_agents(request: &Request) -> bool {
    route(request).is_some_and(|(method, path)| is_open_to_agents(method, path))
}

fn route(request: &Request) -> Option<(&Method, &str)> {
    let path = request.extensions().get::<MatchedPath>()?;
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    Some((method, path.as_str()))
}

/// Who calls, from the credential and the header `Waymark-Actor`.
async fn identify(rights: &Rights, credential: Credential, headers: &HeaderMap) -> Result<Caller, Problem> {
    match person(headers)? {
        None => {
            let origin = origin(&credential);
            let Credential { tenant, actor, .. } = credential;
            Ok(Caller { tenant, actor, via: None, origin, endpoint: None })
        }
        Some(name) => Box::pin(act_as(rights, credential, name)).await,
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(header::AUTHORIZATION).ok_or_else(Problem::missing_credential)?;
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(Problem::bad_credential)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Problem::missing_credential()) }
}

/// The headers that say one thing.
const ONCE: [&str; 6] =
    ["Authorization", "Waymark-Actor", "Idempotency-Key", "If-Match", "Last-Event-ID", "Content-Type"];

fn given_once(headers: &HeaderMap) -> Result<(), Problem> {
    match ONCE.into_iter().find(|name| headers.get_all(*name).iter().nth(1).is_some()) {
        Some(name) => single(headers, name).map(drop),
        None => Ok(()),
    }
}

/// The person named in `Waymark-Actor`: UTF-8, since people's names are.
fn person(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(PERSON).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let name = std::str::from_utf8(value.as_bytes()).ok().map(str::trim).filter(|name| {
        !name.is_empty() && name.len() <= LONGEST_ACTOR && !name.chars().any(char::is_control)
    });
    match (name, values.next()) {
        (Some(name), None) => Ok(Some(name.to_owned())),
        _ => {
            let expected = Label::new(
                format!("应为一个人员标识，例如 rep:li，最多 {LONGEST_ACTOR} 字节。"),
                format!("Must name one person, such as rep:li, in at most {LONGEST_ACTOR} bytes."),
            );
            Err(Problem::malformed_header("Waymark-Actor", expected))
        }
    }
}

/// The caller that a front end's credential stands for: the member of that name in its roles, or somebody who is no
/// member, as a rep or in a role that the credential has itself.
async fn act_as(rights: &Rights, credential: Credential, name: String) -> Result<Caller, Problem> {
    let origin = origin(&credential);
    let Credential { tenant, scopes, name: via, actor: own } = credential;
    if !scopes.contains(&Scope::ActAs) {
        return Err(Problem::missing_scope("act-as"));
    }
    let rights = rights.now(tenant).await?;
    if rights.is_removed(&name) {
        return Err(Problem::member_removed(&name));
    }
    let actor = match rights.member(&name) {
        Some((name, member)) => Actor::new(name, member.roles.iter().copied()),
        None => {
            // A rep has one name in two forms.
            let name = actor_name(&name, [Role::Rep]);
            let role = role_without_membership(&name, &own.roles);
            let role = role.ok_or_else(|| Problem::unknown_actor(&name))?;
            Actor::new(name, [role])
        }
    };
    Ok(Caller { tenant, actor, via: Some(via), origin, endpoint: None })
}

/// How what the credential asks for comes in, where it is not a person's: an agent is one for anyone it acts for.
fn origin(credential: &Credential) -> Option<&'static str> {
    credential.is_of_an_agent().then_some(AGENT)
}
