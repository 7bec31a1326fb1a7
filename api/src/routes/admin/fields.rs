//! Custom fields: declare, list, delete.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Names;
use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::company::CompanyCommand;
use crate::domain::field::{Choice, Field, FieldType};
use crate::http::answer::{Accepted, List};
use crate::http::{Command, ConsistencyParams, Key, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A custom field of customers.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({
    "key": "size", "name": {"zh": "规模", "en": "Size"}, "type": "choice",
    "options": [{"id": "small", "name": {"zh": "小", "en": "Small"}}, {"id": "large", "name": {"zh": "大", "en": "Large"}}]
}))]
pub(super) struct FieldBody {
    /// The key in a customer's `fields`.
    key: String,
    /// The name.
    name: Names,
    /// The type of its values.
    r#type: TypeName,
    /// The options of a choice field.
    #[serde(default)]
    options: Vec<OptionBody>,
    /// Whether several options can be selected.
    #[serde(default)]
    many: bool,
}

/// An option of a choice field.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub(super) struct OptionBody {
    /// The value.
    id: String,
    /// The name.
    name: Names,
}

/// The types of custom fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FieldType)]
enum TypeName {
    /// Text of up to 2000 characters.
    Text,
    /// A number, or a decimal as text.
    Number,
    /// A whole number.
    Integer,
    /// An amount with its currency.
    Money,
    /// A day.
    Date,
    /// An instant.
    Instant,
    /// True or false.
    Boolean,
    /// One or several of the options.
    Choice,
}

impl FieldBody {
    fn field(self) -> Result<Field, Problem> {
        if self.r#type != TypeName::Choice && (!self.options.is_empty() || self.many) {
            let message =
                Label::new("只有 choice 类型可以有选项。", "Only the type choice can have options.");
            return Err(Problem::invalid_value("options", message));
        }
        let kind = match self.r#type {
            TypeName::Text => FieldType::Text,
            TypeName::Number => FieldType::Number,
            TypeName::Integer => FieldType::Integer,
            TypeName::Money => FieldType::Money,
            TypeName::Date => FieldType::Date,
            TypeName::Instant => FieldType::Instant,
            TypeName::Boolean => FieldType::Boolean,
            TypeName::Choice => {
                let choice = |option: OptionBody| Choice { id: option.id, name: option.name.into() };
                FieldType::Choice { options: self.options.into_iter().map(choice).collect(), many: self.many }
            }
        };
        Ok(Field { key: self.key, name: self.name.into(), kind })
    }

    fn of(field: &Field) -> Self {
        let r#type = match &field.kind {
            FieldType::Text => TypeName::Text,
            FieldType::Number => TypeName::Number,
            FieldType::Integer => TypeName::Integer,
            FieldType::Money => TypeName::Money,
            FieldType::Date => TypeName::Date,
            FieldType::Instant => TypeName::Instant,
            FieldType::Boolean => TypeName::Boolean,
            FieldType::Choice { .. } => TypeName::Choice,
        };
        let (options, many) = match &field.kind {
            FieldType::Choice { options, many } => (options.as_slice(), *many),
            _ => (&[][..], false),
        };
        let option = |option: &Choice| OptionBody { id: option.id.clone(), name: Names::from(&option.name) };
        let options = options.iter().map(option).collect();
        Self { key: field.key.clone(), name: Names::from(&field.name), r#type, options, many }
    }
}

/// Create or update a custom field
///
/// Names and options can be changed later, the type cannot. Once a tenant has declared a field, customers accept
/// declared fields only, validated by type; before that, `fields` is stored as sent.
#[utoipa::path(
    post, path = "/v1/admin/fields", tag = "admin", request_body = FieldBody,
    responses((status = 200, description = "Saved.", body = Accepted))
)]
pub(super) async fn declare(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Command { body, meta }: Command<FieldBody>,
) -> Result<Accepted, Problem> {
    let field = body.field()?;
    let mut resource = Map::new();
    resource.insert("key".to_owned(), Value::String(field.key.clone()));
    Ok(state.app.configure(&caller, &meta, &CompanyCommand::DeclareField(field), resource).await?.into())
}

/// List custom fields
#[utoipa::path(
    get, path = "/v1/admin/fields", tag = "admin",
    params(Page, ConsistencyParams),
    responses((status = 200, description = "Every custom field, by key.", body = List<FieldBody>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, consistency, ..): Query<Page, ConsistencyParams>,
) -> Result<Json<List<FieldBody>>, Problem> {
    consistency.defined(&state, &caller).await?;
    let company = state.app.companies.now(caller.tenant).await?;
    Ok(Json(List::paged(company.fields.values().map(FieldBody::of).collect(), &page, |field| {
        field.key.clone()
    })?))
}

/// Delete a custom field
///
/// No new values are accepted; existing values stay readable.
#[utoipa::path(
    delete, path = "/v1/admin/fields/{key}", tag = "admin",
    params(("key" = String, Path, description = "The field.")),
    responses(
        (status = 200, description = "Deleted.", body = Accepted),
        (status = 404, description = "There is no such field.", body = ProblemDocument),
    )
)]
pub(super) async fn withdraw(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Command { meta, .. }: Command<super::Empty>,
) -> Result<Accepted, Problem> {
    Ok(state.app.configure(&caller, &meta, &CompanyCommand::WithdrawField(key), Map::new()).await?.into())
}
