//! Deciding the rows of a case one after the other, as if they were commands.

#![expect(clippy::result_large_err, reason = "a row that is refused is the exception")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::customer::command::{ChangeDetails, Command, Note, Register, Transition};
use waymark_domain::customer::{Customer, CustomerEvent, NewEvent, Recorded, decide};
use waymark_domain::field::Fields;
use waymark_domain::pipeline::version::Versions;
use waymark_domain::refusal::Refusal;
use waymark_domain::{Actor, Context, Label};

use super::BadRow;
use super::names::{NOBODY, is_of_another_role};
use super::pipeline::Pipelines;
use super::read::{Case, Row};

/// How long a text of one event is at most, in characters. A longer remark goes on in notes.
const TEXT: usize = 4_000;

/// What rows are decided by.
#[derive(Clone)]
pub(super) struct Rules {
    pub(super) pipeline: String,
    pub(super) pipelines: Pipelines,
    /// Every version of the pipeline; none where the one to decide by is not published yet.
    pub(super) versions: Option<Arc<BTreeMap<String, Arc<Versions>>>>,
    pub(super) fields: Arc<Fields>,
    /// The custom fields of the file.
    pub(super) keys: Arc<[(String, String)]>,
    pub(super) sheet: Option<String>,
    /// Whether rows are customers without a history.
    pub(super) is_list: bool,
    pub(super) now: DateTime<Utc>,
}

/// A case decided: its events, each with its actor.
#[derive(Default)]
pub(super) struct Decided {
    pub(super) events: Vec<(NewEvent, Arc<str>)>,
    pub(super) bad: Vec<BadRow>,
    pub(super) repeats: u64,
    pub(super) taken: u64,
    /// The rows of the case that were refused, by their place in it.
    pub(super) refused: BTreeSet<usize>,
}

impl Decided {
    /// All rows of a case refused.
    pub(super) fn refusing(bad: Vec<BadRow>) -> Self {
        Self { refused: (0..bad.len()).collect(), bad, ..Self::default() }
    }
}

impl Rules {
    /// Decides the rows of a customer to be registered under an external id.
    pub(super) fn register(&self, case: &Case, external_id: &str) -> Decided {
        let (mut decided, mut customer) = (Decided::default(), None);
        self.rows(case, external_id, &mut customer, &mut decided);
        decided
    }

    /// Decides what is new of a customer that is there: rows, and what else they say of it, as of now.
    pub(super) fn update(&self, case: &Case, customer: &Customer, changes: Option<ChangeDetails>) -> Decided {
        let (mut decided, mut customer) = (Decided::default(), Some(customer.clone()));
        self.rows(case, &case.id, &mut customer, &mut decided);
        let (Some(changes), Some((row, before))) = (changes, case.rows.split_last()) else { return decided };
        let command = Command::ChangeDetails(changes);
        if let Err(refusal) = self.follow(&command, self.now, &actor(row), &mut customer, &mut decided) {
            decided.bad.push(self.bad_row(row, refusal));
            decided.taken -= u64::from(decided.refused.insert(before.len()));
        }
        decided
    }

    /// Whether a customer stands where a row of a list says.
    pub(super) fn stands(&self, customer: &Customer, row: &Row) -> bool {
        let stay = customer.journeys.current(&self.pipeline);
        row.status.is_empty() || stay.is_some_and(|stay| *stay.stage == *row.status)
    }

    fn rows(&self, case: &Case, external_id: &str, customer: &mut Option<Customer>, decided: &mut Decided) {
        for (index, row) in case.rows.iter().enumerate() {
            let actor = actor(row);
            let first = self.command(case, row, external_id, customer.as_ref());
            let rest = remaining(row).map(|text| Command::Note(Note { text }));
            for command in first.into_iter().chain(rest) {
                if let Err(refusal) = self.follow(&command, row.at, &actor, customer, decided) {
                    // Its later parts would be refused for the same cause.
                    decided.bad.push(self.bad_row(row, refusal));
                    decided.refused.insert(index);
                    break;
                }
            }
            decided.taken += u64::from(!decided.refused.contains(&index));
        }
    }

    fn follow(
        &self,
        command: &Command,
        at: DateTime<Utc>,
        actor: &Actor,
        customer: &mut Option<Customer>,
        decided: &mut Decided,
    ) -> Result<(), Refusal> {
        let context = Context {
            effective_at: Some(at),
            import: true,
            allow_before_creation: true,
            fields: &self.fields,
            versions: self.versions.as_deref(),
            ..Context::new(self.now, actor, &self.pipelines)
        };
        for new in decide(customer.as_ref(), command, &context)? {
            decided.repeats += u64::from(repeats(&new.event));
            let recorded = self.recorded(&new, decided.events.len(), customer.as_ref(), actor);
            match customer.as_mut() {
                Some(customer) => customer.evolve(&recorded),
                None => *customer = Customer::fold([&recorded]),
            }
            decided.events.push((new, actor.name.as_str().into()));
        }
        Ok(())
    }

    /// The command that a row stands for. What moves nobody is at most a note, and in a history no longer one.
    fn command(
        &self,
        case: &Case,
        row: &Row,
        external_id: &str,
        customer: Option<&Customer>,
    ) -> Option<Command> {
        let note = row.note.as_deref().map(|note| note.chars().take(TEXT).collect());
        if let Some(customer) = customer {
            if row.is_known || (self.is_list && self.stands(customer, row)) {
                return note.filter(|_| self.is_list).map(|text| Command::Note(Note { text }));
            }
            return Some(Command::Transition(Transition {
                to: row.status.to_string(),
                pipeline: Some(self.pipeline.clone()),
                note,
                ..Transition::default()
            }));
        }
        let mut register = Register {
            customer: Uuid::nil(),
            pipeline: self.pipeline.clone(),
            stage: (!row.status.is_empty()).then(|| row.status.to_string()),
            external_id: Some(external_id.to_owned()),
            note,
            ..Register::default()
        };
        case.details.describe(&mut register, &self.keys, &self.fields);
        Some(Command::Register(register))
    }

    fn recorded(
        &self,
        new: &NewEvent,
        index: usize,
        customer: Option<&Customer>,
        actor: &Actor,
    ) -> Recorded<CustomerEvent> {
        // Only distinguished from its neighbours here; the log gives real ones.
        let position = customer.map_or(0, |_| u64::MAX / 2) + index as u64 + 1;
        Recorded {
            position,
            id: Uuid::from_u128(u128::from(position)),
            effective_at: new.effective_at,
            recorded_at: self.now,
            actor: actor.name.clone(),
            origin: Some("import".to_owned()),
            event: new.event.clone(),
        }
    }

    fn bad_row(&self, row: &Row, refusal: Refusal) -> BadRow {
        let first = refusal.violations.into_iter().next();
        let (field, how_to_fix) = first.map_or_else(
            || (String::new(), Label::new("请检查该行。", "Check the row.")),
            |unmet| (unmet.field, unmet.how_to_fix),
        );
        BadRow {
            line: row.line,
            row: row.row,
            sheet: self.sheet.clone(),
            value: (field == "stage" || field == "to").then(|| row.status.to_string()),
            field,
            column: None,
            code: refusal.code.into_owned(),
            message: refusal.detail,
            how_to_fix,
        }
    }
}

/// What of a row's remark did not fit into its first event, in parts.
fn remaining(row: &Row) -> impl Iterator<Item = String> {
    let signs: Vec<char> =
        row.note.as_deref().map_or_else(Vec::new, |note| note.chars().skip(TEXT).collect());
    let parts: Vec<String> = signs.chunks(TEXT).map(|part| part.iter().collect()).collect();
    parts.into_iter().filter(|part| !part.trim().is_empty())
}

/// Who made the change: a person by the name in the file. Nobody asks an old row for its permission.
fn actor(row: &Row) -> Actor {
    match &*row.actor {
        "" => Actor::new(NOBODY, []),
        other if is_of_another_role(other) => Actor::new(other, []),
        rep => Actor::new(format!("rep:{rep}"), []),
    }
}

fn repeats(event: &CustomerEvent) -> bool {
    matches!(event, CustomerEvent::Moved(moved) if moved.from.as_deref() == Some(&moved.to))
}
