//! Which column of a file is what.

pub(super) mod row;

use std::sync::Arc;

use csv::StringRecord;
use rust_decimal::Decimal;
use waymark_domain::Label;

use super::details::{DETAILS, Detail};
use super::report::shortened;
use super::{ImportError, Mapping, amount};

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

/// How many columns of a file are named where one is missing.
const MOST_NAMED: usize = 50;

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

    /// How many a row has at least: separators behind the last name are not in every row.
    fn least(&self) -> usize {
        self.names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1)
    }

    /// The first cell with something in it that is beyond the header.
    fn beyond(&self, record: &StringRecord) -> Option<usize> {
        (self.width()..record.len()).find(|at| record.get(*at).is_some_and(|cell| !cell.trim().is_empty()))
    }

    /// Where the columns are that the mapping names.
    fn named(&self) -> impl Iterator<Item = usize> {
        let details = self.details.iter().map(|(_, at)| *at);
        let fields = self.fields.iter().map(|(_, at)| *at);
        [self.case].into_iter().chain(self.moves.columns()).chain(self.actor).chain(details).chain(fields)
    }

    /// The parameter that names a column.
    fn parameter(&self, column: usize) -> String {
        let detail = self.details.iter().find(|(_, at)| *at == column).map(|(detail, _)| detail.parameter());
        let field = self.fields.iter().find(|(_, at)| *at == column).map(|(key, _)| format!("fields.{key}"));
        let word = match &self.moves {
            _ if column == self.case => "case",
            _ if Some(column) == self.actor => "actor",
            Moves::Long { time, .. } if *time == column => "time",
            Moves::Long { status, .. } if *status == column => "status",
            Moves::Standing(Some(status)) if *status == column => "status",
            _ => "entered",
        };
        field.unwrap_or_else(|| detail.unwrap_or(word).to_owned())
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

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}
