//! Boards of the past as they were made before they were kept: a fold of every journey and of all that was known of everybody,
//! which tests take for the truth.

use std::collections::HashMap;
use std::sync::Arc;

use waymark_domain::Pipeline;

use super::card_order::{CardKey, CardOrder};
use super::cards::{BoardQuery, BoardReport, StageNaming, report};
use super::found_by::value_order;
use super::places::{CardPage, Place, Places, StageFigures, StagePlaces, middle};
use super::snapshot::BoardSnapshot;
use super::tables::NAME;
use super::{Population, versions};
use crate::error::Result;
use crate::models::dwell;
use crate::models::snapshot::Snapshot;
use crate::stats::Micros;

/// The board of a pipeline at any two times.
pub(crate) async fn cards(
    board: &mut BoardSnapshot,
    pipeline: &Pipeline,
    query: &BoardQuery,
    name: StageNaming<'_>,
) -> Result<BoardReport> {
    let places = places_then(&mut board.0, pipeline, query).await?;
    board.0.switch_model(NAME).await?;
    report(&mut board.0, pipeline, query, places, name).await
}

/// Where everybody stood, from the moves known then and what customers were like.
async fn places_then(snapshot: &mut Snapshot, pipeline: &Pipeline, query: &BoardQuery) -> Result<Places> {
    let page_of = query.pages()?;
    // As far as both read models have come.
    snapshot.switch_model(dwell::NAME).await?;
    let known = snapshot.known(&query.at);
    snapshot.switch_model(NAME).await?;
    let pasts = versions::load(snapshot, known).await?;
    let until = query.at.micros();
    let among = Population::of(snapshot, &query.filter, until, known, Some(Arc::clone(&pasts))).await?;
    snapshot.switch_model(dwell::NAME).await?;
    let journeys = dwell::load(snapshot, &pipeline.key, known).await?;
    let mut by_stage: HashMap<String, Vec<Place>> = HashMap::new();
    let mut not_started = 0;
    for (journey, records) in journeys.journeys(until) {
        let customer = journeys.customer(journey);
        if !among.holds(customer) {
            continue;
        }
        let past = pasts.get(&customer).map_or(&[][..], Vec::as_slice);
        let Some(stay) = records.iter().rev().find(|record| !record.repeat) else {
            not_started += 1;
            continue;
        };
        // A backdated journey may have begun before anything was known of the customer's owner.
        let then = versions::at(past, until).or(past.first());
        // Who was merged stands where the survivor stands, and who was erased nowhere.
        let is_seen = journeys.ended(journey, until).is_none();
        let Some(then) = then.filter(|then| is_seen && !then.merged) else { continue };
        by_stage.entry(journeys.stages.text(stay.stage).to_owned()).or_default().push(Place {
            customer,
            entered: stay.at,
            owner: then.owner.clone(),
            amount: then.amount.clone(),
            sub_status: then.sub_statuses.get(&pipeline.key).cloned(),
            tier: then.tier.clone(),
            version: stay.version.into(),
        });
    }
    let of_stage = |(stage, here): (String, Vec<Place>)| {
        let places = StagePlaces::of(here, &page_of(&stage));
        (stage, places)
    };
    Ok(Places { by_stage: by_stage.into_iter().map(of_stage).collect(), not_started })
}

impl Place {
    /// Its place in an order; nothing is known here of when anybody is due to be contacted.
    fn key(&self, order: CardOrder) -> CardKey {
        let (tier, amount) = value_order(self.tier.as_deref(), self.amount.as_ref());
        let (tier, value) = match order {
            CardOrder::Entered => (None, 0),
            CardOrder::Value => (Some(tier.into()), amount),
            CardOrder::Amount => (None, amount),
            CardOrder::NextContact => (None, Micros::MAX),
        };
        CardKey { tier, value, entered: self.entered, customer: self.customer }
    }
}

impl StagePlaces {
    /// Of everybody who stands there, in any order.
    fn of(mut here: Vec<Place>, page: &CardPage) -> Self {
        here.sort_unstable_by_key(|place| (place.entered, place.customer));
        let mut figures = StageFigures { middle: middle(&here, |place| place.entered), ..Default::default() };
        for place in &here {
            figures.count_in(place.sub_status.as_ref(), place.version, 1);
            if let Some(money) = &place.amount {
                figures.add(&money.currency, money.amount);
            }
        }
        if page.limit == 0 {
            return Self { figures, ..Self::default() };
        }
        let mut keyed: Vec<(CardKey, Place)> =
            here.into_iter().map(|place| (place.key(page.order), place)).collect();
        keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
        keyed.retain(|(key, _)| page.after.as_ref().is_none_or(|after| key > after));
        Self::page(figures, keyed.into_iter(), page)
    }
}
