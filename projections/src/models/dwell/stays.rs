//! The stays of one customer.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_eventstore::Position;

use super::fold;
use super::snapshot::DwellSnapshot;
use super::statements::{ENDS_OF, KNOWN, NEXT_JOURNEY};
use crate::db::values;
use crate::error::Result;
use crate::log::history::{PositionedMove, instant};
use crate::query::AsOf;
use crate::stats::journeys::ended;
use crate::stats::{CensoringEvent, Micros, seconds};

/// One stay of a customer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StayReport {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The cycle of the journey, from 1.
    pub cycle: u32,
    /// The stage.
    pub stage: String,
    /// The sub-status at entry.
    pub sub_status: Option<String>,
    /// Which visit to this stage in this journey, from 1.
    pub visit: u32,
    /// When it began.
    pub entered_at: DateTime<Utc>,
    /// When the next stay began; null for the last.
    pub left_at: Option<DateTime<Utc>>,
    /// How long it lasted, or has lasted at the instant asked about.
    pub seconds: f64,
    /// Whether it is the last.
    pub open: bool,
    /// Why its observation ended, at `censored_at`, before another stay began: `merged` or `erased`.
    pub censored: Option<String>,
    /// When its observation ended.
    pub censored_at: Option<DateTime<Utc>>,
    /// The stage of the next stay.
    pub left_to: Option<String>,
    /// Who recorded the move that began it.
    pub entered_by: String,
    /// The event that began it, whatever corrected that since.
    pub entered_event: Uuid,
}

/// The stays of a customer, journey by journey, each in order.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StaysReport {
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read model had come.
    pub position: Position,
    /// The stays.
    pub items: Vec<StayReport>,
}

impl DwellSnapshot {
    /// The stays of a customer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stays(&mut self, customer: Uuid, at: &AsOf) -> Result<StaysReport> {
        let snapshot = &mut self.0;
        let (tenant, generation, known) = (snapshot.tenant.0, snapshot.generation, snapshot.known(at));
        let rows = snapshot.transaction.rows(ENDS_OF, &values![tenant, generation, customer, known]).await?;
        let ends =
            rows.iter().map(|row| Ok((row.int("effective_at")?, CensoringEvent::parse(row.str("reason")?))));
        let ends: Vec<(Micros, Option<CensoringEvent>)> = ends.collect::<Result<_>>()?;
        let ends: Vec<(Micros, CensoringEvent)> =
            ends.into_iter().filter_map(|(at, end)| Some((at, end?))).collect();
        let end = ended(&ends, at.micros());
        let (mut items, mut journey) = (Vec::new(), String::new());
        while let Some(next) =
            snapshot.transaction.row(NEXT_JOURNEY, &values![tenant, generation, journey.as_str()]).await?
        {
            journey = next.text("journey")?;
            let values = values![tenant, generation, journey.as_str(), customer, known];
            let rows = snapshot.transaction.rows(KNOWN, &values).await?;
            let placed: Vec<PositionedMove> = rows.iter().map(fold::read).collect::<Result<_>>()?;
            let mut stays = of_journey(&journey, placed, at);
            if let (Some(last), Some(end)) = (stays.last_mut(), end) {
                last.censor(end);
            }
            items.extend(stays);
        }
        let AsOf { effective_at, known_at, .. } = *at;
        Ok(StaysReport { effective_at, known_at, position: snapshot.position, items })
    }
}

impl StayReport {
    /// Cuts the last stay off where the customer's observation ended.
    fn censor(&mut self, (at, end): (Micros, CensoringEvent)) {
        self.seconds = seconds((at - self.entered_at.timestamp_micros()).max(0));
        self.open = false;
        self.censored = Some(end.as_str().to_owned());
        self.censored_at = Some(instant(at));
    }
}

fn of_journey(journey: &str, placed: Vec<PositionedMove>, at: &AsOf) -> Vec<StayReport> {
    let mut stays: Vec<StayReport> = Vec::new();
    for made in placed.into_iter().filter(|made| !made.repeat && made.at <= at.micros()) {
        if let Some(last) = stays.last_mut() {
            last.left_at = Some(instant(made.at));
            last.left_to = Some(made.stage.clone());
            last.seconds = seconds(made.at - last.entered_at.timestamp_micros());
            last.open = false;
        }
        let earlier = stays.iter().filter(|stay| stay.stage == made.stage).count();
        stays.push(StayReport {
            journey: journey.to_owned(),
            cycle: made.cycle,
            stage: made.stage,
            sub_status: made.sub_status,
            visit: u32::try_from(earlier).unwrap_or(u32::MAX).saturating_add(1),
            entered_at: instant(made.at),
            left_at: None,
            seconds: seconds(at.micros() - made.at),
            open: true,
            censored: None,
            censored_at: None,
            left_to: None,
            entered_by: made.actor,
            entered_event: made.event,
        });
    }
    stays
}
