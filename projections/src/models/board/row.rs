//! Customers, cards and versions as rows.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::customer::event::Money;
use waymark_eventstore::Position;

use super::customer::{Card, Customer, TrackedAttributes};
use super::expected_close::KnownClose;
use super::found_by::bounded;
use super::plan::Plan;
use super::tables::{CardRow, CustomerRow, VersionRow};
use crate::db::Row;
use crate::error::Result;
use crate::log::history::instant;
use crate::stats::Micros;
use crate::storage::columns::{Json, TableRow as _};

/// The words under which owners stand in the tables.
pub(super) fn owner_columns(owner: &Owner) -> (&'static str, &str) {
    match owner {
        Owner::Rep(rep) => ("rep", rep),
        Owner::Pool(pool) => ("pool", pool),
    }
}

/// The owner of two columns.
pub(super) fn owner_of(kind: &str, id: String) -> Owner {
    if kind == "rep" { Owner::Rep(id) } else { Owner::Pool(id) }
}

/// The money of two columns.
pub(super) fn money_of(amount: Option<String>, currency: Option<String>) -> Option<Money> {
    let amount: Decimal = amount?.parse().ok()?;
    Some(Money { amount, currency: currency? })
}

/// Money as two columns.
fn money_columns(money: Option<&Money>) -> (Option<String>, Option<String>) {
    money.map(|money| (money.amount.to_string(), money.currency.clone())).unzip()
}

/// The customer of a row that has all of its columns; its cards have rows of their own.
pub(super) fn read_customer(row: &Row) -> Result<Customer> {
    Customer::of_row(CustomerRow::read(row)?)
}

/// A card, with its customer and pipeline.
pub(super) fn read_card(row: &Row) -> Result<(Uuid, String, Card)> {
    let row = CardRow::read(row)?;
    Ok((row.customer, row.pipeline.clone(), Card::of_row(row)))
}

impl Customer {
    /// The customer of a row; its cards have rows of their own.
    fn of_row(row: CustomerRow) -> Result<Self> {
        Ok(Self {
            id: row.customer,
            created_position: row.created_position,
            version: row.version,
            external_id: row.external_id,
            name: row.name,
            contacts: row.contacts.parse()?,
            fields: row.fields.as_ref().map(Json::parse).transpose()?,
            traits: TrackedAttributes {
                owner: owner_of(&row.owner_kind, row.owner_id),
                tier: row.tier,
                amount: money_of(row.amount, row.currency),
                source: row.source,
                channel: row.channel,
                tags: row.tags.parse()?,
                merged: row.merged_into.is_some(),
            },
            owned_since: instant(row.owned_since),
            next: row.next_at.zip(row.next_said_at).map(|(at, said_at)| Plan {
                at: instant(at),
                text: row.next_text,
                text_en: row.next_text_en,
                said_at: instant(said_at),
            }),
            erased: row.erased,
            // Its texts stand in it, too.
            profile: row.profile.parse()?,
            touches: row.touches.parse()?,
            merged_into: row.merged_into,
            withdrawn: row.withdrawn,
            documents: row.documents.parse()?,
            grace_until: row.grace_until,
            contents: row.contents.parse()?,
            distinct_from: row.distinct_from.parse()?,
            looks_since: row.looks_since,
            valid_times: row.valid_times.parse()?,
            tracked_until: row.tracked_until,
            cards: BTreeMap::new(),
        })
    }

    /// Its row.
    pub(super) fn to_row(&self) -> Result<CustomerRow> {
        let (owner_kind, owner_id) = owner_columns(&self.traits.owner);
        let (amount, currency) = money_columns(self.traits.amount.as_ref());
        let next = self.next.as_ref();
        Ok(CustomerRow {
            customer: self.id,
            created_position: self.created_position,
            version: self.version,
            external_id: self.external_id.clone(),
            name: self.name.clone(),
            contacts: Json::of(&self.contacts)?,
            fields: self.fields.as_ref().map(Json::of).transpose()?,
            owner_kind: owner_kind.to_owned(),
            owner_id: owner_id.to_owned(),
            owned_since: self.owned_since.timestamp_micros(),
            tier: self.traits.tier.clone(),
            amount,
            currency,
            source: self.traits.source.clone(),
            channel: self.traits.channel.clone(),
            tags: Json::of(&self.traits.tags)?,
            next_at: next.map(|plan| plan.at.timestamp_micros()),
            next_text: next.and_then(|plan| plan.text.clone()),
            next_text_en: next.and_then(|plan| plan.text_en.clone()),
            next_said_at: next.map(|plan| plan.said_at.timestamp_micros()),
            erased: self.erased,
            profile: Json::of(&self.profile)?,
            texts: self.profile.texts.clone(),
            touches: Json::of(&self.touches)?,
            merged_into: self.merged_into,
            withdrawn: self.withdrawn,
            documents: Json::of(&self.documents)?,
            grace_until: self.grace_until,
            contents: Json::of(&self.contents)?,
            distinct_from: Json::of(&self.distinct_from)?,
            looks_since: self.looks_since,
            search_text: self.search_text(),
            tier_order: self.value_order().0,
            value_order: self.value_order().1,
            at_risk: self.profile.risk.is_some(),
            valid_times: Json::of(&self.valid_times)?,
            tracked_until: self.tracked_until,
            search_contacts: self.search_contacts().iter().map(|contact| bounded(contact)).collect(),
        })
    }

    /// The row of what it is like from an instant on, as known from a position on.
    pub(super) fn version_row(&self, since: Micros, position: Position) -> Result<VersionRow> {
        let (owner_kind, owner_id) = owner_columns(&self.traits.owner);
        let (amount, currency) = money_columns(self.traits.amount.as_ref());
        let (contract_end, won) = self.profile.deal();
        let (won_amount, won_currency) = money_columns(won.as_ref());
        let close = self.profile.expected_close.as_ref().and_then(KnownClose::kept);
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string());
        Ok(VersionRow {
            customer: self.id,
            position,
            effective_at: since,
            owner_kind: owner_kind.to_owned(),
            owner_id: owner_id.to_owned(),
            tier: self.traits.tier.clone(),
            amount,
            currency,
            source: self.traits.source.clone(),
            channel: self.traits.channel.clone(),
            tags: Json::of(&self.traits.tags)?,
            version: self.pipeline_version(),
            merged: self.traits.merged,
            texts: self.profile.texts.in_reports(),
            postponed_until: day(self.profile.postponed_until),
            contract_end: day(contract_end),
            won_amount,
            won_currency,
            sub_statuses: Json::of(&self.sub_statuses())?,
            expected_close: day(close.map(|close| close.on)),
            close_original: day(close.map(|close| close.original)),
            close_pushes: close.map_or(0, |close| close.pushes),
        })
    }
}

impl Card {
    /// The card of a row.
    fn of_row(row: CardRow) -> Self {
        Self {
            pipeline_version: row.pipeline_version,
            cycle: row.cycle,
            stage: row.stage,
            sub_status: row.sub_status,
            entered_at: row.entered_at,
            last_at: row.last_at,
            last_position: row.last_position,
            moved_position: row.moved_position,
        }
    }

    /// Its row.
    pub(super) fn to_row(&self, customer: Uuid, pipeline: &str) -> CardRow {
        CardRow {
            customer,
            pipeline: pipeline.to_owned(),
            pipeline_version: self.pipeline_version,
            cycle: self.cycle,
            stage: self.stage.clone(),
            sub_status: self.sub_status.clone(),
            entered_at: self.entered_at,
            last_at: self.last_at,
            last_position: self.last_position,
            moved_position: self.moved_position,
        }
    }
}
