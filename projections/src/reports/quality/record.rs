//! Who changes the record, what was passed over, corrected, or left without a word.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::timeline::MoveKind;
use waymark_eventstore::Position;

use super::input::ReportInput;
use crate::error::Result;
use crate::log::history::instant;
use crate::models::dwell::in_order;
use crate::models::snapshot::Snapshot;
use crate::models::timeline::activities::{self, Overridden};
use crate::reports::ShareReport;
use crate::reports::page::Place;
use crate::stats::MoveRecord;
use crate::stats::journeys::Origin;

/// Who made the changes of the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct ChangesReport {
    /// Entries into stages that people recorded: registrations, moves, reactivations and late entries.
    pub manual: usize,
    /// Moves that rules made.
    pub automatic: usize,
    /// Records read in from files of the past: neither.
    pub imported: usize,
    /// The share of the automatic ones among the manual and automatic.
    pub automatic_share: Option<ShareReport>,
    /// Manual changes for each automatic one; null where there is none.
    pub manual_per_automatic: Option<f64>,
}

/// A move for which conditions were passed over.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OverrideReport {
    /// The customer.
    pub customer_id: Uuid,
    /// What it is called; null when never given, or not for the caller's eyes.
    pub customer_name: Option<String>,
    /// The event.
    pub event_id: Uuid,
    /// Its place in the log.
    pub position: Position,
    /// Who did it.
    pub actor: String,
    /// The stage left.
    pub from: Option<String>,
    /// The stage entered.
    pub to: String,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// The codes of the conditions passed over: `transition-not-allowed` is a jump over stages.
    pub passed_over: Vec<String>,
    /// Whether it was voided later.
    pub voided: bool,
}

impl OverrideReport {
    pub(super) fn place(&self) -> Place {
        (-self.position.cast_signed(), self.customer_id, 0)
    }
}

/// How often records were wrong. A correction counts where the wrong record counts: with who recorded it and the stage it
/// named. A late entry counts with who entered it and the stage that had been forgotten.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CorrectionsReport {
    /// Changes by people in the window, those that were voided later included.
    pub changes: usize,
    /// Corrections of what happened in the window, corrections of corrections included.
    pub corrections: usize,
    /// Corrections for each hundred changes; null without changes.
    pub per_100: Option<f64>,
    /// By who recorded what was wrong, in the order of names.
    pub by_rep: Vec<ActorCorrections>,
    /// By the stage recorded, in the pipeline's order.
    pub by_stage: Vec<StageCorrections>,
}

/// How often one person's records were wrong.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ActorCorrections {
    /// Who recorded them.
    #[schema(example = "rep:li")]
    pub actor: String,
    /// Changes.
    pub changes: usize,
    /// Corrections.
    pub corrections: usize,
    /// Corrections for each hundred changes; null without changes.
    pub per_100: Option<f64>,
}

/// How often entries into one stage were wrong.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageCorrections {
    /// The stage as it was recorded.
    pub stage: String,
    /// Changes.
    pub changes: usize,
    /// Corrections.
    pub corrections: usize,
    /// Corrections for each hundred changes; null without changes.
    pub per_100: Option<f64>,
}

/// How often a move was recorded without a word. Registrations ask for none; the words of an approved move stand in its
/// request, and it counts as explained.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct NotesReport {
    /// Moves by people in the window.
    pub moves: usize,
    /// Those without a note and without a reason in words.
    pub without_note: usize,
    /// Their share.
    pub share: Option<ShareReport>,
    /// By who recorded them, in the order of names.
    pub by_rep: Vec<ActorNotes>,
}

/// How often one person recorded a move without a word.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ActorNotes {
    /// The person.
    #[schema(example = "rep:li")]
    pub actor: String,
    /// Moves.
    pub moves: usize,
    /// Those without a word.
    pub without_note: usize,
    /// Their share.
    pub share: Option<ShareReport>,
}

/// The records of the window.
fn records<'a>(input: &'a ReportInput<'_>) -> impl Iterator<Item = &'a MoveRecord> {
    let journeys = input.journeys.journeys(input.span.last);
    journeys.flat_map(|(_, records)| records).filter(|record| input.span.holds(record.at))
}

pub(super) fn changes(input: &ReportInput<'_>) -> ChangesReport {
    let mut counts = [0; 3];
    for record in records(input) {
        counts[record.how.by as usize] += 1;
    }
    let [manual, automatic, imported] = counts;
    ChangesReport {
        manual,
        automatic,
        imported,
        automatic_share: ShareReport::of_counts(automatic, manual + automatic),
        manual_per_automatic: (automatic > 0).then(|| manual as f64 / automatic as f64),
    }
}

pub(super) async fn overrides(
    snapshot: &mut Snapshot,
    input: &ReportInput<'_>,
) -> Result<Vec<OverrideReport>> {
    let found = activities::overrides(snapshot, input.key(), input.known).await?;
    let found = found.into_iter().filter(|one| input.span.holds(one.at) && input.counts(one.customer));
    let report = |one: Overridden| OverrideReport {
        customer_id: one.customer,
        customer_name: None,
        event_id: one.event,
        position: one.position,
        actor: one.actor,
        from: one.from,
        to: one.to,
        effective_at: instant(one.at),
        recorded_at: instant(one.recorded),
        passed_over: one.codes,
        voided: one.voided,
    };
    Ok(found.map(report).collect())
}

/// Changes, and corrections of them.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    changes: usize,
    corrections: usize,
}

impl Counted {
    fn per_100(self) -> Option<f64> {
        (self.changes > 0).then(|| 100.0 * self.corrections as f64 / self.changes as f64)
    }
}

pub(super) async fn corrections(
    snapshot: &mut Snapshot,
    input: &ReportInput<'_>,
) -> Result<CorrectionsReport> {
    let (mut by_rep, mut by_stage): (BTreeMap<String, Counted>, BTreeMap<String, Counted>) =
        Default::default();
    let mut all = Counted::default();
    let made = records(input)
        .filter(|record| record.how.by == Origin::Person && record.how.kind != MoveKind::Inserted);
    for record in made {
        all.changes += 1;
        by_rep.entry(input.journeys.actors.text(record.actor).to_owned()).or_default().changes += 1;
        by_stage.entry(input.journeys.stages.text(record.stage).to_owned()).or_default().changes += 1;
    }
    let voided = activities::voided(snapshot, input.key(), input.known).await?;
    for one in voided.into_iter().filter(|one| input.span.holds(one.at) && input.counts(one.customer)) {
        all.changes += 1;
        by_rep.entry(one.actor).or_default().changes += 1;
        by_stage.entry(one.stage).or_default().changes += 1;
    }
    let corrections = activities::corrections(snapshot, input.key(), input.known).await?;
    for one in corrections.into_iter().filter(|one| input.span.holds(one.about) && input.counts(one.customer))
    {
        all.corrections += 1;
        by_rep.entry(one.whom).or_default().corrections += 1;
        by_stage.entry(one.stage).or_default().corrections += 1;
    }
    Ok(CorrectionsReport {
        changes: all.changes,
        corrections: all.corrections,
        per_100: all.per_100(),
        by_rep: by_rep.into_iter().map(of_actor).collect(),
        by_stage: stages_corrected(input, by_stage),
    })
}

fn of_actor((actor, counted): (String, Counted)) -> ActorCorrections {
    let Counted { changes, corrections } = counted;
    ActorCorrections { actor, changes, corrections, per_100: counted.per_100() }
}

/// The pipeline's stages, then what else was recorded, by code points.
fn stages_corrected(
    input: &ReportInput<'_>,
    mut by_stage: BTreeMap<String, Counted>,
) -> Vec<StageCorrections> {
    let mut names: Vec<String> =
        in_order(&input.journeys, &input.definition.pipeline).into_iter().map(|(stage, _)| stage).collect();
    let others: Vec<String> = by_stage.keys().filter(|stage| !names.contains(stage)).cloned().collect();
    names.extend(others);
    let line = |stage: String| {
        let counted = by_stage.remove(&stage).unwrap_or_default();
        let Counted { changes, corrections } = counted;
        StageCorrections { stage, changes, corrections, per_100: counted.per_100() }
    };
    names.into_iter().map(line).collect()
}

pub(super) fn notes(input: &ReportInput<'_>) -> NotesReport {
    let mut by_rep: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let moves =
        records(input).filter(|record| record.how.by == Origin::Person && record.how.kind == MoveKind::Moved);
    for record in moves {
        let (moves, without) = by_rep.entry(input.journeys.actors.text(record.actor)).or_default();
        *moves += 1;
        *without += usize::from(!record.how.noted);
    }
    let (moves, without_note) = by_rep.values().fold((0, 0), |all, rep| (all.0 + rep.0, all.1 + rep.1));
    let line = |(actor, (moves, without_note)): (&str, (usize, usize))| ActorNotes {
        actor: actor.to_owned(),
        moves,
        without_note,
        share: ShareReport::of_counts(without_note, moves),
    };
    NotesReport {
        moves,
        without_note,
        share: ShareReport::of_counts(without_note, moves),
        by_rep: by_rep.into_iter().map(line).collect(),
    }
}
