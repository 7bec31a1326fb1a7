//! Documents of a customer, by reference.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::CustomerCommand;
use crate::auth::Authority;
use crate::domain::customer::command::{AddDocument, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::routes::AppState;

/// A document stored elsewhere.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "kind": "contract", "name": "Contract of March", "reference": "dms-17",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
}))]
pub(crate) struct NewDocument {
    /// The kind, as a code.
    kind: String,
    /// The name.
    name: Option<String>,
    /// Its id or URL in its store.
    reference: String,
    /// SHA-256 of its content, in lower-case hexadecimal.
    sha256: String,
}

impl NewDocument {
    /// The command that adds it, under an id.
    pub(crate) fn command(self, id: Uuid) -> AddDocument {
        let Self { kind, name, reference, sha256 } = self;
        AddDocument { id, kind, name, reference, sha256 }
    }
}

/// Add a document
///
/// By reference: the document stays where it is stored; its digest shows whether it has been changed.
#[utoipa::path(
    post, path = "/v1/customers/{id}/documents", tag = "customers", request_body = NewDocument,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses((status = 200, description = "Added; listed in the customer's `documents`.", body = Accepted))
)]
pub(super) async fn add(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    Command { body, meta }: Command<NewDocument>,
) -> Result<Accepted, Problem> {
    let command = DomainCommand::AddDocument(body.command((state.app.ids)()));
    Ok(state.app.execute(&caller, &meta, &CustomerCommand::on(customer, command, None)).await?.into())
}
