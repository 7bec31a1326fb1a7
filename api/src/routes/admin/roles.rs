//! The roles that people and keys have.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::RoleName;
use crate::auth::access::{Access, TABLE};
use crate::domain::{Language, Role};
use crate::http::answer::List;
use crate::http::language::RequestedLanguage;
use crate::http::openapi::documented;
use crate::http::{Page, Query};
use crate::problem::Problem;

/// A role.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct RoleReply {
    /// The role, as members, keys and pipelines' definitions name it.
    role: RoleName,
    /// The name, in the requested language.
    #[schema(example = "Sales rep")]
    name: String,
    /// What somebody in it may do, in the requested language.
    #[schema(example = "Works their own customers and those in a pool.")]
    description: String,
    /// The operations that it opens. Whether a customer may be worked is decided for each customer.
    operations: Vec<OperationReply>,
}

/// An operation of this interface.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct OperationReply {
    /// The method.
    #[schema(example = "POST")]
    method: &'static str,
    /// The path, as the OpenAPI document has it.
    #[schema(example = "/v1/customers/{id}/claims")]
    path: String,
}

impl RoleReply {
    fn of(role: Role, language: Language) -> Self {
        let told = |[zh, en]: [&str; 2]| match language {
            Language::Zh => zh.to_owned(),
            Language::En => en.to_owned(),
        };
        let opens = |access: &Access| match access {
            Access::Public => true,
            Access::Roles(roles) => roles.contains(&role),
        };
        let operations = TABLE
            .iter()
            .filter(|(.., access)| opens(access))
            .map(|(method, path, _)| OperationReply { method, path: documented(path) });
        Self {
            role: RoleName::from(&role),
            name: told(role.name()),
            description: told(role.duties()),
            operations: operations.collect(),
        }
    }
}

/// List roles
///
/// They come with the program. `POST /v1/admin/members` gives them to people, `POST /v1/admin/keys` to keys.
#[utoipa::path(
    get, path = "/v1/admin/roles", tag = "admin",
    params(Page),
    responses((status = 200, description = "Every role, with what it opens.", body = List<RoleReply>))
)]
pub(super) async fn list(
    RequestedLanguage(language): RequestedLanguage,
    Query(page, ..): Query<Page>,
) -> Result<Json<List<RoleReply>>, Problem> {
    let roles = Role::EACH.map(|role| RoleReply::of(role, language));
    Ok(Json(List::paged(roles.into(), &page, |reply: &RoleReply| {
        Role::from(reply.role).as_str().to_owned()
    })?))
}
