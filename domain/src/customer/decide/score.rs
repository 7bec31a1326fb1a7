//! What follows from a score: it is recorded, and where a rep gets the lead by it, the lead is that rep's.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::ScoreByModel;
use crate::customer::event::{CustomerEvent, Occasion, OwnerChanged, Scored, Scorer};
use crate::customer::state::Customer;
use crate::intake::{Assignment, LeadFacts, Score, Weights, score};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Owner, Personal};

/// What intake comes to for a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intaken {
    /// The score.
    pub score: Score,
    /// The version of the weights; 0 for those that hold where none were set.
    pub weights_version: u32,
    /// To whom it goes, where it goes to somebody.
    pub assignment: Option<Assignment>,
}

/// What is recorded of a lead that is scored, beside its registration or its touch. `owner` is whose it is until then.
pub fn scored(intaken: &Intaken, owner: &Owner, effective_at: DateTime<Utc>) -> Vec<NewEvent> {
    let Intaken { score, weights_version, assignment } = intaken;
    let at = |event| NewEvent { event, effective_at };
    let told = at(CustomerEvent::Scored(Scored {
        score: score.points.into(),
        by: Scorer::Intake { weights_version: *weights_version },
        reasons: score.reasons.clone(),
        assignment: assignment.clone(),
        explanation: None,
    }));
    let given = assignment.as_ref().map(|assignment| {
        at(CustomerEvent::OwnerChanged(OwnerChanged {
            from: owner.clone(),
            to: Owner::Rep(assignment.rep.clone()),
            reason: Personal::Clear(format!("score {}", score.points)),
            occasion: Some(Occasion::Auto),
            grace_until: None,
            text: None,
        }))
    });
    std::iter::once(told).chain(given).collect()
}

/// The score of a known customer once a lead of it has come in again, where that is higher than it was. Of the ways in the best
/// one counts.
pub fn raised(
    customer: &Customer,
    weights: &Weights,
    source: Option<&str>,
    channel: Option<&str>,
) -> Option<Score> {
    let facts = |source: Option<String>, channel: Option<String>| LeadFacts {
        has_contact: !customer.contact_kinds.is_empty(),
        contacts: customer.contact_kinds.clone(),
        fields: customer.fields.iter().cloned().collect(),
        source,
        channel,
        touches: customer.touches + 1,
    };
    let first = score(weights, &facts(customer.source.clone(), customer.channel.clone()));
    let now = score(weights, &facts(source.map(str::to_owned), channel.map(str::to_owned)));
    let best = if now.points > first.points { now } else { first };
    (best.points > customer.score.unwrap_or_default()).then_some(best)
}

/// A model outside gives a score.
pub(super) fn decide(
    customer: &Customer,
    command: &ScoreByModel,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let limit = Decimal::from(1_000_000_000_u32);
    Refusal::require_all([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        guard::line("model", &command.model, guard::MAX_ID_CHARS),
        guard::line("version", &command.version, guard::MAX_ID_CHARS),
        guard::optional_text("explanation", command.explanation.as_deref()),
        require(command.score.abs() < limit && command.score.scale() <= 9, || {
            Violation::new(
                Code::InvalidValue,
                "score",
                Label::new(
                    "分数须小于十亿，最多九位小数。",
                    "A score must be less than 10^9, with at most 9 decimal places.",
                ),
                Label::new("例如 0.83。", "For example: 0.83."),
            )
        }),
    ])?;
    let event = CustomerEvent::Scored(Scored {
        score: command.score,
        by: Scorer::Model { name: command.model.clone(), version: command.version.clone() },
        reasons: Vec::new(),
        assignment: None,
        explanation: command.explanation.clone().map(Personal::Clear),
    });
    Ok(vec![NewEvent { event, effective_at: context.effective_at() }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{LeadTouched, Registered};
    use crate::intake::Intake;

    fn touched() -> CustomerEvent {
        let (source, channel, recognised_by, note) = (None, None, vec!["phone".to_owned()], None);
        CustomerEvent::LeadTouched(LeadTouched { source, channel, recognised_by, note })
    }

    fn lead(source: &str) -> CustomerEvent {
        CustomerEvent::Registered(Registered { source: Some(source.to_owned()), ..registered() })
    }

    #[test]
    fn a_high_lead_is_recorded_with_its_reasons_and_is_the_reps() {
        let assignment = Assignment {
            rep: "li".to_owned(),
            method: crate::intake::Method::RoundRobin,
            rule: None,
            team: None,
            instead_of: None,
        };
        let score = Score { points: 70, reasons: Vec::new() };
        let pool = Owner::Pool("lead_pool".to_owned());
        let high = Intaken { score: score.clone(), weights_version: 0, assignment: Some(assignment) };
        let events = scored(&high, &pool, day(1));
        let after = given(std::iter::once(in_the_pool()).chain(events.into_iter().map(|new| new.event)));
        let customer = after.customer.unwrap();
        assert_eq!((customer.score, customer.owner), (Some(70), Owner::Rep("li".to_owned())));
        let low = Intaken { assignment: None, score, weights_version: 0 };
        assert_eq!(scored(&low, &pool, day(1)).len(), 1);
    }

    #[test]
    fn a_touch_raises_the_score_and_never_lowers_it() {
        let weights = Intake::default().weights;
        let customer = given([lead("ads")]).customer.unwrap();
        assert_eq!(raised(&customer, &weights, None, None).unwrap().points, 20);
        assert_eq!(raised(&customer, &weights, Some("referral"), None).unwrap().points, 50);
        let scored_before = scored(
            &Intaken {
                score: Score { points: 50, reasons: Vec::new() },
                weights_version: 0,
                assignment: None,
            },
            &Owner::Pool("p".to_owned()),
            day(1),
        );
        let known = given([lead("ads"), touched(), scored_before[0].event.clone()]).customer.unwrap();
        assert_eq!(raised(&known, &weights, None, None), None);
    }

    #[test]
    fn a_models_score_is_kept_with_its_name_and_version_and_changes_no_score_of_intake() {
        let command = ScoreByModel {
            model: "churn".to_owned(),
            version: "2026.11".to_owned(),
            score: "0.83".parse().unwrap(),
            explanation: None,
        };
        let event = given([registered_by_li()]).when(command.clone()).event().event;
        assert_eq!(given([registered_by_li(), event]).customer.unwrap().score, None);
        let huge = ScoreByModel { score: Decimal::from(1_000_000_000_u32), ..command };
        given([registered_by_li()]).when(huge).refuses([Code::InvalidValue]);
    }
}
