//! The histories of all customers, replayed one by one, and the journeys that they come to.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::customer::automation_state::MoveProvenance;
use waymark_domain::customer::timeline::Move;
use waymark_domain::what_if::{
    Both, DeadlineChange, Hypothesis, ReclaimChange, RefusedMove, Replayed, replay,
};
use waymark_eventstore::Position;

use crate::error::Result;
use crate::log::history::{events, position_moves};
use crate::models::snapshot::Snapshot;
use crate::stats::JourneySet;
use crate::stats::journeys::{MoveRecord, Names, Origin, Provenance};

/// What comes of replaying the histories of many customers.
#[derive(Debug, Default)]
pub(super) struct ReplayedAll {
    pub(super) affected: usize,
    pub(super) judged: usize,
    pub(super) refused: Vec<RefusedMove>,
    pub(super) deadlines: Vec<(Uuid, DeadlineChange)>,
    pub(super) passed: Both<usize>,
    pub(super) reclaims: Vec<(Uuid, ReclaimChange)>,
    pub(super) returned: Both<usize>,
    /// The moves of those whose journey is otherwise.
    moves: HashMap<Uuid, Vec<(Move, MoveProvenance)>>,
}

/// Replays the customers of these journeys, as known at a position, one after the other: no more than one history is in memory.
pub(super) async fn replay_all(
    snapshot: &Snapshot,
    journeys: &JourneySet,
    hypothesis: &Hypothesis,
    known: Position,
) -> Result<ReplayedAll> {
    let mut all = ReplayedAll::default();
    for journey in 0..journeys.len() {
        let customer = journeys.customer(journey);
        let events = events(&*snapshot.sources.store, snapshot.tenant, customer, known).await?;
        all.add(customer, replay(&events, hypothesis));
    }
    all.refused.sort_by_key(|refused| refused.position);
    all.deadlines.sort_by_cached_key(|(customer, change)| (first(change), *customer, change.kind.clone()));
    all.reclaims.sort_by_key(|(customer, change)| {
        let Both { before, after } = &change.returned;
        (
            earlier(before.as_ref().map(|one| one.at), after.as_ref().map(|one| one.at)),
            *customer,
            change.owned_since,
        )
    });
    Ok(all)
}

fn first(change: &DeadlineChange) -> Option<DateTime<Utc>> {
    let Both { before, after } = &change.deadline;
    earlier(before.as_ref().map(|one| one.due_at), after.as_ref().map(|one| one.due_at))
}

fn earlier(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    one.into_iter().chain(other).min()
}

impl ReplayedAll {
    fn add(&mut self, customer: Uuid, replayed: Replayed) {
        let Replayed { judged, refused, deadlines, passed, reclaims, returned, moves } = replayed;
        let differs = !(refused.is_empty() && deadlines.is_empty() && reclaims.is_empty() && moves.is_none());
        self.affected += usize::from(differs);
        self.judged += judged;
        self.refused.extend(refused);
        self.deadlines.extend(deadlines.into_iter().map(|change| (customer, change)));
        self.reclaims.extend(reclaims.into_iter().map(|change| (customer, change)));
        for (sum, part) in [(&mut self.passed, passed), (&mut self.returned, returned)] {
            *sum = Both { before: sum.before + part.before, after: sum.after + part.after };
        }
        self.moves.extend(moves.map(|moves| (customer, moves)));
    }

    /// The journeys as they would have been. What happened from the beginning of the span on is of the supposed definition.
    pub(super) fn history(&self, before: &JourneySet, hypothesis: &Hypothesis) -> JourneySet {
        let from = hypothesis.span.from.timestamp_micros();
        let version = u16::try_from(hypothesis.pipeline.version).unwrap_or(u16::MAX);
        let known = |stage: &str| hypothesis.pipeline.stage(stage).is_some();
        before.rewritten(|stages, actors, customer, records| match self.moves.get(&customer) {
            Some(moves) => written(stages, actors, moves),
            None => records
                .iter()
                .map(|record| match record.at >= from && known(stages.text(record.stage)) {
                    true => MoveRecord { version, ..*record },
                    false => *record,
                })
                .collect(),
        })
    }
}

/// The records of a journey's moves.
fn written(stages: &mut Names, actors: &mut Names, moves: &[(Move, MoveProvenance)]) -> Vec<MoveRecord> {
    let placed = position_moves(moves.iter().map(|(made, _)| made.clone()).collect());
    let record = |(placed, (made, how)): (_, &(Move, MoveProvenance))| {
        let crate::log::history::PositionedMove { at, stage, actor, cycle, repeat, version, .. } = placed;
        let by = match (how.imported, how.by_rule) {
            (true, _) => Origin::Import,
            (false, true) => Origin::Rule,
            (false, false) => Origin::Person,
        };
        let recorded = how.recorded_at.timestamp_micros();
        MoveRecord {
            at,
            stage: stages.intern(&stage),
            actor: actors.intern(&actor),
            cycle,
            repeat,
            version: u16::try_from(version).unwrap_or(u16::MAX),
            how: Provenance { recorded, by, kind: made.kind, noted: false },
        }
    };
    placed.into_iter().zip(moves).map(record).collect()
}
