//! Whether the documents given with a move are well-formed and such as the stage takes.

use uuid::Uuid;

use crate::customer::command::Transition;
use crate::customer::decide::guard;
use crate::customer::event::Evidence;
use crate::customer::purchases::Transaction;
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::{EvidenceKind, Stage};
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label};

const MAX_EVIDENCE: usize = 10;

const MAX_REFERENCE_CHARS: usize = 300;

/// The documents that the command brings, as evidence of what the stage asks for by their kinds.
pub(super) fn of_documents(stage: Option<&Stage>, command: &Transition) -> Vec<Evidence> {
    let asked = |kind: &str| {
        stage.is_some_and(|stage| {
            stage.evidence(command.sub_status.as_deref()).any(|known| known.kind == kind)
        })
    };
    let brought = command.documents.iter().filter(|document| asked(&document.kind));
    brought
        .map(|document| Evidence {
            kind: document.kind.clone(),
            reference: document.id.to_string(),
            sha256: Some(document.sha256.clone()),
        })
        .collect()
}

/// What the customer did that is as good as documents of these kinds, where the command shows nothing of a kind.
pub(super) fn of_transactions<'a>(
    customer: &Customer,
    journey: &str,
    from: Option<&Stay>,
    kinds: impl Iterator<Item = &'a EvidenceKind>,
    command: &Transition,
) -> Vec<Evidence> {
    let unshown = kinds.filter(|kind| !command.evidence.iter().any(|given| given.kind == kind.kind));
    let shown = unshown.filter_map(|kind| Some((kind, transaction(customer, journey, from, kind)?)));
    shown
        .map(|(kind, shows)| Evidence {
            kind: kind.kind.clone(),
            reference: shows.id.to_string(),
            sha256: None,
        })
        .collect()
}

/// The last transaction of this cycle that shows the same as a document of a kind. What was bought in an earlier cycle shows
/// nothing of this one.
pub(in crate::customer) fn transaction<'a>(
    customer: &'a Customer,
    journey: &str,
    from: Option<&Stay>,
    kind: &EvidenceKind,
) -> Option<&'a Transaction> {
    let later = from.filter(|from| from.cycle > 1);
    let stays = customer.journeys.stays(journey).iter();
    let began = later
        .and_then(|from| stays.filter(|stay| stay.cycle == from.cycle).map(|stay| stay.entered_at).min());
    let recorded = customer.purchases.transactions().iter().rev();
    recorded
        .filter(|one| Some(one.kind) == kind.transaction && one.amount.is_some() && one.voided_by.is_none())
        .find(|one| began.is_none_or(|began| one.at >= began))
}

/// What names a document by its id names one of the customer's record, of that kind and digest, or a transaction that shows the
/// same; and so does everything that the stage wants on record.
pub(in crate::customer::decide) fn evidence_on_record(
    customer: &Customer,
    stage: Option<&Stage>,
    command: &Transition,
    context: &Context<'_>,
) -> Vec<Violation> {
    let wanted = |given: &Evidence| {
        let kinds = stage.into_iter().flat_map(|stage| stage.evidence(command.sub_status.as_deref()));
        kinds.filter(|kind| kind.kind == given.kind).any(|kind| kind.on_record) && !context.import
    };
    let same = |(kind, sha256): &(String, String), given: &Evidence| {
        *kind == given.kind && given.sha256.as_ref().is_none_or(|said| said == sha256)
    };
    let shows = |one: &Transaction, given: &Evidence| {
        let mut kinds = stage.into_iter().flat_map(|stage| stage.evidence(command.sub_status.as_deref()));
        one.voided_by.is_none()
            && kinds.any(|kind| kind.kind == given.kind && kind.transaction == Some(one.kind))
    };
    let known = |given: &Evidence| match Uuid::try_parse(&given.reference) {
        Ok(id) => {
            let brought = command.documents.iter().any(|document| document.id == id);
            let transaction = customer.purchases.transaction(id);
            brought
                || customer.documents.get(&id).is_some_and(|document| same(document, given))
                || transaction.is_some_and(|one| shows(one, given))
        }
        Err(_) if wanted(given) => {
            given.sha256.is_some() && customer.documents.values().any(|document| same(document, given))
        }
        Err(_) => true,
    };
    let unknown = command.evidence.iter().enumerate().filter(|(_, given)| !known(given));
    unknown
        .map(|(n, given)| {
            Violation::new(
                Code::UnknownEvidence,
                format!("evidence[{n}].reference"),
                Label::new(
                    "客户资料中没有这份凭证，或类型、摘要不符。",
                    "The customer's record has no such document, or its kind or digest differs.",
                ),
                Label::new(
                    "请先添加文件，或在documents中随本次变更提交。",
                    "Add the document first, or send it along in documents.",
                ),
            )
            .with("kind", given.kind.clone())
        })
        .collect()
}

pub(in crate::customer::decide) fn evidence_well_formed(
    stage: Option<&Stage>,
    command: &Transition,
) -> Vec<Violation> {
    let mut unmet = guard::at_most("evidence", command.evidence.len(), MAX_EVIDENCE);
    for (n, given) in command.evidence.iter().enumerate() {
        let field = format!("evidence[{n}]");
        let known = |stage: &Stage| {
            let mut kinds = stage.evidence(command.sub_status.as_deref()).peekable();
            kinds.peek().is_none() || kinds.any(|kind| kind.kind == given.kind)
        };
        unmet.extend(guard::identifier(&format!("{field}.kind"), &given.kind));
        unmet.extend(guard::line(&format!("{field}.reference"), &given.reference, MAX_REFERENCE_CHARS));
        unmet.extend(require(stage.is_none_or(known), || {
            Violation::new(
                Code::UnknownEvidence,
                format!("{field}.kind"),
                Label::new("该状态不接受此类凭证。", "The stage does not accept this type of evidence."),
                Label::new("请从状态的凭证列表中选择。", "Choose one of the stage's evidence types."),
            )
        }));
        let lower_hex = |digest: &String| {
            digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        unmet.extend(require(given.sha256.as_ref().is_none_or(lower_hex), || {
            Violation::new(
                Code::InvalidDigest,
                format!("{field}.sha256"),
                Label::new(
                    "摘要须为64位小写十六进制。",
                    "The digest must be 64 lowercase hexadecimal characters.",
                ),
                Label::new("请检查SHA-256摘要。", "Check the SHA-256 digest."),
            )
        }));
    }
    unmet
}
