//! What a row says, cell by cell, or why it is refused: of several faults the first, from its shape to its remark.

#![expect(clippy::result_large_err, reason = "a row that is refused is the exception")]

use chrono::{DateTime, Utc};
use csv::StringRecord;
use serde_json::{Map, Value};
use waymark_domain::customer::event::Money;

use super::{Columns, Moves};
use crate::import::amount::{self, AmountFault};
use crate::import::describe::Describing;
use crate::import::details::{Cell, Detail};
use crate::import::names::{NOBODY, rep_name};
use crate::import::row_fault::{Place, RowFault};
use crate::import::{BadRow, Mapping, workbook};

/// The longest text of a status, case or actor, in characters.
const MAX_NAME: usize = 100;
/// The longest remark, in characters.
const MAX_REMARK: usize = 100_000;
/// What people put into a cell that says nothing.
const BLANK: [&str; 7] = ["", "-", "--", "–", "—", "——", "/"];
/// What the sums below a list are called.
const TOTALS: [&str; 8] = ["合计", "总计", "小计", "共计", "total", "totals", "subtotal", "grand total"];

/// What a row says.
#[derive(Debug)]
pub(in crate::import) struct ParsedRow<'a> {
    pub(in crate::import) case: &'a str,
    /// Each status with its instant; the status is empty where the pipeline's first one is meant.
    pub(in crate::import) moves: Vec<(&'a str, DateTime<Utc>)>,
    pub(in crate::import) actor: &'a str,
    /// Whether the file has customers in it and no moves.
    listed: bool,
    pub(in crate::import) note: Option<Box<str>>,
    /// What it says of the customer beside.
    pub(in crate::import) cells: Vec<Cell>,
}

impl ParsedRow<'_> {
    /// Whether it says that a customer is there and not what happened to it.
    pub(in crate::import) fn is_of_a_list(&self) -> bool {
        self.listed
    }

    /// Whether it is the sum below a list, and no customer: by its name, and as nothing stands in it but amounts.
    pub(in crate::import) fn is_a_sum(&self) -> bool {
        let word = self.case.trim_end_matches([':', '：', ' ']).to_lowercase();
        let is_named_so = TOTALS.contains(&word.as_str());
        let stands_nowhere = self.moves.iter().all(|(status, _)| status.is_empty());
        let is_empty = |cell: &Cell| match cell {
            Cell::Amount(_) => true,
            Cell::Text(_, text) | Cell::Field(_, text) => **text == *self.case,
        };
        self.listed && is_named_so && stands_nowhere && self.cells.iter().all(is_empty)
    }
}

/// A row that is being read.
pub(in crate::import) struct RowReader<'a, 'b> {
    pub(in crate::import) columns: &'a Columns,
    pub(in crate::import) record: &'a StringRecord,
    pub(in crate::import) place: Place<'b>,
    pub(in crate::import) mapping: &'b Mapping,
    pub(in crate::import) describing: &'b Describing,
}

impl<'a> RowReader<'a, '_> {
    /// What it says.
    pub(in crate::import) fn read(&self) -> Result<ParsedRow<'a>, BadRow> {
        self.fits_the_header()?;
        self.has_results_of_formulas()?;
        let case = self.name("case", self.columns.case)?;
        let moves = self.moves()?;
        let actor = self.actor()?;
        let last = moves.iter().map(|(_, at)| *at).max().unwrap_or(self.place.now);
        let (cells, note) = (self.cells(last)?, self.note()?);
        let listed = matches!(self.columns.moves, Moves::Standing(_));
        Ok(ParsedRow { case, moves, actor, listed, note, cells })
    }

    fn fits_the_header(&self) -> Result<(), BadRow> {
        let Self { columns, record, place, .. } = self;
        let (width, beyond) = (columns.width(), columns.beyond(record));
        if let Some(at) = beyond.filter(|_| place.may_be_short) {
            return Err(self.refused("", at, RowFault::beyond_the_header(at, width)));
        }
        if beyond.is_some() || (record.len() < columns.least() && !place.may_be_short) {
            return Err(self.refused_whole("", RowFault::field_count(record.len(), width)));
        }
        Ok(())
    }

    fn has_results_of_formulas(&self) -> Result<(), BadRow> {
        // Most rows are done with at the first look.
        if !self.record.as_slice().contains('#') {
            return Ok(());
        }
        match self.columns.named().find(|at| workbook::is_error(self.cell(*at))) {
            None => Ok(()),
            Some(at) => {
                let fault = RowFault::formula_error(self.cell(at));
                Err(self.refused(&self.columns.parameter(at), at, fault))
            }
        }
    }

    fn moves(&self) -> Result<Vec<(&'a str, DateTime<Utc>)>, BadRow> {
        match &self.columns.moves {
            Moves::Long { status, time } => {
                Ok(vec![(self.name("status", *status)?, self.time("time", *time)?)])
            }
            Moves::Wide(entered) => {
                let filled = entered.iter().filter(|(_, at)| !self.cell(*at).is_empty());
                let moves = filled.map(|(status, at)| Ok((&**status, self.time("entered", *at)?)));
                let moves: Vec<_> = moves.collect::<Result<_, BadRow>>()?;
                if moves.is_empty() {
                    return Err(self.refused_whole("entered", RowFault::no_time()));
                }
                Ok(moves)
            }
            Moves::Standing(status) => {
                let status = status.filter(|status| !self.cell(*status).is_empty());
                let status = status.map(|status| self.name("status", status)).transpose()?;
                Ok(vec![(status.unwrap_or_default(), self.place.now)])
            }
        }
    }

    fn actor(&self) -> Result<&'a str, BadRow> {
        match self.columns.actor {
            // What an export says of changes that nobody was named for.
            Some(at) if self.cell(at) == NOBODY => Ok(""),
            Some(at) if !self.cell(at).is_empty() => Ok(rep_name(self.name("actor", at)?)),
            _ => Ok(""),
        }
    }

    /// What it says of the customer, as of its last move.
    fn cells(&self, last: DateTime<Utc>) -> Result<Vec<Cell>, BadRow> {
        let mut cells = Vec::new();
        let mut take = |field: &str, at: usize, cell: Cell| match self.describing.violation(&cell, last) {
            Some(unmet) => Err(self.refused(field, at, unmet.into())),
            None => {
                cells.push(cell);
                Ok(())
            }
        };
        let Columns { details, fields, .. } = self.columns;
        for (detail, at) in details.iter().filter(|(detail, at)| !self.says_nothing(*detail, *at)) {
            let cell =
                match detail {
                    Detail::Currency => continue,
                    Detail::Amount => Cell::Amount(self.amount(*at).map_err(|fault| {
                        self.refused("amount", *at, RowFault::amount(fault, self.cell(*at)))
                    })?),
                    detail => Cell::Text(*detail, self.cell(*at).into()),
                };
            take(detail.parameter(), *at, cell)?;
        }
        for (index, (key, at)) in fields.iter().enumerate().filter(|(_, (_, at))| !self.cell(*at).is_empty())
        {
            take(&format!("fields.{key}"), *at, Cell::Field(index, self.cell(*at).into()))?;
        }
        Ok(cells)
    }

    /// What the other columns say: the text of a lone one as it stands, several as a JSON object.
    fn note(&self) -> Result<Option<Box<str>>, BadRow> {
        let Columns { names, rest, .. } = self.columns;
        let mut filled = rest.iter().filter_map(|at| {
            let text = self.record.get(*at).filter(|text| !text.is_empty())?;
            Some((&names[*at], text))
        });
        let note: Option<Box<str>> = if rest.len() == 1 {
            filled.next().map(|(_, text)| text.into())
        } else {
            let object: Map<String, Value> = filled.map(|(name, text)| (name.clone(), text.into())).collect();
            (!object.is_empty()).then(|| Value::Object(object).to_string().into_boxed_str())
        };
        let length = note.as_deref().map_or(0, |note| note.chars().count());
        if length > MAX_REMARK {
            let fault = RowFault::long_remark(length, MAX_REMARK);
            return Err(self.refused("note", self.columns.width(), fault));
        }
        Ok(note)
    }

    fn cell(&self, at: usize) -> &'a str {
        self.record.get(at).unwrap_or_default().trim()
    }

    fn name(&self, field: &str, at: usize) -> Result<&'a str, BadRow> {
        let text = self.cell(at);
        match name_fault(text) {
            None => Ok(text),
            Some(fault) => Err(self.refused(field, at, fault)),
        }
    }

    fn time(&self, field: &str, at: usize) -> Result<DateTime<Utc>, BadRow> {
        let text = self.cell(at);
        let instant = self.mapping.format.time.instant(text);
        instant.map_err(|fault| self.refused(field, at, RowFault::time(fault, text)))
    }

    fn amount(&self, at: usize) -> Result<Money, AmountFault> {
        let Columns { details, unit, currency, .. } = self.columns;
        let column = details.iter().find(|(detail, _)| *detail == Detail::Currency);
        let beside = column.and_then(|(_, at)| self.record.get(*at));
        amount::money(self.record.get(at).unwrap_or_default(), *unit, beside, currency.as_deref())
    }

    fn says_nothing(&self, detail: Detail, at: usize) -> bool {
        BLANK.contains(&self.cell(at)) || detail == Detail::Owner && is_nobody(self.cell(at))
    }

    /// Refused for what stands in a column.
    fn refused(&self, field: &str, at: usize, fault: RowFault) -> BadRow {
        let column = self.columns.names.get(at).map(String::as_str);
        fault.at(self.place, field, column, Some(self.cell(at)))
    }

    /// Refused for no column of its own.
    fn refused_whole(&self, field: &str, fault: RowFault) -> BadRow {
        fault.at(self.place, field, None, None)
    }
}

/// Whether a cell for an owner says that there is none.
fn is_nobody(text: &str) -> bool {
    let plain = text.trim_matches(['(', ')', '（', '）', ' ']).to_lowercase();
    matches!(plain.as_str(), "无" | "暂无" | "未分配" | "待分配" | "none" | "nobody" | "unassigned" | "n/a")
}

/// What is wrong with a text that names a status, a case or somebody.
fn name_fault(text: &str) -> Option<RowFault> {
    if text.is_empty() {
        return Some(RowFault::empty());
    }
    if text.chars().count() > MAX_NAME {
        return Some(RowFault::long_name(MAX_NAME));
    }
    text.chars().any(char::is_control).then(RowFault::control_character)
}
