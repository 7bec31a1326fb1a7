//! What the records of a journey come to, told the long way round: everything from the beginning at each question.

use std::collections::{BTreeMap, HashMap};

use super::*;

/// A record, with what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    /// The move as it stands, with its cycle and whether it repeats the stage already held.
    pub(super) made: Option<(Move, u32, bool)>,
    pub(super) voided_by: Option<Uuid>,
    pub(super) superseded_by: Option<Uuid>,
}

/// All records of the events, each as it stands. There are no labels of later definitions among them.
pub(super) fn accounts(events: &[Recorded<CustomerEvent>]) -> BTreeMap<Uuid, Account> {
    let moves: Vec<Move> = events.iter().filter_map(moved).collect();
    let correction =
        |event| as_correction(event).map(|(_, correction)| correction).or_else(|| inserted(event));
    let corrections: Vec<Correction> = events.iter().filter_map(correction).collect();
    let (voided, roots) = (voided(&corrections), roots(&moves, &corrections));
    let in_force = |correction: &Correction| !voided.contains_key(&correction.event);
    let placed = placed(&moves, &corrections, &voided, &roots);
    let account = |record: Uuid| Account {
        made: placed.get(&record).cloned(),
        voided_by: voided.get(&record).copied(),
        superseded_by: voided.get(&record).copied().or_else(|| {
            let says = |c: &&Correction| {
                in_force(c) && matches!(c.kind, CorrectionKind::Target { .. } | CorrectionKind::Time(_))
            };
            if moves.iter().any(|made| made.event == record) {
                let of = |c: &&Correction| roots.get(&c.event) == Some(&record);
                return corrections.iter().rev().filter(of).find(says).map(|c| c.event);
            }
            let own = corrections.iter().position(|c| c.event == record)?;
            let kind = |c: &Correction| std::mem::discriminant(&c.kind);
            let same = |c: &&Correction| {
                roots.get(&c.event) == roots.get(&record) && kind(c) == kind(&corrections[own])
            };
            roots.get(&record)?;
            corrections[own + 1..].iter().filter(same).find(says).map(|c| c.event)
        }),
    };
    events.iter().map(|event| (event.id, account(event.id))).collect()
}

fn moved(recorded: &Recorded<CustomerEvent>) -> Option<Move> {
    let (_, pipeline_version, kind, to, sub_status) = as_move(&recorded.event)?;
    Some(Move {
        event: recorded.id,
        position: recorded.position,
        kind,
        effective_at: recorded.effective_at,
        stage: to.to_owned(),
        sub_status: sub_status.clone(),
        actor: recorded.actor.clone(),
        pipeline_version,
    })
}

/// An insertion is a correction, too, when it voids what followed it.
fn inserted(recorded: &Recorded<CustomerEvent>) -> Option<Correction> {
    let CustomerEvent::MoveInserted(inserted) = &recorded.event else { return None };
    Some(Correction {
        event: recorded.id,
        position: recorded.position,
        actor: recorded.actor.clone(),
        corrects: None,
        kind: CorrectionKind::Inserted,
        also_voids: inserted.also_voids.clone(),
    })
}

/// Every voided record, with the correction in force that voids it. A correction is in force unless a later one in force
/// voids it, so they are gone through from the last to the first.
fn voided(corrections: &[Correction]) -> HashMap<Uuid, Uuid> {
    let is_void =
        |event: Uuid| corrections.iter().any(|c| c.event == event && c.kind == CorrectionKind::Void);
    let mut voided = HashMap::new();
    for correction in corrections.iter().rev() {
        if voided.contains_key(&correction.event) {
            continue;
        }
        let target = correction.corrects.filter(|of| correction.kind == CorrectionKind::Void || is_void(*of));
        for record in target.iter().chain(&correction.also_voids) {
            voided.entry(*record).or_insert(correction.event);
        }
    }
    voided
}

/// Of each correction the move at the root of its chain.
fn roots(moves: &[Move], corrections: &[Correction]) -> HashMap<Uuid, Uuid> {
    let mut roots = HashMap::new();
    for correction in corrections {
        let Some(corrects) = correction.corrects else { continue };
        let of_move = moves.iter().find(|made| made.event == corrects).map(|made| made.event);
        if let Some(root) = of_move.or_else(|| roots.get(&corrects).copied()) {
            roots.insert(correction.event, root);
        }
    }
    roots
}

/// The moves as they stand, in effective order, each with its cycle and whether it is a repeat.
fn placed(
    moves: &[Move],
    corrections: &[Correction],
    voided: &HashMap<Uuid, Uuid>,
    roots: &HashMap<Uuid, Uuid>,
) -> HashMap<Uuid, (Move, u32, bool)> {
    let mut moves = moves.to_vec();
    for correction in corrections.iter().filter(|c| !voided.contains_key(&c.event)) {
        let root = roots.get(&correction.event);
        let Some(made) = moves.iter_mut().find(|made| Some(&made.event) == root) else { continue };
        match &correction.kind {
            CorrectionKind::Target { stage, sub_status, pipeline_version } => {
                made.pipeline_version = pipeline_version.unwrap_or(made.pipeline_version);
                made.stage.clone_from(stage);
                made.sub_status.clone_from(sub_status);
            }
            CorrectionKind::Time(moved_at) => made.effective_at = *moved_at,
            CorrectionKind::Void | CorrectionKind::Inserted => {}
        }
    }
    moves.retain(|made| !voided.contains_key(&made.event));
    moves.sort_by_key(|made| (made.effective_at, made.position));
    let mut last: Option<(String, u32)> = None;
    let place = |made: Move| {
        let reactivated = u32::from(made.kind == MoveKind::Reactivated);
        let cycle = last.as_ref().map_or(1, |(_, cycle)| cycle + reactivated);
        let now = (made.stage.clone(), cycle);
        let repeats = last.as_ref() == Some(&now);
        last = Some(now);
        (made.event, (made, cycle, repeats))
    };
    moves.into_iter().map(place).collect()
}
