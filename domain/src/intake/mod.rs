//! Intake: how much a lead promises, and to whom it goes. Pure functions of what is set up and what is known of the lead.

pub mod assign;
mod check;
pub mod score;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use assign::{Assignment, Candidate, Method, assign};
pub use check::invalid;
pub use score::{LeadFacts, Score, ScoreReason, score};

/// The highest score.
pub const MAX_SCORE: u32 = 100;

/// How leads are scored and assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// What each factor is worth.
    pub weights: Weights,
    /// The score from which a lead is assigned at once; below, it waits in the lead pool.
    pub threshold: u32,
    /// To which team a lead goes: the first rule that holds. Where none does, to any rep of any team.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<AssignmentRule>,
    /// How one of a team is chosen where a rule does not say.
    #[serde(default)]
    pub method: Method,
    /// How many open customers a rep owns at most before leads go to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holding_cap: Option<u32>,
    /// The share of a rep beside others, by id; 1 where nothing is said. For the method `weighted`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<String, u32>,
}

/// What each factor of a score is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// That a way to reach the person was left.
    pub contact: u32,
    /// What a kind of it adds beside: `phone`, `email` or `wechat`. Since version 2.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contacts: BTreeMap<String, u32>,
    /// That a product of interest was chosen.
    pub product: u32,
    /// The custom fields that name such a product.
    pub product_fields: BTreeSet<String>,
    /// What a source or a channel is worth, by its name; nothing where it is not listed.
    #[serde(default)]
    pub channels: BTreeMap<String, u32>,
    /// What a custom field that is filled in is worth.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, u32>,
    /// What each further touch is worth.
    pub touch: u32,
}

impl Weights {
    /// What a source or channel is worth, whether it is written `mini_program`, `mini-program` or `Mini Program`.
    fn of_channel(&self, name: &str) -> Option<u32> {
        let same = |one: &str| one.to_lowercase().replace(['-', ' '], "_");
        let (folded, exact) = (same(name), self.channels.get(name));
        let alike =
            || self.channels.iter().find(|(known, _)| same(known) == folded).map(|(_, points)| points);
        exact.or_else(alike).copied()
    }
}

/// Which leads go to which team.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignmentRule {
    /// The rule's id, as reasons name it.
    pub id: String,
    /// The team.
    pub team: String,
    /// Any of these sources or channels; any at all when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sources: BTreeSet<String>,
    /// Any of these regions; any at all when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub regions: BTreeSet<String>,
    /// From this score on.
    #[serde(default)]
    pub min_score: u32,
    /// Up to this score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_score: Option<u32>,
    /// How one of the team is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
}

impl Default for Intake {
    /// Contact 30, product 30, a channel up to 40; high from 60 on.
    fn default() -> Self {
        let channels = [
            ("referral", 40),
            ("转介绍", 40),
            ("exhibition", 40),
            ("展会", 40),
            ("website", 30),
            ("官网", 30),
            ("wechat", 30),
            ("公众号", 30),
            ("mini_program", 30),
            ("小程序", 30),
            ("form", 20),
            ("表单", 20),
            ("event", 20),
            ("活动", 20),
            ("ads", 10),
            ("投放", 10),
        ];
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            weights: Weights {
                contact: 30,
                contacts: BTreeMap::new(),
                product: 30,
                product_fields: words(&["product", "product_interest", "产品", "意向产品"]),
                channels: channels.into_iter().map(|(name, points)| (name.to_owned(), points)).collect(),
                fields: BTreeMap::new(),
                touch: 10,
            },
            threshold: 60,
            rules: Vec::new(),
            method: Method::RoundRobin,
            holding_cap: None,
            shares: BTreeMap::new(),
        }
    }
}
