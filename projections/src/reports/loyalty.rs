//! Who buys again, and what those customers have in common.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::event::{PointsKind, TransactionKind};
use waymark_domain::{Owner, ProfileField};
use waymark_eventstore::Position;

use super::page::{Page, Pages};
use super::{ShareReport, Span, journeys, known, names, pasts};
use crate::board::MoneyReport;
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board;
use crate::models::board::purchases::{self, Account, Bought};
use crate::models::board::versions::{self, CustomerVersion};
use crate::models::dwell::Window;
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::{Micros, quantile, seconds};

/// What is asked about loyal customers.
#[derive(Debug, Clone)]
pub struct LoyaltyQuery {
    /// The two times.
    pub at: AsOf,
    /// When purchases count.
    pub window: Window,
    /// Whose customers.
    pub filter: CohortFilter,
    /// What counts as a purchase.
    pub kind: TransactionKind,
    /// From how many purchases on a customer is loyal.
    pub min_count: usize,
    /// Which page of the customers.
    pub pages: Pages,
}

/// A loyal customer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LoyalCustomer {
    /// The customer.
    pub customer_id: Uuid,
    /// What it is called; null when never given, erased, or not for the caller to read.
    pub name: Option<String>,
    /// How many purchases.
    pub purchases: usize,
    /// What they are worth, by currency.
    pub amounts: Vec<MoneyReport>,
    /// When the first one was.
    pub first_at: DateTime<Utc>,
    /// When the last one was.
    pub last_at: DateTime<Utc>,
    /// The points that it may spend at the instant asked about.
    pub points: i64,
    /// How many customers came by its recommendation.
    pub referrals: usize,
}

/// How often something is true of loyal customers, beside the other buyers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TraitReport {
    /// What, such as `wechat` of `source`.
    pub value: String,
    /// How many loyal customers it is true of.
    pub loyal: usize,
    /// Their share of the loyal.
    pub share: Option<ShareReport>,
    /// How many other buyers it is true of.
    pub others: usize,
    /// Their share of the other buyers.
    pub others_share: Option<ShareReport>,
    /// How many times as frequent it is among the loyal as among the other buyers; null where it is true of none of these.
    pub lift: Option<f64>,
}

/// What the loyal are like in one respect.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProfileReport {
    /// The respect: `stage`, `tier`, `source`, `channel`, {texts that reports look at}, `tag` or `owner`.
    pub by: String,
    /// What was found, the most frequent among the loyal first.
    pub values: Vec<TraitReport>,
}

/// What was given as a reward, or for points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RewardReport {
    /// What.
    pub reward: String,
    /// How often.
    pub count: usize,
}

/// The points of the programme in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProgrammeReport {
    /// How many points were added.
    pub earned: i64,
    /// How many were spent.
    pub spent: i64,
    /// How many may be spent at the instant asked about.
    pub balance: i64,
    /// What was given.
    pub rewards: Vec<RewardReport>,
    /// How many customers came by recommendation.
    pub referrals: usize,
    /// How many of these have bought.
    pub referred_buyers: usize,
}

/// Who buys again.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LoyaltyReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// From when on purchases count; null for all.
    pub from: Option<DateTime<Utc>>,
    /// Until when, itself not counted, unless it is the instant asked about and no earlier end was given.
    pub to: DateTime<Utc>,
    /// What counts as a purchase.
    pub kind: String,
    /// From how many purchases on a customer is loyal.
    pub min_count: usize,
    /// How many customers have bought.
    pub buyers: usize,
    /// How many of them are loyal.
    pub loyal: usize,
    /// Their share of the buyers.
    pub share: Option<ShareReport>,
    /// What all buyers' purchases are worth, by currency.
    pub amounts: Vec<MoneyReport>,
    /// What those of the loyal are worth.
    pub loyal_amounts: Vec<MoneyReport>,
    /// The median time between two purchases of a loyal customer.
    pub median_seconds_between: Option<f64>,
    /// The points of the programme, of all customers that the question is about.
    pub programme: ProgrammeReport,
    /// What the loyal have in common.
    pub profile: Vec<ProfileReport>,
    /// The loyal customers, those with the most purchases first.
    pub customers: Page<LoyalCustomer>,
    /// The times between two purchases of a loyal customer, sorted, for comparisons.
    #[serde(skip)]
    pub(crate) between: Vec<Micros>,
}

/// A customer that has bought in the window.
struct Buyer<'a> {
    customer: Uuid,
    account: &'a Account,
    bought: Vec<&'a Bought>,
}

impl ReportSnapshot {
    /// Who buys again, and what those customers have in common.
    ///
    /// # Errors
    /// When the database fails, or the cursor is none.
    pub async fn loyalty(&mut self, definition: &Definition, query: &LoyaltyQuery) -> Result<LoyaltyReport> {
        let snapshot = &mut self.0;
        let LoyaltyQuery { at, window, filter, kind, min_count, pages } = query;
        let known = known(snapshot, at).await?;
        let pipeline = &definition.pipeline.key;
        let journeys = journeys(snapshot, pipeline, at, known, filter).await?;
        let pasts = pasts(snapshot, known).await?;
        snapshot.switch_model(board::NAME).await?;
        let accounts = purchases::load(snapshot, known, at.micros()).await?;
        let span = Span::of(window, at);
        let stages = journeys.journeys(at.micros()).filter_map(|(journey, records)| {
            let there = journeys.ended(journey, at.micros()).is_none();
            let stage = records.last().filter(|_| there)?.stage;
            Some((journeys.customer(journey), journeys.stages.text(stage)))
        });
        let stages: BTreeMap<Uuid, &str> = stages.collect();
        let of_pipeline = |customer: &Uuid| stages.contains_key(customer);
        let buyers: Vec<Buyer<'_>> = accounts
            .iter()
            .filter(|(customer, _)| of_pipeline(customer))
            .filter_map(|(customer, account)| {
                let bought: Vec<&Bought> = account.counting(*kind).filter(|one| span.holds(one.at)).collect();
                (!bought.is_empty()).then_some(Buyer { customer: *customer, account, bought })
            })
            .collect();
        let (mut loyal, others): (Vec<_>, Vec<_>) =
            buyers.into_iter().partition(|buyer| buyer.bought.len() >= *min_count);
        loyal.sort_by_key(|buyer| buyer.customer);
        let traits = |buyer: &Buyer<'_>| {
            let past = pasts.get(&buyer.customer).map_or(&[][..], Vec::as_slice);
            traits_of(versions::at(past, at.micros()).or(past.first()), stages.get(&buyer.customer).copied())
        };
        let programme_of = accounts.iter().filter(|(customer, _)| of_pipeline(customer));
        let bought: HashSet<Uuid> = loyal.iter().chain(&others).map(|buyer| buyer.customer).collect();
        let programme = programme(programme_of.map(|(_, account)| account), span, &bought);
        let amounts = |buyers: &[&Buyer<'_>]| {
            let all = buyers.iter().flat_map(|buyer| &buyer.bought).filter_map(|one| one.amount.as_ref());
            purchases::sums(all)
        };
        let all: Vec<&Buyer<'_>> = loyal.iter().chain(&others).collect();
        let mut customers = pages.of("customers", loyal.iter().map(loyal_customer).collect(), |one| {
            (-i64::try_from(one.purchases).unwrap_or(i64::MAX), one.customer_id, 0)
        })?;
        let shown: Vec<Uuid> = customers.items.iter().map(|one| one.customer_id).collect();
        let names = names(snapshot, &shown, at).await?;
        for one in &mut customers.items {
            one.name = names.get(&one.customer_id).cloned();
        }
        let between = between(&loyal);
        let seconds_between: Vec<f64> = between.iter().copied().map(seconds).collect();
        Ok(LoyaltyReport {
            pipeline: pipeline.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position: known,
            from: window.from,
            to: instant(window.end(at)),
            kind: kind.as_str().to_owned(),
            min_count: *min_count,
            buyers: all.len(),
            loyal: loyal.len(),
            share: ShareReport::of_counts(loyal.len(), all.len()),
            amounts: amounts(&all),
            loyal_amounts: amounts(&loyal.iter().collect::<Vec<_>>()),
            median_seconds_between: quantile::continuous(&seconds_between, 0.5),
            programme,
            profile: profile(
                &loyal.iter().map(traits).collect::<Vec<_>>(),
                &others.iter().map(traits).collect::<Vec<_>>(),
            ),
            customers,
            between,
        })
    }
}

impl LoyaltyReport {
    /// Takes the customers' names away.
    pub fn unname(&mut self) {
        for one in &mut self.customers.items {
            one.name = None;
        }
    }
}

fn loyal_customer(buyer: &Buyer<'_>) -> LoyalCustomer {
    let at = |one: Option<&&Bought>| instant(one.map_or(0, |one| one.at));
    LoyalCustomer {
        customer_id: buyer.customer,
        name: None,
        purchases: buyer.bought.len(),
        amounts: purchases::sums(buyer.bought.iter().filter_map(|one| one.amount.as_ref())),
        first_at: at(buyer.bought.first()),
        last_at: at(buyer.bought.last()),
        points: buyer.account.balance(),
        referrals: buyer.account.entries.iter().filter(|one| one.referred.is_some()).count(),
    }
}

/// The times between two purchases that follow one another, sorted.
fn between(loyal: &[Buyer<'_>]) -> Vec<Micros> {
    let pairs = loyal.iter().flat_map(|buyer| buyer.bought.windows(2));
    let mut between: Vec<Micros> = pairs.map(|pair| pair[1].at - pair[0].at).collect();
    between.sort_unstable();
    between
}

fn programme<'a>(
    accounts: impl Iterator<Item = &'a Account>,
    span: Span,
    bought: &HashSet<Uuid>,
) -> ProgrammeReport {
    let (mut programme, mut rewards) = (ProgrammeReport::default(), BTreeMap::<String, usize>::new());
    for account in accounts {
        programme.balance += account.balance();
        for entry in account.entries.iter().filter(|one| span.holds(one.at)) {
            match entry.kind {
                PointsKind::Spent => programme.spent -= entry.points,
                PointsKind::Earned | PointsKind::Reward | PointsKind::Referral => {
                    programme.earned += entry.points;
                }
            }
            if let Some(reward) = &entry.reward {
                *rewards.entry(reward.clone()).or_default() += 1;
            }
            if let Some(referred) = entry.referred {
                programme.referrals += 1;
                programme.referred_buyers += usize::from(bought.contains(&referred));
            }
        }
    }
    programme.rewards = rewards.into_iter().map(|(reward, count)| RewardReport { reward, count }).collect();
    programme
}

/// What a customer is like: respects and what is true in each.
type Characteristics = Vec<(&'static str, String)>;

/// The respects, in the order in which they are reported.
fn respects() -> impl Iterator<Item = &'static str> {
    let texts = ProfileField::ALL.into_iter().filter(|field| field.is_in_reports()).map(ProfileField::key);
    ["stage", "tier", "source", "channel"].into_iter().chain(texts).chain(["tag", "owner"])
}

fn traits_of(then: Option<&CustomerVersion>, stage: Option<&str>) -> Characteristics {
    let mut traits: Characteristics = stage.map(|stage| ("stage", stage.to_owned())).into_iter().collect();
    let Some(then) = then else { return traits };
    let owner = match &then.owner {
        Owner::Rep(rep) => Some(format!("rep:{rep}")),
        Owner::Pool(_) => None,
    };
    let texts = then.texts.iter().map(|(field, text)| (field.key(), text));
    let others =
        [("tier", &then.tier), ("source", &then.source), ("channel", &then.channel), ("owner", &owner)];
    for (respect, value) in others.into_iter().chain(texts) {
        traits.extend(value.clone().map(|value| (respect, value)));
    }
    traits.extend(then.tags.iter().map(|tag| ("tag", tag.clone())));
    traits
}

fn profile(loyal: &[Characteristics], others: &[Characteristics]) -> Vec<ProfileReport> {
    let mut counts: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for (respect, value) in loyal.iter().flatten() {
        counts.entry((respect, value)).or_default().0 += 1;
    }
    for (respect, value) in others.iter().flatten() {
        counts.entry((respect, value)).or_default().1 += 1;
    }
    let trait_report = |(&(_, value), &(held, among_others)): (&(&str, &str), &(usize, usize))| {
        let share = ShareReport::of_counts(held, loyal.len());
        let others_share = ShareReport::of_counts(among_others, others.len());
        let lift = share.zip(others_share.filter(|share| share.share > 0.0));
        TraitReport {
            value: value.to_owned(),
            loyal: held,
            share,
            others: among_others,
            others_share,
            lift: lift.map(|(share, others)| share.share / others.share),
        }
    };
    let of_respect = |respect: &'static str| {
        let mut values: Vec<TraitReport> =
            counts.iter().filter(|((by, _), _)| *by == respect).map(trait_report).collect();
        values.sort_by(|a, b| b.loyal.cmp(&a.loyal).then_with(|| a.value.cmp(&b.value)));
        ProfileReport { by: respect.to_owned(), values }
    };
    respects().map(of_respect).filter(|one| !one.values.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_loyal_have_in_common_stands_beside_the_other_buyers() {
        let vip = || vec![("tier", "VIP".to_owned()), ("source", "referral".to_owned())];
        let plain = || vec![("tier", "B".to_owned()), ("source", "referral".to_owned())];
        let found = profile(&[vip(), vip(), plain()], &[plain(), plain()]);
        assert_eq!(found.iter().map(|one| one.by.as_str()).collect::<Vec<_>>(), ["tier", "source"]);
        let tier = &found[0].values;
        assert_eq!(
            (tier[0].value.as_str(), tier[0].loyal, tier[0].others, tier[0].lift),
            ("VIP", 2, 0, None)
        );
        assert_eq!((tier[1].loyal, tier[1].others, tier[1].lift), (1, 2, Some(1.0 / 3.0)));
        assert_eq!(found[1].values[0].lift, Some(1.0));
    }
}
