//! Which roles open which route: one table, and no other.
//!
//! What a role may do to a single customer is the domain's to decide; a rep passes here with every command on
//! every customer and is refused there on another rep's. A test holds this table against the served routes, so a
//! new route does not work until it stands here.

use axum::http::Method;

use crate::domain::Role::{self, Admin, Analyst, Auditor, Manager, Rep, Supervisor};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody: it shows nothing of any tenant.
    Public,
    /// Actors with any of these roles.
    Roles(&'static [Role]),
}

/// Everybody of the tenant: names of stages, and customers as they stand.
const ALL: &[Role] = &[Rep, Supervisor, Manager, Admin, Analyst, Auditor];
/// Those who work customers.
const WORK: &[Role] = &[Rep, Supervisor, Manager, Admin];
/// Those who lead.
const LEAD: &[Role] = &[Manager, Admin];
/// Those who weigh how the sales are worked.
const ANALYSE: &[Role] = &[Manager, Admin, Analyst];
/// Those who watch over the machinery.
const WATCH: &[Role] = &[Manager, Admin, Auditor];
/// Those who prove what was recorded, and who it was.
const AUDIT: &[Role] = &[Admin, Auditor];
/// Those to whom no customer is closed: a program that follows the log for one of them misses none.
const FOLLOW: &[Role] = &[Manager, Admin, Analyst, Auditor];
/// Those who set the system up.
const SET_UP: &[Role] = &[Admin];

/// Every route: method, path, who.
pub const TABLE: &[(&str, &str, Access)] = &[
    ("GET", "/healthz", Access::Public),
    ("GET", "/readyz", Access::Public),
    ("GET", "/metrics", Access::Public),
    ("GET", "/openapi.json", Access::Public),
    ("GET", "/docs", Access::Public),
    ("GET", "/asyncapi.json", Access::Public),
    ("GET", "/v1/me/inbox", Access::Roles(ALL)),
    ("POST", "/v1/me/inbox/read", Access::Roles(ALL)),
    ("GET", "/v1/me", Access::Roles(ALL)),
    ("POST", "/v1/sessions", Access::Public),
    ("DELETE", "/v1/me/session", Access::Roles(ALL)),
    ("GET", "/v1/templates", Access::Roles(ALL)),
    ("GET", "/v1/calendar-templates", Access::Roles(ALL)),
    ("POST", "/v1/pipelines", Access::Roles(LEAD)),
    ("GET", "/v1/pipelines", Access::Roles(ALL)),
    ("GET", "/v1/pipelines/{key}", Access::Roles(ALL)),
    ("POST", "/v1/pipelines/{key}/versions", Access::Roles(LEAD)),
    ("GET", "/v1/pipelines/{key}/versions", Access::Roles(ALL)),
    ("DELETE", "/v1/pipelines/{key}/versions/{version}", Access::Roles(LEAD)),
    ("GET", "/v1/pipelines/{key}/migrations", Access::Roles(ALL)),
    ("GET", "/v1/pipeline-schema", Access::Roles(ALL)),
    ("POST", "/v1/customers", Access::Roles(WORK)),
    ("GET", "/v1/customers", Access::Roles(ALL)),
    ("GET", "/v1/customers/{id}", Access::Roles(ALL)),
    ("POST", "/v1/customers/{id}/details", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/risk", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/scores", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/transactions", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/transaction-voids", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/points", Access::Roles(WORK)),
    ("GET", "/v1/customers/{id}/purchases", Access::Roles(ALL)),
    ("POST", "/v1/customers/{id}/documents", Access::Roles(WORK)),
    ("GET", "/v1/customers/{id}/duplicates", Access::Roles(ALL)),
    ("GET", "/v1/duplicates", Access::Roles(ALL)),
    ("POST", "/v1/customers/{id}/merges", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/unmerges", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/distinctions", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/distinction-withdrawals", Access::Roles(WORK)),
    ("POST", "/v1/leads", Access::Roles(WORK)),
    ("GET", "/v1/customers/{id}/allowed-transitions", Access::Roles(ALL)),
    ("POST", "/v1/customers/{id}/transitions", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/overrides", Access::Roles(LEAD)),
    ("POST", "/v1/customers/{id}/corrections", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/proposals", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/explanations", Access::Roles(WORK)),
    ("POST", "/mcp", Access::Roles(ALL)),
    ("POST", "/v1/customers/{id}/reactivations", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/migrations", Access::Roles(LEAD)),
    ("POST", "/v1/customers/{id}/notes", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/follow-ups", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/signals", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/claims", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/releases", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/owner-changes", Access::Roles(WORK)),
    ("GET", "/v1/approvals", Access::Roles(ALL)),
    ("POST", "/v1/approvals/{id}/decisions", Access::Roles(WORK)),
    ("GET", "/v1/tasks", Access::Roles(ALL)),
    ("POST", "/v1/tasks/{id}/completions", Access::Roles(WORK)),
    ("GET", "/v1/reminders", Access::Roles(ALL)),
    ("GET", "/v1/worklists/{list}", Access::Roles(ALL)),
    ("GET", "/v1/automations", Access::Roles(ALL)),
    ("POST", "/v1/automations/dry-runs", Access::Roles(ALL)),
    ("POST", "/v1/handovers", Access::Roles(WORK)),
    ("POST", "/v1/deputies", Access::Roles(WORK)),
    ("GET", "/v1/deputies", Access::Roles(ALL)),
    ("DELETE", "/v1/deputies/{id}", Access::Roles(WORK)),
    ("POST", "/v1/customers/{id}/erasure", Access::Roles(SET_UP)),
    ("POST", "/v1/customers/{id}/key-rotations", Access::Roles(SET_UP)),
    ("POST", "/v1/customers/{id}/legal-holds", Access::Roles(AUDIT)),
    ("POST", "/v1/customers/{id}/legal-hold-releases", Access::Roles(AUDIT)),
    ("GET", "/v1/customers/{id}/timeline", Access::Roles(ALL)),
    ("GET", "/v1/customers/{id}/stays", Access::Roles(ALL)),
    ("GET", "/v1/pools", Access::Roles(ALL)),
    ("GET", "/v1/pools/{key}/customers", Access::Roles(ALL)),
    ("GET", "/v1/boards/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/alerts/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/bottlenecks/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/channels", Access::Roles(ALL)),
    ("GET", "/v1/losses/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/losses/{pipeline}/customers", Access::Roles(ALL)),
    ("GET", "/v1/loyalty/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/changes/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/changes/{pipeline}/customers", Access::Roles(ALL)),
    ("GET", "/v1/dwell/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/flows/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/forecasts/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/forecasts/{pipeline}/back-test", Access::Roles(ALL)),
    ("GET", "/v1/funnels/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/paths/{pipeline}", Access::Roles(ALL)),
    ("POST", "/v1/paths/{pipeline}/standard", Access::Roles(LEAD)),
    ("GET", "/v1/heatmap", Access::Roles(ALL)),
    ("GET", "/v1/latency/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/quality/{pipeline}", Access::Roles(ALL)),
    ("GET", "/v1/reps", Access::Roles(ALL)),
    ("GET", "/v1/pilots/{id}", Access::Roles(ALL)),
    ("POST", "/v1/what-if", Access::Roles(ANALYSE)),
    ("GET", "/v1/events", Access::Roles(ALL)),
    ("GET", "/v1/event-schemas", Access::Roles(ALL)),
    ("GET", "/v1/event-schemas/{type}", Access::Roles(ALL)),
    ("POST", "/v1/consumers", Access::Roles(FOLLOW)),
    ("GET", "/v1/consumers", Access::Roles(FOLLOW)),
    ("GET", "/v1/consumers/{name}", Access::Roles(FOLLOW)),
    ("DELETE", "/v1/consumers/{name}", Access::Roles(FOLLOW)),
    ("POST", "/v1/consumers/{name}/resets", Access::Roles(FOLLOW)),
    ("GET", "/v1/consumers/{name}/events", Access::Roles(FOLLOW)),
    ("POST", "/v1/consumers/{name}/acknowledgements", Access::Roles(FOLLOW)),
    ("GET", "/v1/audit/access", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/access/bundle", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/access/checkpoint", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/access/keys", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/access/tile/{level}/{*index}", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/access/tile/entries/{*index}", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/access/proofs/inclusion", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/access/proofs/consistency", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/bundle", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/changes", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/checkpoint", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/tile/{level}/{*index}", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/tile/entries/{*index}", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/proofs/inclusion", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/proofs/consistency", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/erasures", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/erasures/{id}", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/export", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/legal-holds", Access::Roles(AUDIT)),
    ("GET", "/v1/audit/keys", Access::Roles(AUDIT)),
    ("POST", "/v1/audit/keys/rotations", Access::Roles(SET_UP)),
    ("POST", "/v1/audit/reviews", Access::Roles(AUDIT)),
    ("GET", "/v1/exports/{kind}", Access::Roles(ALL)),
    ("POST", "/v1/bulk", Access::Roles(WORK)),
    ("POST", "/v1/imports", Access::Roles(LEAD)),
    ("POST", "/v1/imports/columns", Access::Roles(LEAD)),
    ("POST", "/v1/customers/import", Access::Roles(LEAD)),
    ("GET", "/v1/imports/{id}", Access::Roles(LEAD)),
    ("POST", "/v1/imports/{id}/undo", Access::Roles(LEAD)),
    ("GET", "/v1/projections", Access::Roles(WATCH)),
    ("POST", "/v1/projections/{name}/rebuild", Access::Roles(SET_UP)),
    ("GET", "/v1/projections/{name}/parked", Access::Roles(WATCH)),
    ("POST", "/v1/projections/{name}/retries", Access::Roles(SET_UP)),
    ("POST", "/v1/projections/{name}/skips", Access::Roles(SET_UP)),
    ("POST", "/v1/webhooks", Access::Roles(SET_UP)),
    ("GET", "/v1/webhooks", Access::Roles(SET_UP)),
    ("DELETE", "/v1/webhooks/{id}", Access::Roles(SET_UP)),
    ("POST", "/v1/webhooks/{id}/rotate", Access::Roles(SET_UP)),
    ("POST", "/v1/webhooks/{id}/enable", Access::Roles(SET_UP)),
    ("GET", "/v1/webhooks/{id}/deliveries", Access::Roles(SET_UP)),
    ("POST", "/v1/webhooks/{id}/replay", Access::Roles(SET_UP)),
    ("POST", "/v1/admin/keys", Access::Roles(SET_UP)),
    ("GET", "/v1/admin/keys", Access::Roles(SET_UP)),
    ("DELETE", "/v1/admin/keys/{id}", Access::Roles(SET_UP)),
    ("POST", "/v1/admin/sign-in-links", Access::Roles(SET_UP)),
    ("POST", "/v1/admin/members", Access::Roles(SET_UP)),
    ("GET", "/v1/admin/members", Access::Roles(SET_UP)),
    ("DELETE", "/v1/admin/members/{actor}", Access::Roles(SET_UP)),
    ("POST", "/v1/admin/members/{actor}/endpoint-erasures", Access::Roles(SET_UP)),
    ("GET", "/v1/admin/roles", Access::Roles(ALL)),
    ("GET", "/v1/admin/pools", Access::Roles(ALL)),
    ("POST", "/v1/admin/teams", Access::Roles(LEAD)),
    ("GET", "/v1/admin/teams", Access::Roles(ALL)),
    ("DELETE", "/v1/admin/teams/{key}", Access::Roles(LEAD)),
    ("POST", "/v1/admin/fields", Access::Roles(SET_UP)),
    ("GET", "/v1/admin/fields", Access::Roles(ALL)),
    ("DELETE", "/v1/admin/fields/{key}", Access::Roles(SET_UP)),
    ("POST", "/v1/admin/intake", Access::Roles(SET_UP)),
    ("GET", "/v1/admin/intake", Access::Roles(ALL)),
    ("POST", "/v1/admin/rates", Access::Roles(SET_UP)),
    ("GET", "/v1/admin/rates", Access::Roles(ALL)),
    ("POST", "/v1/admin/calendars", Access::Roles(SET_UP)),
    ("GET", "/v1/admin/calendars", Access::Roles(ALL)),
    ("POST", "/v1/admin/robots", Access::Roles(SET_UP)),
    ("GET", "/v1/admin/robots", Access::Roles(SET_UP)),
    ("DELETE", "/v1/admin/robots/{id}", Access::Roles(SET_UP)),
    ("GET", "/v1/admin/robots/{id}/deliveries", Access::Roles(SET_UP)),
    ("POST", "/v1/admin/robots/{id}/replay", Access::Roles(SET_UP)),
];

/// What is asked by `POST`, because the question has a body: nothing is written. Everything that goes by whether a request only
/// asks looks here.
const QUESTIONS: &[&str] = &["/v1/customers/{id}/explanations", "/v1/automations/dry-runs", "/v1/what-if"];

/// What an agent may send beside questions: its tools, and proposals. A key with the scope `propose` reaches nothing else,
/// whatever its roles.
const AGENTS: &[&str] = &["/mcp", "/v1/customers/{id}/proposals"];

/// Whether a request to a path only asks, by whatever method.
#[must_use]
pub fn only_asks(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD) || is_question(path)
}

/// Whether what is sent to a path by `POST` is a question.
#[must_use]
pub fn is_question(path: &str) -> bool {
    QUESTIONS.contains(&path)
}

/// Whether an agent may call a route, as far as its roles open it.
#[must_use]
pub fn is_open_to_agents(method: &Method, path: &str) -> bool {
    only_asks(method, path) || (*method == Method::POST && AGENTS.contains(&path))
}

/// Who may use the route; none where there is no such route.
#[must_use]
pub fn access(method: &Method, path: &str) -> Option<Access> {
    TABLE.iter().find(|(row, at, _)| *row == method.as_str() && *at == path).map(|(_, _, access)| *access)
}

#[cfg(test)]
mod tests {
    use super::{AGENTS, ALL, Access, QUESTIONS, TABLE};
    use crate::domain::Role;

    #[test]
    fn the_table_of_routes_and_roles_is_as_agreed() {
        let mark = |access: &Access, role: &Role| match access {
            Access::Public => '*',
            Access::Roles(roles) if roles.contains(role) => 'x',
            Access::Roles(_) => '-',
        };
        let rows = TABLE.iter().map(|(method, path, access)| {
            let marks: String = ALL.iter().map(|role| mark(access, role)).collect();
            format!("{marks} {method} {path}")
        });
        let table = format!("{ALL:?}\n{}", rows.collect::<Vec<_>>().join("\n"));
        insta::assert_snapshot!("routes_and_roles", table);
    }

    #[test]
    fn what_is_asked_by_post_and_what_agents_send_is_served_by_post_alone() {
        for path in QUESTIONS.iter().chain(AGENTS) {
            let methods: Vec<&str> =
                TABLE.iter().filter(|(_, known, _)| known == path).map(|(method, ..)| *method).collect();
            assert_eq!(methods, ["POST"], "{path}");
        }
    }
}
