//! What many cards have in common (owner, tier, labels and so on), each set of it kept once under a number.

use std::collections::HashMap;
use std::sync::Arc;

use waymark_domain::{Owner, ProfileTexts};

use super::found_by::value_order;
use super::versions::{self, CustomerVersion};
use crate::query::CohortFilter;
use crate::stats::Micros;

/// About how many bytes a set of traits takes, with its texts.
const TRAIT_BYTES: usize = 640;

/// What boards and filters look at, without what is a customer's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CardAttributes {
    pub(super) owner: Owner,
    pub(super) tier: Option<String>,
    pub(super) currency: Option<String>,
    pub(super) source: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) tags: Vec<String>,
    /// Those that reports look at.
    pub(super) texts: ProfileTexts,
    pub(super) sub_status: Option<String>,
    /// The sub-statuses of other journeys, where they count as well.
    pub(super) elsewhere: Vec<String>,
    /// The version of the pipeline.
    pub(super) version: u32,
}

/// Sets of traits by their numbers.
#[derive(Debug, Default, Clone)]
pub(super) struct TraitTable {
    numbers: HashMap<Arc<CardAttributes>, u32>,
    sets: Vec<TraitSet>,
}

/// What many cards have in common, as it is looked at.
#[derive(Debug, Clone)]
struct TraitSet {
    traits: Arc<CardAttributes>,
    version: CustomerVersion,
    /// The tier as boards are ordered by it.
    tier: Arc<str>,
}

impl TraitTable {
    /// How many sets there are.
    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    /// About how many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.sets.len() * TRAIT_BYTES
    }

    /// Whether most of them are no card's any more, of that many cards.
    pub(super) fn is_worn(&self, cards: usize) -> bool {
        self.sets.len() > 1_000 + 2 * cards
    }

    /// The number of a set, new or known.
    pub(super) fn number(&mut self, traits: CardAttributes) -> u32 {
        if let Some(number) = self.numbers.get(&traits) {
            return *number;
        }
        // A card is about a hundred bytes: there is no room for more of them.
        let number = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        let tier = value_order(traits.tier.as_deref(), None).0.into();
        let (traits, version) = (Arc::new(traits.clone()), traits.version());
        self.sets.push(TraitSet { traits: Arc::clone(&traits), version, tier });
        self.numbers.insert(traits, number);
        number
    }

    /// The set of a number.
    pub(super) fn of(&self, number: usize) -> &CardAttributes {
        &self.sets[number].traits
    }

    /// Whether who has this set passes a filter, apart from who sees it.
    pub(super) fn passes(&self, number: usize, filter: &CohortFilter) -> bool {
        let version = &self.sets[number].version;
        versions::passes(std::slice::from_ref(version), Micros::MAX, filter)
    }

    /// The tier of who has this set, as boards are ordered by it: those without one come last.
    pub(super) fn tier(&self, number: usize) -> Arc<str> {
        Arc::clone(&self.sets[number].tier)
    }
}

impl CardAttributes {
    /// What a customer with these traits is like from ever on, as filters take it.
    fn version(self) -> CustomerVersion {
        // Filters ask for the sub-statuses alone, and not of which journeys they are.
        let sub_statuses = self.sub_status.into_iter().chain(self.elsewhere).enumerate();
        CustomerVersion {
            since: Micros::MIN,
            position: 0,
            version: self.version,
            owner: self.owner,
            tier: self.tier,
            amount: None,
            source: self.source,
            channel: self.channel,
            tags: self.tags,
            texts: self.texts,
            postponed_until: None,
            merged: false,
            contract_end: None,
            won: None,
            sub_statuses: sub_statuses.map(|(number, held)| (number.to_string(), held)).collect(),
            expected_close: None,
        }
    }
}
