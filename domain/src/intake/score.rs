//! How much a lead promises: the sum of the factors that hold, from 0 to 100.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{MAX_SCORE, Weights};
use crate::customer::event::ContactKind;

/// What a score looks at in a lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFacts {
    /// Whether a way to reach the person is known.
    pub has_contact: bool,
    /// The kinds of contacts that are known.
    pub contacts: BTreeSet<ContactKind>,
    /// The custom fields that have a value.
    pub fields: Vec<String>,
    /// Where the lead came from.
    pub source: Option<String>,
    /// Through which channel.
    pub channel: Option<String>,
    /// How often the person came again.
    pub touches: u32,
}

/// One factor that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreReason {
    /// `contact`, `product`, `channel`, `field` or `touches`.
    pub factor: String,
    /// What of it: the kind of contact where that adds something, the source or channel, the field, or how many touches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What it adds.
    pub points: u32,
}

/// A score with its reasons, which add up to it unless they pass the highest one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Score {
    /// From 0 to 100.
    pub points: u32,
    /// What it is made of.
    pub reasons: Vec<ScoreReason>,
}

/// The score of a lead.
pub fn score(weights: &Weights, lead: &LeadFacts) -> Score {
    let reason = |factor: &str, detail: Option<String>, points: u32| {
        (points > 0).then(|| ScoreReason { factor: factor.to_owned(), detail, points })
    };
    let contact = lead.has_contact.then(|| reason("contact", None, weights.contact)).flatten();
    let kinds = lead.contacts.iter().filter_map(|kind| {
        let kind = kind.as_str();
        reason("contact", Some(kind.to_owned()), weights.contacts.get(kind).copied().unwrap_or_default())
    });
    let chosen = lead.fields.iter().find(|field| weights.product_fields.contains(*field));
    let product = chosen.and_then(|field| reason("product", Some(field.clone()), weights.product));
    // A lead has one way in: of source and channel the better one counts.
    let worth = |name: &String| Some((weights.of_channel(name)?, name.clone()));
    let best = [&lead.channel, &lead.source].into_iter().flatten().filter_map(worth).max();
    let channel = best.and_then(|(points, name)| reason("channel", Some(name), points));
    let fields = lead.fields.iter().filter_map(|field| {
        reason("field", Some(field.clone()), weights.fields.get(field).copied().unwrap_or_default())
    });
    let again = lead.touches.saturating_mul(weights.touch).min(MAX_SCORE);
    let touches = reason("touches", Some(lead.touches.to_string()), again);
    let others = [product, channel].into_iter().flatten().chain(fields).chain(touches);
    let reasons: Vec<ScoreReason> = contact.into_iter().chain(kinds).chain(others).collect();
    let points = reasons.iter().fold(0_u32, |sum, one| sum.saturating_add(one.points)).min(MAX_SCORE);
    Score { points, reasons }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::intake::Intake;

    fn lead(contact: bool, product: bool, source: Option<&str>, touches: u32) -> LeadFacts {
        LeadFacts {
            has_contact: contact,
            contacts: BTreeSet::new(),
            fields: product.then(|| "product".to_owned()).into_iter().collect(),
            source: source.map(str::to_owned),
            channel: None,
            touches,
        }
    }

    #[test]
    fn contact_product_and_channel_add_up_and_touches_raise() {
        let points = |lead: LeadFacts| score(&Intake::default().weights, &lead).points;
        assert_eq!(points(lead(false, false, None, 0)), 0);
        assert_eq!(points(lead(true, false, None, 0)), 30);
        assert_eq!(points(lead(true, true, None, 0)), 60);
        assert_eq!(points(lead(true, false, Some("referral"), 0)), 70);
        assert_eq!(points(lead(true, true, Some("referral"), 0)), 100);
        assert_eq!(points(lead(true, false, Some("nowhere"), 2)), 50);
        assert_eq!(points(lead(true, true, Some("referral"), 9)), 100);
    }

    #[test]
    fn each_kind_of_contact_adds_what_it_is_worth_beside() {
        let mut weights = Intake::default().weights;
        weights.contacts = [("phone".to_owned(), 15), ("wechat".to_owned(), 5)].into();
        let scored = |kinds: &[ContactKind]| {
            let contacts: BTreeSet<ContactKind> = kinds.iter().copied().collect();
            score(&weights, &LeadFacts { contacts, ..lead(true, false, None, 0) })
        };
        assert_eq!(scored(&[]).points, 30);
        assert_eq!(scored(&[ContactKind::Email]).points, 30);
        let both = scored(&[ContactKind::Wechat, ContactKind::Phone]);
        assert_eq!(both.points, 50);
        let details: Vec<_> = both.reasons.iter().map(|one| (one.detail.as_deref(), one.points)).collect();
        assert_eq!(details, [(None, 30), (Some("phone"), 15), (Some("wechat"), 5)]);
    }

    #[test]
    fn a_channel_is_the_same_in_small_and_capital_letters_with_hyphens_and_underscores() {
        let weights = Intake::default().weights;
        let points = |source: &str| score(&weights, &lead(true, false, Some(source), 0)).points;
        for one in ["mini_program", "mini-program", "Mini Program", "WeChat", "wechat", "Website"] {
            assert_eq!(points(one), 60, "{one}");
        }
        assert_eq!(points("miniprogram"), 30);
        let own = Weights { channels: [("Ads".to_owned(), 5), ("ads".to_owned(), 7)].into(), ..weights };
        assert_eq!(own.of_channel("Ads"), Some(5), "a name that is there as it stands counts");
    }

    #[test]
    fn of_source_and_channel_the_better_one_counts_and_is_named() {
        let both = LeadFacts {
            channel: Some("ads".into()),
            source: Some("referral".into()),
            ..LeadFacts::default()
        };
        let scored = score(&Intake::default().weights, &both);
        assert_eq!((scored.points, scored.reasons[0].detail.as_deref()), (40, Some("referral")));
    }

    proptest! {
        #[test]
        fn reasons_add_up_and_more_is_never_worth_less(contact: bool, product: bool, known: bool, touches in 0_u32..30) {
            let weights = Intake::default().weights;
            let one = score(&weights, &lead(contact, product, known.then_some("ads"), touches));
            let sum: u32 = one.reasons.iter().map(|reason| reason.points).sum();
            prop_assert_eq!(one.points, sum.min(MAX_SCORE));
            let more = score(&weights, &lead(true, true, Some("referral"), touches + 1));
            prop_assert!(more.points >= one.points);
        }
    }
}
