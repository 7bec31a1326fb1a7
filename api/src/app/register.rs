//! Registering a customer: who is known already, and what becomes of a lead that turns out to be somebody known.

use serde_json::Value;
use uuid::Uuid;
use waymark_domain::customer::command::{Register, RepeatInquiry};
use waymark_domain::customer::{CustomerEvent, NewEvent};
use waymark_domain::refusal::Code;
use waymark_domain::{Label, Refusal};
use waymark_eventstore::Position;

use super::identity::{self, KeyMatch, KeyTag, refuse_matches};
use super::{App, AppError, Caller};

impl App {
    /// Who has the external id or any of the keys of a registration, and up to where the log was read.
    pub(super) async fn find_duplicates(
        &self,
        caller: &Caller,
        events: &[NewEvent],
        keys: &[KeyTag],
    ) -> Result<(Vec<KeyMatch>, Position), AppError> {
        let (mut known, head) = self.find_matches(caller, keys, None).await?;
        if let Some(external_id) = events.iter().find_map(external_id)
            && let Some(holder) = self.match_by_external_id(caller, external_id, head).await?
        {
            known.insert(0, holder);
        }
        Ok((known, head))
    }
}

/// The refusal to register somebody who is known; none where nobody is. The external id, which a program chose, comes
/// before what people have.
pub(super) fn refuse_registration(known: &[KeyMatch]) -> Result<(), AppError> {
    match known.first() {
        Some(first) if first.recognised_by == "external_id" => {
            Err(external_id_refusal(Some((first.customer, first.visible))).into())
        }
        _ => refuse_matches(known),
    }
}

/// What a lead says about a customer who is known.
pub(super) fn touch(register: &Register, known: &[KeyMatch]) -> RepeatInquiry {
    let mut recognised_by: Vec<String> = known.iter().map(|one| one.recognised_by.to_owned()).collect();
    recognised_by.dedup();
    RepeatInquiry {
        source: register.source.clone(),
        channel: register.channel.clone(),
        recognised_by,
        note: register.note.clone(),
    }
}

/// The refusal, naming the customer that has the id where it is known, and visible to the caller.
pub(super) fn external_id_refusal(holder: Option<(Uuid, bool)>) -> Refusal {
    let how_to_fix = match holder {
        Some((_, false)) => identity::elsewhere(),
        _ => Label::new(
            "使用 customer_id 指出的客户，或换一个 external_id。",
            "Use the customer named by customer_id, or another external_id.",
        ),
    };
    let mut refusal = Refusal::from_code(
        Code::CustomerExists,
        "external_id",
        Label::new(
            "已有客户使用这个 external_id。",
            "A customer with this external_id is registered already.",
        ),
        how_to_fix,
    );
    if let Some((holder, true)) = holder {
        refusal.extra.insert("customer_id".to_owned(), Value::String(holder.to_string()));
    }
    refusal
}

/// The id in another system that an event registers a customer under.
pub(super) fn external_id(new: &NewEvent) -> Option<&str> {
    match &new.event {
        CustomerEvent::Registered(registered) => registered.external_id.as_deref(),
        _ => None,
    }
}
