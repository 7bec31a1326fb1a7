//! What must be done next with a customer: the one answer of its record, its card, lists, work lists and messages.

use chrono::{DateTime, TimeDelta, Utc};

use crate::Label;
use crate::pipeline::Stage;

/// What must be done next, by whom and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextAction<'a> {
    /// What.
    pub what: Todo<'a>,
    /// By whom: `rep` is the owner.
    pub role: &'a str,
    /// Until when.
    pub due_at: DateTime<Utc>,
}

/// What must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Todo<'a> {
    /// What was agreed, or set by a rule.
    Agreed,
    /// To come back to what was put off, in the stage's words.
    PutOff(&'a Label),
    /// What the stage says.
    Stage(&'a Label),
}

/// What must be done next: the contact that is due next ([`super::next_contact`]) comes before what the stage says. It is what was
/// agreed where that was for the same instant.
pub fn next_action<'a>(
    next_contact: Option<DateTime<Utc>>,
    agreed_for: Option<DateTime<Utc>>,
    stage: Option<&'a Stage>,
    entered_at: DateTime<Utc>,
) -> Option<NextAction<'a>> {
    let said = stage.and_then(|stage| stage.next_action.as_ref());
    if let Some(due_at) = next_contact {
        let put_off = said.filter(|_| agreed_for != Some(due_at)).map(|said| Todo::PutOff(&said.what));
        return Some(NextAction { what: put_off.unwrap_or(Todo::Agreed), role: "rep", due_at });
    }
    let said = said?;
    let wait = i64::try_from(said.deadline_seconds).ok().and_then(TimeDelta::try_seconds)?;
    let due_at = entered_at.checked_add_signed(wait)?;
    Some(NextAction { what: Todo::Stage(&said.what), role: &said.role, due_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::templates;

    #[test]
    fn a_contact_comes_before_the_stage_and_what_was_put_off_is_said_in_its_words() {
        let pipeline = &templates()[0].pipeline;
        let stage = |id: &str| pipeline.stage(id).unwrap();
        let words = |id: &str| &stage(id).next_action.as_ref().unwrap().what;
        let at = |day: i64| DateTime::UNIX_EPOCH + TimeDelta::days(day);
        let next = |contact, agreed, id| next_action(contact, agreed, Some(stage(id)), at(0)).unwrap();
        let agreed = next(Some(at(5)), Some(at(5)), "contacted");
        assert_eq!((agreed.what, agreed.role, agreed.due_at), (Todo::Agreed, "rep", at(5)));
        let ended = next(None, Some(at(5)), "lost");
        assert_eq!((ended.what, ended.due_at), (Todo::Stage(words("lost")), at(90)));
        let put_off = next(Some(at(30)), Some(at(5)), "postponed");
        assert_eq!((put_off.what, put_off.due_at), (Todo::PutOff(words("postponed")), at(30)));
        let handed = next(None, None, "won");
        assert_eq!((handed.role, handed.due_at), ("delivery", at(2)));
        assert_eq!(next_action(None, None, None, at(0)), None);
    }
}
