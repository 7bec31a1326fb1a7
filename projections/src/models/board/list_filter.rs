//! Which customers a list shows, and what of a customer decides about that.

use std::collections::BTreeSet;

use serde::Deserialize;
use utoipa::ToSchema;
use waymark_domain::people::Visibility;
use waymark_domain::search::SearchTerms;
use waymark_domain::{Owner, ProfileTexts};

use crate::query::{AnyOf, ProfileFilter, has_texts};

/// The order of a list. Of those who are equal, the one comes first that was registered first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListOrder {
    /// In order of registration.
    #[default]
    Registered,
    /// By tier, then by amount, the largest first.
    Value,
    /// By when the customer goes back to its pool, the soonest first, and last those that no rule takes away.
    RemainingOwnership,
}

/// Which customers a list shows. All that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerFilter {
    /// The id in another system, exactly. Only with it are merged customers listed, too.
    pub external_id: Option<String>,
    /// Whose they are.
    pub owner: Option<Owner>,
    /// The pipeline, by its key, of which they have a journey: `stage` and `sub_status` are then of that journey.
    pub pipeline: Option<String>,
    /// The stage that one of their journeys stands in.
    pub stage: Option<AnyOf>,
    /// The sub-status that one of their journeys stands in.
    pub sub_status: Option<AnyOf>,
    /// A label they carry.
    pub tag: Option<AnyOf>,
    /// The texts of the profile.
    pub texts: ProfileFilter,
    /// The value tier.
    pub tier: Option<AnyOf>,
    /// Where the lead came from.
    pub source: Option<AnyOf>,
    /// Through which channel.
    pub channel: Option<AnyOf>,
    /// Whose they are: any of these reps.
    pub reps: Option<BTreeSet<String>>,
    /// Words of the name and of the id in another system, or a whole contact.
    pub q: Option<SearchTerms>,
    /// Only those whom somebody warned of, or only the others.
    pub at_risk: Option<bool>,
    /// In which order.
    pub order: ListOrder,
    /// Which customers are visible to the caller. It does not judge merged ones, which are seen where they go on.
    pub visibility: Visibility,
}

/// What filters look at, without what is a customer's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ListTraits {
    pub(super) owner: Owner,
    pub(super) tier: Option<String>,
    pub(super) source: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) texts: ProfileTexts,
    pub(super) at_risk: bool,
    pub(super) is_merged: bool,
    pub(super) is_withdrawn: bool,
    pub(super) is_erased: bool,
    /// Where its journeys stand.
    pub(super) standings: Vec<Standing>,
}

/// Where a journey stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Standing {
    pub(super) pipeline: String,
    pub(super) stage: String,
    pub(super) sub_status: Option<String>,
}

impl CustomerFilter {
    /// Whether customers with these traits are shown, as far as traits decide that: by id and by words is looked for apart.
    pub(super) fn lets_through(&self, traits: &ListTraits) -> bool {
        fn is(wanted: &Option<AnyOf>, held: Option<&String>) -> bool {
            wanted.as_ref().is_none_or(|wanted| held.is_some_and(|held| wanted.contains(held)))
        }
        let of_the_pipeline = |at: &&Standing| self.pipeline.as_ref().is_none_or(|key| at.pipeline == *key);
        let any_journey = |wanted: &Option<AnyOf>, of: fn(&Standing) -> Option<&String>| {
            let mut journeys = traits.standings.iter().filter(of_the_pipeline);
            wanted.is_none() || journeys.any(|journey| is(wanted, of(journey)))
        };
        let is_there = self.pipeline.is_none() || traits.standings.iter().any(|at| of_the_pipeline(&at));
        let of_a_rep = |reps: &BTreeSet<String>| match &traits.owner {
            Owner::Rep(rep) => reps.contains(rep),
            Owner::Pool(_) => false,
        };
        let labelled = |tag: &AnyOf| traits.tags.iter().any(|held| tag.contains(held));
        // Who looks a customer up by its id elsewhere learns where it goes on.
        let is_gone = traits.is_withdrawn || traits.is_erased;
        let is_listed = self.external_id.is_some() || !traits.is_merged && !is_gone;
        is_listed
            && (traits.is_merged || self.visibility.is_visible(traits.texts.region(), &traits.owner))
            && self.owner.as_ref().is_none_or(|owner| traits.owner == *owner)
            && self.reps.as_ref().is_none_or(of_a_rep)
            && is_there
            && any_journey(&self.stage, |at| Some(&at.stage))
            && any_journey(&self.sub_status, |at| at.sub_status.as_ref())
            && self.tag.as_ref().is_none_or(labelled)
            && has_texts(&self.texts, &traits.texts)
            && is(&self.tier, traits.tier.as_ref())
            && is(&self.source, traits.source.as_ref())
            && is(&self.channel, traits.channel.as_ref())
            && self.at_risk.is_none_or(|at_risk| traits.at_risk == at_risk)
    }
}
