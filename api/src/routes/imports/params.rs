//! The parameters of an import.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::app::Caller;
use crate::domain::Label;
use crate::domain::pipeline::Endings;
use crate::http::{Query, zone};
use crate::import::{Detail, Format, ImportError, Mapping, TimeRules};
use crate::problem::Problem;
use crate::routes::AppState;

/// The parameters whose names hold a name: `field:KEY`.
const FIELD: &str = "field:";
/// The parameter that may come several times.
const ENTERED: &str = "entered";

/// The columns of a history.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// The column with the status.
    status: Option<String>,
    /// The column with the time of the change.
    time: Option<String>,
}

/// How the statuses of a new pipeline end.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EndingParams {
    /// Statuses of a new pipeline that mean won, separated by commas. Without it, statuses of usual names in Chinese or
    /// English do, such as Closed Won, unless `final` is given; an empty one takes none by its name.
    #[param(example = "Closed Won")]
    won: Option<String>,
    /// Statuses of a new pipeline that mean lost, separated by commas. Without it, statuses of usual names do, such as Closed
    /// Lost, unless `final` is given; an empty one takes none by its name.
    #[param(example = "Closed Lost")]
    lost: Option<String>,
    /// Final statuses of a new pipeline, separated by commas. Those in neither `won` nor `lost` are classified by
    /// well-known names in Chinese or English, as `endings` in the response shows; all others have the type `closed`,
    /// which is not part of any win rate.
    r#final: Option<String>,
}

/// The columns of customers without a history.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomerParams {
    /// The column with the stage that the customer enters; the first of the pipeline without it.
    status: Option<String>,
}

/// Which column of the file is what, and how it is read.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportParams {
    /// The pipeline's key. A new key creates a pipeline from the file's statuses, with every transition allowed.
    pipeline: String,
    /// The column that identifies the customer; it becomes the `external_id`.
    case: String,
    /// The column with the person who made the change. Without `owner`, who made the latest one is the customer's owner.
    actor: Option<String>,
    /// The column with the customer's name.
    name: Option<String>,
    /// The column with its telephones.
    phone: Option<String>,
    /// The column with its e-mail addresses.
    email: Option<String>,
    /// The column with what the deal may be worth.
    amount: Option<String>,
    /// The column with the currency of `amount`, or one currency for all rows, such as `CNY`.
    #[param(example = "CNY")]
    currency: Option<String>,
    /// The column with the customer's owner: a rep, or `pool:KEY`.
    owner: Option<String>,
    /// The column with the source.
    source: Option<String>,
    /// The column with the channel.
    channel: Option<String>,
    /// The column with tags; several are separated by commas or semicolons.
    tag: Option<String>,
    /// The column with the `external_id`, where that is not `case`.
    external_id: Option<String>,
    /// Whether to skip invalid rows instead of refusing the file.
    #[serde(default)]
    skip_bad: bool,
    /// Whether customers that are registered already get what is new in the file. Without it, those get it that an import
    /// registered, and rows of others are invalid.
    update: Option<bool>,
    /// Whether to write nothing, and to report what would be written.
    #[serde(default)]
    preview: bool,
    /// The encoding, where the file does not tell it.
    #[param(example = "gb18030")]
    encoding: Option<String>,
    /// The sheet of a workbook; without it the first one with the column of `case`, or the first one.
    sheet: Option<String>,
    /// The IANA time zone of times without an offset; that of the pipeline's default pool without it.
    #[param(example = "Asia/Shanghai")]
    zone: Option<String>,
    /// How times are written, in the notation of `strftime`. Needed where day and month could be either way round.
    #[param(example = "%d/%m/%Y %H:%M")]
    time_format: Option<String>,
}

/// What parameters name whose own names are not fixed, or that come several times.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Columns with the time at which a status was entered, and the status.
    entered: Vec<(String, String)>,
    /// Custom fields and their columns.
    fields: Vec<(String, String)>,
}

/// The query of an import: what is named freely, what is particular to it, how statuses end, and the rest.
pub(super) struct FileQuery<P>(
    pub(super) Named,
    pub(super) P,
    pub(super) EndingParams,
    pub(super) ImportParams,
);

impl<P: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for FileQuery<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (named, rest) = Named::split(parts.uri.query().unwrap_or_default())?;
        let path = parts.uri.path().to_owned();
        let uri = format!("{path}?{rest}").parse::<Uri>();
        let full = std::mem::replace(&mut parts.uri, uri.unwrap_or_default());
        let read = Query::<P, EndingParams, ImportParams>::from_request_parts(parts, state).await;
        parts.uri = full;
        let Query(own, endings, params, ..) = read?;
        Ok(Self(named, own, endings, params))
    }
}

impl Named {
    /// Takes the freely named parameters out of a query string.
    fn split(query: &str) -> Result<(Self, String), Problem> {
        let (mut named, mut rest) = (Self::default(), Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name, name)?;
            if name == ENTERED {
                named.entered.extend(entered(&decoded(ENTERED, value)?)?);
            } else if let Some(key) = name.strip_prefix(FIELD) {
                named.fields.push((key.to_owned(), decoded(&name, value)?));
            } else {
                rest.push(pair);
            }
        }
        Ok((named, rest.join("&")))
    }
}

fn decoded(parameter: &str, text: &str) -> Result<String, Problem> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().map(String::from).map_err(|_| {
        let message = Label::new("不是 UTF-8。", "The value is not UTF-8.");
        Problem::malformed_query(parameter, message)
    })
}

/// `COLUMN:STATUS`, or several of them separated by commas. A column may have colons in its name, and commas where no part
/// between them lacks a colon.
fn entered(text: &str) -> Result<Vec<(String, String)>, Problem> {
    let pair = |part: &str| -> Option<(String, String)> {
        let (column, status) = part.rsplit_once(':')?;
        let (column, status) = (column.trim(), status.trim());
        (!column.is_empty() && !status.is_empty()).then(|| (column.to_owned(), status.to_owned()))
    };
    let several: Option<Vec<(String, String)>> = text.split(',').map(pair).collect();
    several.or_else(|| pair(text).map(|one| vec![one])).ok_or_else(|| {
        let message = Label::new(
            "应为 列:状态，例如 entered=Date entered Quoted:Quoted。",
            "Must be COLUMN:STATUS, such as entered=Date entered Quoted:Quoted.",
        );
        Problem::invalid_value(ENTERED, message)
    })
}

impl HistoryParams {
    pub(super) fn complete(self, mapping: Mapping) -> Mapping {
        Mapping { status: self.status, time: self.time, ..mapping }
    }
}

impl EndingParams {
    pub(super) fn complete(self, mapping: Mapping) -> Mapping {
        let listed = |statuses: String| -> Vec<String> {
            let each = statuses.split(',').map(str::trim);
            each.filter(|status| !status.is_empty()).map(str::to_owned).collect()
        };
        let finals = self.r#final.map(listed).unwrap_or_default();
        Mapping { endings: Endings::told(self.won.map(listed), self.lost.map(listed), finals), ..mapping }
    }
}

impl CustomerParams {
    pub(super) fn complete(self, mapping: Mapping) -> Mapping {
        Mapping { status: self.status, without_history: true, ..mapping }
    }
}

impl ImportParams {
    /// What the parameters say, but for where statuses stand.
    pub(super) async fn mapping(
        self,
        state: &AppState,
        caller: &Caller,
        named: Named,
        headers: &HeaderMap,
    ) -> Result<Mapping, Problem> {
        let zone = match &self.zone {
            Some(name) => zone("zone", name)?,
            None => state.app.import_zone(caller.tenant, &self.pipeline).await?,
        };
        let encoding = self.encoding.clone().or_else(|| declared_charset(headers));
        let encoding = encoding.map(|name| Format::encoding(&name)).transpose();
        let encoding = encoding.map_err(|error: ImportError| Problem::from(error))?;
        let time_format = self.time_format.map(Format::time_format).transpose();
        let format = time_format.map_err(|error: ImportError| Problem::from(error))?;
        let time = TimeRules { zone, format, zones: state.app.zones.clone() };
        let columns = [
            (Detail::Name, self.name),
            (Detail::Phone, self.phone),
            (Detail::Email, self.email),
            (Detail::Amount, self.amount),
            (Detail::Currency, self.currency),
            (Detail::Owner, self.owner),
            (Detail::Source, self.source),
            (Detail::Channel, self.channel),
            (Detail::Tag, self.tag),
            (Detail::ExternalId, self.external_id),
        ];
        Ok(Mapping {
            pipeline: self.pipeline,
            case: self.case,
            entered: named.entered,
            fields: named.fields,
            actor: self.actor,
            details: columns.into_iter().filter_map(|(detail, column)| Some((detail, column?))).collect(),
            skip_bad: self.skip_bad,
            update: self.update,
            preview: self.preview,
            format: Format { encoding, sheet: self.sheet, time },
            ..Mapping::default()
        })
    }
}

/// The character set that the content type names.
fn declared_charset(headers: &HeaderMap) -> Option<String> {
    let named = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let charset =
        named.split(';').find_map(|part| part.trim().strip_prefix("charset=").map(str::to_owned))?;
    Some(charset.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_freely_is_taken_out_of_the_query() {
        let query =
            "pipeline=p&field:budget=Budget+CNY&entered=A:New&case=c&entered=Date%20entered%20%22X:Y%22:Won";
        let (named, rest) = Named::split(query).unwrap();
        assert_eq!(rest, "pipeline=p&case=c");
        assert_eq!(named.fields, [("budget".to_owned(), "Budget CNY".to_owned())]);
        let expected = [("A", "New"), ("Date entered \"X:Y\"", "Won")];
        assert_eq!(named.entered, expected.map(|(column, status)| (column.to_owned(), status.to_owned())));
        assert_eq!(entered("A:New,B:Won").unwrap().len(), 2);
        assert_eq!(entered("Closed, maybe:Won").unwrap(), [("Closed, maybe".to_owned(), "Won".to_owned())]);
        assert!(entered("Won").is_err());
    }
}
