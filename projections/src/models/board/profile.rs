//! What else is known of a customer, readable.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use waymark_domain::customer::event::{ChannelId, Contract, Money, Profile, Scored, Scorer};
use waymark_domain::intake::{Assignment, ScoreReason};
use waymark_domain::{Personal, ProfileTexts};

use crate::stats::Micros;

/// How many scores of one customer are shown. The log has them all.
const SCORES: usize = 20;

use super::expected_close::KnownClose;

/// What else is known of a customer, readable.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(super) struct ClearProfile {
    pub(super) credit_code: Option<String>,
    pub(super) channel_ids: Vec<(String, String)>,
    /// The plain texts, each a member by its name.
    #[serde(flatten, serialize_with = "ProfileTexts::serialize_all")]
    pub(super) texts: ProfileTexts,
    pub(super) contract: Option<Contract>,
    pub(super) delivered_on: Option<NaiveDate>,
    pub(super) postponed_until: Option<NaiveDate>,
    /// When it is expected to close, or was until that was withdrawn.
    pub(super) expected_close: Option<KnownClose>,
    pub(super) won_amount: Option<Money>,
    pub(super) satisfaction: Option<u8>,
    /// The last score of each scorer, intake's first.
    pub(super) scores: Vec<ClearScore>,
    /// The warning that it may be lost.
    pub(super) risk: Option<ClearRisk>,
}

/// A warning, readable.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct ClearRisk {
    pub(super) reason: Option<String>,
    pub(super) by: String,
    pub(super) since: Micros,
}

/// A score, readable.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct ClearScore {
    pub(super) by: Scorer,
    pub(super) score: Decimal,
    pub(super) reasons: Vec<ScoreReason>,
    pub(super) assignment: Option<Assignment>,
    pub(super) explanation: Option<String>,
    pub(super) at: Micros,
}

impl ClearProfile {
    /// When the contract ends, and what a deal won in part has brought: their changes are kept beside the traits'.
    pub(super) fn deal(&self) -> (Option<NaiveDate>, Option<Money>) {
        (self.contract.and_then(|contract| contract.ends_on), self.won_amount.clone())
    }

    /// Takes a score in the place of the last one of the same scorer, whatever version of it gave that.
    pub(super) fn scored(&mut self, said: &Scored, at: Micros) {
        let same = |held: &ClearScore| match (&held.by, &said.by) {
            (Scorer::Intake { .. }, Scorer::Intake { .. }) => true,
            (Scorer::Model { name, .. }, Scorer::Model { name: other, .. }) => name == other,
            _ => false,
        };
        let before = self.scores.iter().position(same).map(|place| self.scores.remove(place));
        let assignment = said.assignment.clone().or_else(|| before.and_then(|before| before.assignment));
        let place = if matches!(said.by, Scorer::Intake { .. }) { 0 } else { self.scores.len() };
        self.scores.insert(
            place,
            ClearScore {
                by: said.by.clone(),
                score: said.score,
                reasons: said.reasons.clone(),
                assignment,
                explanation: clear(&said.explanation),
                at,
            },
        );
        self.scores.truncate(SCORES);
    }

    /// The score by the rules of intake.
    pub(super) fn intake_score(&self) -> Option<&ClearScore> {
        self.scores.first().filter(|held| matches!(held.by, Scorer::Intake { .. }))
    }

    /// Sets what an event says, and takes away what it clears.
    pub(super) fn learn(&mut self, said: Option<&Profile>) {
        fn set<T: Clone>(held: &mut Option<T>, name: &str, said: &Profile, new: &Option<T>) {
            if new.is_some() || said.cleared.iter().any(|cleared| cleared == name) {
                held.clone_from(new);
            }
        }
        let Some(said) = said else { return };
        set(&mut self.credit_code, "credit_code", said, &clear(&said.credit_code));
        self.texts.learn(&said.texts, |name| said.cleared.iter().any(|cleared| cleared == name));
        set(&mut self.contract, "contract", said, &said.contract);
        set(&mut self.delivered_on, "delivered_on", said, &said.delivered_on);
        set(&mut self.postponed_until, "postponed_until", said, &said.postponed_until);
        if let Some(on) = said.expected_close_on {
            self.expected_close = Some(KnownClose::said(self.expected_close.take(), on, said));
        } else if said.cleared.iter().any(|cleared| cleared == "expected_close_on") {
            self.expected_close.iter_mut().for_each(KnownClose::withdraw);
        }
        set(&mut self.won_amount, "won_amount", said, &said.won_amount);
        set(&mut self.satisfaction, "satisfaction", said, &said.satisfaction);
        if let Some(ids) = &said.channel_ids {
            let clear = |held: &ChannelId| Some((held.channel.clone(), held.id.clear()?.clone()));
            self.channel_ids = ids.iter().filter_map(clear).collect();
        }
    }
}

/// A personal value, readable; none where it is sealed or was never given.
pub(super) fn clear<T: Clone>(personal: &Option<Personal<T>>) -> Option<T> {
    personal.as_ref().and_then(Personal::clear).cloned()
}
