//! A document is added to a customer, by reference.

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::AddDocument;
use crate::customer::event::{CustomerEvent, DocumentAdded};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

const MAX_REFERENCE_CHARS: usize = 300;

/// The most that come along with another command.
const MAX_DOCUMENTS: usize = 10;

/// What is wrong with the documents that another command brings along.
pub(super) fn each_well_formed(documents: &[AddDocument]) -> Vec<Violation> {
    let mut unmet = guard::at_most("documents", documents.len(), MAX_DOCUMENTS);
    let each = documents.iter().enumerate();
    unmet.extend(each.flat_map(|(n, one)| well_formed(one, &format!("documents[{n}]."))));
    unmet
}

/// What is wrong with a document; `path` stands before the names of its fields.
fn well_formed(document: &AddDocument, path: &str) -> Vec<Violation> {
    [
        guard::identifier(&format!("{path}kind"), &document.kind),
        guard::optional_line(&format!("{path}name"), document.name.as_deref(), guard::MAX_NAME_CHARS),
        guard::line(&format!("{path}reference"), &document.reference, MAX_REFERENCE_CHARS),
        digest(&format!("{path}sha256"), &document.sha256),
    ]
    .concat()
}

/// The event of a document.
pub(super) fn added(document: AddDocument) -> CustomerEvent {
    CustomerEvent::DocumentAdded(DocumentAdded {
        document: document.id,
        kind: document.kind,
        name: document.name.map(Personal::from),
        reference: Personal::Clear(document.reference),
        sha256: document.sha256,
    })
}

pub(super) fn digest(field: &str, sha256: &str) -> Vec<Violation> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    require(sha256.len() == 64 && sha256.bytes().all(hex), || {
        Violation::new(
            Code::InvalidDigest,
            field,
            Label::new(
                "摘要须为64位小写十六进制。",
                "The digest must be 64 lowercase hexadecimal characters.",
            ),
            Label::new("请检查SHA-256摘要。", "Check the SHA-256 digest."),
        )
    })
}

pub(super) fn decide(
    customer: &Customer,
    command: &AddDocument,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([guard::may_work(customer, context), well_formed(command, "")])?;
    Ok(vec![NewEvent { event: added(command.clone()), effective_at: context.now }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;

    fn contract() -> AddDocument {
        AddDocument {
            kind: "contract".to_owned(),
            reference: "dms-17".to_owned(),
            sha256: "0f".repeat(32),
            ..AddDocument::default()
        }
    }

    #[test]
    fn a_document_is_added_by_who_works_the_customer() {
        given([registered_by_li()]).when(contract()).event();
        given([registered_by_li()]).by(zhao()).when(contract()).refuses([Code::NotOwner]);
    }

    #[test]
    fn a_document_says_where_it_is_and_what_it_holds() {
        let wrong = AddDocument {
            kind: "The Contract".to_owned(),
            reference: String::new(),
            sha256: "0F".repeat(32),
            ..contract()
        };
        let codes = [Code::InvalidIdentifier, Code::EmptyText, Code::InvalidDigest];
        given([registered_by_li()]).when(wrong).refuses(codes);
    }
}
