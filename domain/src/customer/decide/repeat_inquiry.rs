//! Somebody who is a customer already comes in as a lead again: the further source is kept.

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::RepeatInquiry;
use crate::customer::event::{CustomerEvent, LeadTouched};
use crate::refusal::Refusal;
use crate::{Context, Personal};

pub(super) fn decide(command: &RepeatInquiry, context: &Context<'_>) -> Result<Vec<NewEvent>, Refusal> {
    let effective_at = context.effective_at();
    Refusal::require_all([
        guard::may_command(context),
        guard::in_window(effective_at, "effective_at", context),
        guard::optional_line("source", command.source.as_deref(), guard::MAX_NAME_CHARS),
        guard::optional_line("channel", command.channel.as_deref(), guard::MAX_NAME_CHARS),
        guard::optional_text("note", command.note.as_deref()),
    ])?;
    let command = command.clone();
    let event = CustomerEvent::LeadTouched(LeadTouched {
        source: command.source,
        channel: command.channel,
        recognised_by: command.recognised_by,
        note: command.note.map(Personal::from),
    });
    Ok(vec![NewEvent { event, effective_at }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;
    use crate::refusal::Code;

    fn from_the_fair() -> RepeatInquiry {
        let recognised_by = vec!["phone".to_owned()];
        RepeatInquiry { source: Some("exhibition".into()), recognised_by, ..RepeatInquiry::default() }
    }

    #[test]
    fn any_rep_brings_in_a_lead_that_is_another_reps_customer() {
        let event = CustomerEvent::LeadTouched(LeadTouched {
            source: Some("exhibition".into()),
            channel: None,
            recognised_by: vec!["phone".to_owned()],
            note: None,
        });
        given([registered_by_li()]).by(zhao()).when(from_the_fair()).then([event]);
    }

    #[test]
    fn a_touch_changes_neither_owner_nor_stage_nor_plan() {
        let touched = given([registered_by_li()]).when(from_the_fair()).event().event;
        let (before, after) = (given([registered_by_li()]), given([registered_by_li(), touched]));
        let told = |spec: &Spec| {
            let customer = spec.customer.clone().unwrap();
            (customer.owner.clone(), customer.current().cloned(), customer.next_plan)
        };
        assert_eq!(told(&before), told(&after));
    }

    #[test]
    fn what_a_lead_says_is_bounded() {
        let touch = RepeatInquiry {
            source: Some(" ".into()),
            note: Some("a\u{7}".into()),
            ..RepeatInquiry::default()
        };
        given([registered_by_li()]).when(touch).refuses([Code::EmptyText, Code::ControlCharacter]);
    }
}
