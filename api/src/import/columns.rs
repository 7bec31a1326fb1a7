//! Which column of a file is what, and what a row says.

#![expect(clippy::result_large_err, reason = "a row that is refused is the exception")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use csv::StringRecord;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use waymark_domain::Label;
use waymark_domain::customer::event::Money;

use super::amount;
use super::describe::Describing;
use super::details::{Cell, DETAILS, Detail};
use super::names::{NOBODY, rep_name};
use super::{BadRow, ImportError, Mapping};

/// The longest text of a status, case or actor, in characters.
const MAX_NAME: usize = 100;
/// The longest remark, in characters.
const MAX_REMARK: usize = 100_000;

/// Where in a record each column is.
pub(super) struct Columns {
    names: Vec<String>,
    case: usize,
    /// The columns that tell of moves.
    moves: Moves,
    actor: Option<usize>,
    details: Vec<(Detail, usize)>,
    /// The currency of amounts that name none, where the mapping names a currency and no column, or the column's name does.
    currency: Option<String>,
    /// What one is in the column of amounts.
    unit: Decimal,
    fields: Vec<(String, usize)>,
    /// Everything else goes into the row's note.
    rest: Vec<usize>,
}

/// Where moves stand.
enum Moves {
    /// A row is a move: its status and time.
    Long { status: usize, time: usize },
    /// A row is a case, with a column for the time at which it entered each status.
    Wide(Vec<(Arc<str>, usize)>),
    /// A row is a customer without a history, in a status that a column names or in the first one.
    Standing(Option<usize>),
}

/// What a row says.
#[derive(Debug)]
pub(super) struct ParsedRow<'a> {
    pub(super) case: &'a str,
    /// Each status with its instant; the status is empty where the pipeline's first one is meant.
    pub(super) moves: Vec<(&'a str, DateTime<Utc>)>,
    pub(super) actor: &'a str,
    /// Whether the file has customers in it and no moves.
    listed: bool,
    pub(super) note: Option<Box<str>>,
    /// What it says of the customer beside.
    pub(super) cells: Vec<Cell>,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) line: u64,
    pub(super) row: u64,
    pub(super) sheet: Option<&'a str>,
    /// Whether rows end where their last cell is, and not where the header does.
    pub(super) may_be_short: bool,
    /// The instant of importing.
    pub(super) now: DateTime<Utc>,
}

/// What people put into a cell that says nothing.
const BLANK: [&str; 7] = ["", "-", "--", "–", "—", "——", "/"];
/// How many columns of a file are named where one is missing.
const MOST_NAMED: usize = 50;

impl ParsedRow<'_> {
    /// Whether it says that a customer is there and not what happened to it.
    pub(super) fn is_of_a_list(&self) -> bool {
        self.listed
    }
}

impl Columns {
    pub(super) fn find(headers: &StringRecord, mapping: &Mapping) -> Result<Self, ImportError> {
        let names: Vec<String> = headers.iter().map(|name| name.trim().to_owned()).collect();
        let find = |parameter, column: &str| {
            names.iter().position(|name| name == column).ok_or_else(|| ImportError::NoColumn {
                parameter,
                column: column.to_owned(),
                found: names.iter().map(|name| shortened(name)).take(MOST_NAMED).collect(),
            })
        };
        let case = find("case", &mapping.case)?;
        let actor = mapping.actor.as_deref().map(|actor| find("actor", actor)).transpose()?;
        let moves = Moves::find(mapping, find)?;
        let (mut details, mut currency) = (Vec::new(), None);
        for detail in DETAILS {
            let Some(column) = mapping.details.get(&detail) else { continue };
            match find(detail.parameter(), column) {
                Ok(at) => details.push((detail, at)),
                Err(_) if detail == Detail::Currency && is_currency(column) => {
                    currency = Some(column.clone());
                }
                Err(error) => return Err(error),
            }
        }
        let (unit, named) =
            mapping.details.get(&Detail::Amount).map_or((Decimal::ONE, None), |name| amount::unit(name));
        // What the column says of itself counts before what is said of the file.
        let currency = named.map(str::to_owned).or(currency);
        let fields = mapping.fields.iter().map(|(key, column)| Ok((key.clone(), find("field", column)?)));
        let fields = fields.collect::<Result<Vec<_>, ImportError>>()?;
        let mut used = vec![case];
        used.extend(actor);
        used.extend(moves.columns());
        used.extend(details.iter().map(|(_, at)| *at));
        used.extend(fields.iter().map(|(_, at)| *at));
        let rest = (0..names.len()).filter(|at| !used.contains(at)).collect();
        Ok(Self { names, case, moves, actor, details, currency, unit, fields, rest })
    }

    /// How many columns the header has.
    pub(super) fn width(&self) -> usize {
        self.names.len()
    }

    /// The statuses that a record names, good or bad.
    pub(super) fn statuses<'a>(&'a self, record: &'a StringRecord) -> Vec<&'a str> {
        match &self.moves {
            Moves::Wide(entered) => entered.iter().map(|(status, _)| &**status).collect(),
            Moves::Long { status, .. } | Moves::Standing(Some(status)) => {
                record.get(*status).map(str::trim).into_iter().collect()
            }
            Moves::Standing(None) => Vec::new(),
        }
    }

    pub(super) fn row<'a>(
        &'a self,
        record: &'a StringRecord,
        place: Place<'_>,
        mapping: &Mapping,
        describing: &Describing,
    ) -> Result<ParsedRow<'a>, BadRow> {
        let cell = |at: usize| record.get(at).unwrap_or_default().trim();
        let bad = |field: &str, at: usize, code: &str, message, mend| BadRow {
            line: place.line,
            row: place.row,
            sheet: place.sheet.map(str::to_owned),
            field: field.to_owned(),
            column: self.names.get(at).cloned(),
            value: Some(shortened(cell(at))),
            code: code.to_owned(),
            message,
            how_to_fix: mend,
        };
        let width = self.width();
        if record.len() > width || (record.len() < width && !place.may_be_short) {
            let message = Label::new(
                format!("这一行有 {} 列，表头有 {width} 列。", record.len()),
                format!("The row has {} fields, the header {width}.", record.len()),
            );
            let mend = Label::new(
                "请检查分隔符和引号：含有分隔符的内容要用引号括起来。",
                "Check separators and quotes: a field that contains the separator must be quoted.",
            );
            return Err(BadRow { column: None, value: None, ..bad("", width, "field-count", message, mend) });
        }
        let named = |field, at: usize| match name_fault(cell(at)) {
            None => Ok(cell(at)),
            Some((code, message, mend)) => Err(bad(field, at, code, message, mend)),
        };
        let case = named("case", self.case)?;
        let time = |field: &str, at: usize| {
            mapping.format.time.instant(cell(at)).map_err(|fault| {
                bad(field, at, fault.code(), fault.message(&shortened(cell(at))), fault.mend())
            })
        };
        let moves = match &self.moves {
            Moves::Long { status, time: at } => vec![(named("status", *status)?, time("time", *at)?)],
            Moves::Wide(entered) => {
                let filled = entered.iter().filter(|(_, at)| !cell(*at).is_empty());
                let moves: Vec<_> = filled
                    .map(|(status, at)| Ok((&**status, time("entered", *at)?)))
                    .collect::<Result<_, BadRow>>()?;
                if moves.is_empty() {
                    let message =
                        Label::new("各状态的时间都是空的。", "None of the columns of times is filled in.");
                    let mend = Label::new(
                        "请至少填写一个状态的时间，或删除该行。",
                        "Fill in the time of one status at least, or remove the row.",
                    );
                    return Err(BadRow {
                        column: None,
                        value: None,
                        ..bad("entered", width, "missing-field", message, mend)
                    });
                }
                moves
            }
            Moves::Standing(status) => {
                let status = status.filter(|status| !cell(*status).is_empty());
                let status = status.map(|status| named("status", status)).transpose()?;
                vec![(status.unwrap_or_default(), place.now)]
            }
        };
        let actor = match self.actor {
            // What an export says of changes that nobody was named for.
            Some(at) if cell(at) == NOBODY => "",
            Some(at) if !cell(at).is_empty() => rep_name(named("actor", at)?),
            _ => "",
        };
        let last = moves.iter().map(|(_, at)| *at).max().unwrap_or(place.now);
        let mut cells = Vec::new();
        let mut describe = |field: &str, at: usize, cell: Cell| {
            if let Some(unmet) = describing.violation(&cell, last) {
                return Err(bad(field, at, &unmet.code, unmet.message, unmet.how_to_fix));
            }
            cells.push(cell);
            Ok(())
        };
        let is_empty = |detail: Detail, at: usize| {
            BLANK.contains(&cell(at)) || detail == Detail::Owner && is_nobody(cell(at))
        };
        for (detail, at) in self.details.iter().filter(|(detail, at)| !is_empty(*detail, *at)) {
            let said = match detail {
                Detail::Currency => continue,
                Detail::Amount => Cell::Amount(self.amount(record, *at).map_err(|fault| {
                    bad("amount", *at, fault.code(), fault.message(&shortened(cell(*at))), fault.mend())
                })?),
                detail => Cell::Text(*detail, cell(*at).into()),
            };
            describe(detail.parameter(), *at, said)?;
        }
        for (index, (key, at)) in self.fields.iter().enumerate().filter(|(_, (_, at))| !cell(*at).is_empty())
        {
            describe(&format!("fields.{key}"), *at, Cell::Field(index, cell(*at).into()))?;
        }
        let note = self.note(record);
        if let Some(long) = note.as_deref().filter(|note| note.chars().count() > MAX_REMARK) {
            let message = Label::new(
                format!("备注有 {} 个字符，最多 {MAX_REMARK} 个。", long.chars().count()),
                format!("The remark has {} characters; at most {MAX_REMARK} are kept.", long.chars().count()),
            );
            let mend = Label::new("请缩短备注。", "Shorten the remark.");
            return Err(bad("note", width, "text-too-long", message, mend));
        }
        let listed = matches!(self.moves, Moves::Standing(_));
        Ok(ParsedRow { case, moves, actor, listed, note, cells })
    }

    fn amount(&self, record: &StringRecord, at: usize) -> Result<Money, amount::AmountFault> {
        let column = self.details.iter().find(|(detail, _)| *detail == Detail::Currency);
        let beside = column.and_then(|(_, at)| record.get(*at));
        amount::money(record.get(at).unwrap_or_default(), self.unit, beside, self.currency.as_deref())
    }

    /// What the other columns say: the text of a lone one as it stands, several as a JSON object.
    fn note(&self, record: &StringRecord) -> Option<Box<str>> {
        let mut filled = self.rest.iter().filter_map(|at| {
            let text = record.get(*at).filter(|text| !text.is_empty())?;
            Some((&self.names[*at], text))
        });
        if self.rest.len() == 1 {
            return filled.next().map(|(_, text)| text.into());
        }
        let object: Map<String, Value> = filled.map(|(name, text)| (name.clone(), text.into())).collect();
        (!object.is_empty()).then(|| Value::Object(object).to_string().into_boxed_str())
    }
}

impl Moves {
    fn find(
        mapping: &Mapping,
        find: impl Fn(&'static str, &str) -> Result<usize, ImportError>,
    ) -> Result<Self, ImportError> {
        let missing = |parameter| {
            let message = Label::new(
                "请指定状态列和时间列，或用 entered 指定每个状态的时间列。",
                "Name the columns of the status and the time, or with entered a column of times for each status.",
            );
            ImportError::BadParameter { parameter, message }
        };
        if mapping.without_history {
            let status = mapping.status.as_deref().map(|status| find("status", status)).transpose()?;
            return Ok(Self::Standing(status));
        }
        match (&mapping.status, &mapping.time, mapping.entered.is_empty()) {
            (Some(status), Some(time), true) => {
                Ok(Self::Long { status: find("status", status)?, time: find("time", time)? })
            }
            (None, None, false) => {
                let columns = mapping.entered.iter();
                let found =
                    columns.map(|(column, status)| Ok((status.as_str().into(), find("entered", column)?)));
                Ok(Self::Wide(found.collect::<Result<_, ImportError>>()?))
            }
            (None, ..) => Err(missing("status")),
            (_, None, _) => Err(missing("time")),
            (Some(_), Some(_), false) => Err(missing("entered")),
        }
    }

    fn columns(&self) -> Vec<usize> {
        match self {
            Self::Long { status, time } => vec![*status, *time],
            Self::Wide(entered) => entered.iter().map(|(_, at)| *at).collect(),
            Self::Standing(status) => status.iter().copied().collect(),
        }
    }
}

/// Whether a cell for an owner says that there is none.
fn is_nobody(text: &str) -> bool {
    let plain = text.trim_matches(['(', ')', '（', '）', ' ']).to_lowercase();
    matches!(plain.as_str(), "无" | "暂无" | "未分配" | "待分配" | "none" | "nobody" | "unassigned" | "n/a")
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A value as a report shows it.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST - 1).chain(['…']).collect()
}

fn name_fault(text: &str) -> Option<(&'static str, Label, Label)> {
    if text.is_empty() {
        let mend = Label::new("请填写，或删除该行。", "Fill it in, or remove the row.");
        return Some(("missing-field", Label::new("不能为空。", "It is empty."), mend));
    }
    if text.chars().count() > MAX_NAME {
        let message = Label::new(
            format!("超过 {MAX_NAME} 个字符。"),
            format!("It is longer than {MAX_NAME} characters."),
        );
        let mend = Label::new(
            "请缩短，并检查列是否正确。",
            "Shorten it, and check that the column is the right one.",
        );
        return Some(("text-too-long", message, mend));
    }
    if text.chars().any(char::is_control) {
        let mend = Label::new("请删除换行等控制字符。", "Remove line breaks and other control characters.");
        return Some(("control-character", Label::new("含有控制字符。", "It has control characters."), mend));
    }
    None
}
