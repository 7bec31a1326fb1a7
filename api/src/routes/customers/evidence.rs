//! What a command shows of what the stage wants that it leads to.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::documents::NewDocument;
use crate::domain::customer::command::SuppliedEvidence;
use crate::domain::customer::event;

/// A document by reference.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct Evidence {
    /// The evidence requirement it fulfils.
    #[schema(example = "quote_receipt_confirmed")]
    kind: String,
    /// The document's id in the customer's record, which is checked then, or its address elsewhere.
    reference: String,
    /// SHA-256 of the document, in lower-case hexadecimal.
    sha256: Option<String>,
}

/// What is shown by evidence and by documents that are added with it; `ids` gives these their ids.
pub(crate) fn shown(
    evidence: Vec<Evidence>,
    documents: Vec<NewDocument>,
    ids: &dyn Fn() -> Uuid,
) -> SuppliedEvidence {
    let evidence = evidence.into_iter();
    let evidence =
        evidence.map(|Evidence { kind, reference, sha256 }| event::Evidence { kind, reference, sha256 });
    let documents = documents.into_iter().map(|document| document.command(ids()));
    SuppliedEvidence { evidence: evidence.collect(), documents: documents.collect() }
}
