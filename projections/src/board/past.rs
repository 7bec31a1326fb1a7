//! What customers were like: owner, amount and labels at any instant, as known at any position.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::customer::event::Money;
use waymark_eventstore::Position;

use super::PASTS_PAGE;
use super::customer::{from_json, money_of, owner_of};
use crate::ask::{Filter, View};
use crate::db::values;
use crate::error::Result;
use crate::figures::Micros;

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// What a customer was like from an instant on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) since: Micros,
    pub(crate) owner: Owner,
    pub(crate) tier: Option<String>,
    pub(crate) amount: Option<Money>,
    pub(crate) source: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) version: u32,
    /// Whether another customer went on in its place.
    pub(crate) merged: bool,
    /// The last day of the contract.
    pub(crate) contract_end: Option<NaiveDate>,
    /// What a deal won in part has brought.
    pub(crate) won: Option<Money>,
}

/// Every customer's pasts in the order of (instant, position).
pub(crate) type Pasts = HashMap<Uuid, Vec<Past>>;

/// All that was known at a position.
pub(crate) async fn load(view: &mut View, known: Position) -> Result<Pasts> {
    let mut pasts: Pasts = HashMap::new();
    let mut after = (Uuid::nil(), 0);
    loop {
        let values = values![view.tenant.0, view.generation, after.0, after.1, ROWS];
        let rows = view.session.rows(PASTS_PAGE, &values).await?;
        for row in &rows {
            after = (row.uuid(0)?, row.position(1)?);
            if after.1 > known {
                continue;
            }
            pasts.entry(after.0).or_default().push(Past {
                since: row.int(2)?,
                owner: owner_of(row.str(3)?, row.text(4)?),
                tier: row.opt_text(5)?,
                amount: money_of(row.opt_text(6)?, row.opt_text(7)?),
                source: row.opt_text(8)?,
                channel: row.opt_text(9)?,
                tags: from_json(row.str(10)?)?,
                version: row.number(11)?,
                merged: row.flag(12)?,
                contract_end: row.opt_text(13)?.and_then(|day| day.parse().ok()),
                won: money_of(row.opt_text(14)?, row.opt_text(15)?),
            });
        }
        if rows.len() < ROWS as usize {
            break;
        }
    }
    for past in pasts.values_mut() {
        // Rows come in the order of positions, which a stable sort keeps for equal instants.
        past.sort_by_key(|past| past.since);
    }
    Ok(pasts)
}

/// What a customer was like at an instant.
pub(crate) fn at(past: &[Past], instant: Micros) -> Option<&Past> {
    past[..past.partition_point(|past| past.since <= instant)].last()
}

/// Whether a customer passes a filter at an instant.
pub(crate) fn passes(past: &[Past], instant: Micros, filter: &Filter) -> bool {
    fn is<T: PartialEq>(wanted: &Option<T>, held: Option<&T>) -> bool {
        wanted.as_ref().is_none_or(|wanted| held == Some(wanted))
    }
    let Some(then) = at(past, instant) else { return false };
    let of_a_rep = |reps: &BTreeSet<String>| match &then.owner {
        Owner::Rep(rep) => reps.contains(rep),
        Owner::Pool(_) => false,
    };
    is(&filter.owner, Some(&then.owner))
        && filter.reps.as_ref().is_none_or(of_a_rep)
        && is(&filter.source, then.source.as_ref())
        && is(&filter.channel, then.channel.as_ref())
        && is(&filter.tier, then.tier.as_ref())
        && is(&filter.version, Some(&then.version))
        && filter.tag.as_ref().is_none_or(|tag| then.tags.contains(tag))
}

/// How much of the time between two instants the customer belonged to a rep.
pub(crate) fn owned(past: &[Past], from: Micros, to: Micros) -> Micros {
    let ends = past.iter().skip(1).map(|next| next.since).chain([Micros::MAX]);
    let held = past.iter().zip(ends).filter(|(past, _)| matches!(past.owner, Owner::Rep(_)));
    held.map(|(past, end)| (end.min(to) - past.since.max(from)).max(0)).sum()
}
