//! Query strings, read as strictly as bodies.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::strict::{self, Fault, FaultKind, Faults, Source};
use crate::domain::Label;
use crate::eventstore::Position;
use crate::problem::Problem;

/// The parameters of a query string, read as up to four groups that endpoints share (such as a filter, the two
/// times and a page). A parameter that none of the groups knows is refused by name.
#[derive(Debug)]
pub struct Query<A, B = Nothing, C = Nothing, D = Nothing>(pub A, pub B, pub C, pub D);

/// No parameters.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Nothing {}

/// How long a read waits at most.
pub(super) const LONGEST_WAIT_MS: u64 = 60_000;

/// Beside a request that is read from the log: `min_position` and `wait_ms` are parameters that it has, and were heeded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waited;

/// What such a request may say of that.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Waiting {
    #[serde(rename = "min_position")]
    _min_position: Option<Position>,
    wait_ms: Option<u64>,
}

/// Insists that a wait is not too long.
///
/// # Errors
/// 422 when it is.
pub(super) fn check_wait(wait_ms: Option<u64>) -> Result<(), Problem> {
    if wait_ms.is_none_or(|wait| wait <= LONGEST_WAIT_MS) {
        return Ok(());
    }
    let message = Label::new(
        format!("最多 {LONGEST_WAIT_MS} 毫秒。"),
        format!("Must be at most {LONGEST_WAIT_MS} milliseconds."),
    );
    Err(Problem::invalid_value("wait_ms", message))
}

impl<A, B, C, D, S> FromRequestParts<S> for Query<A, B, C, D>
where
    A: DeserializeOwned,
    B: DeserializeOwned,
    C: DeserializeOwned,
    D: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        match parts.extensions.get::<Waited>() {
            Some(_) => Self::read_after_waiting(query),
            None => Self::read(query),
        }
    }
}

impl<A, B, C, D> Query<A, B, C, D>
where
    A: DeserializeOwned,
    B: DeserializeOwned,
    C: DeserializeOwned,
    D: DeserializeOwned,
{
    /// The groups that a query string has.
    ///
    /// # Errors
    /// 400 and 422 with everything that is wrong with it.
    pub fn read(query: &str) -> Result<Self, Problem> {
        let given = parameters(query)?;
        Self::of(&given, Self::faults(&given))
    }

    /// The same of a read that waits for the log: how long, and for what, every group may leave to the layer that did.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn read_after_waiting(query: &str) -> Result<Self, Problem> {
        let given = parameters(query)?;
        let mut faults = Self::faults(&given);
        let (waiting, rest): (Map<_, _>, Map<_, _>) = given.into_iter().partition(|(name, _)| {
            matches!(name.as_str(), "min_position" | "wait_ms") && is_disowned(&faults, name)
        });
        let Waiting { wait_ms, .. } = strict::read(&Value::Object(waiting.clone()), Source::Query)?;
        check_wait(wait_ms)?;
        for of in &mut faults {
            of.retain(|fault| !waiting.contains_key(&fault.field));
        }
        Self::of(&rest, faults)
    }

    /// What each group has against the parameters. What one does not know may be another's.
    fn faults(given: &Map<String, Value>) -> [Vec<Fault>; 4] {
        [faults_of::<A>(given), faults_of::<B>(given), faults_of::<C>(given), faults_of::<D>(given)]
    }

    fn of(given: &Map<String, Value>, faults: [Vec<Fault>; 4]) -> Result<Self, Problem> {
        let unknown = given.iter().filter(|(name, _)| is_disowned(&faults, name)).flat_map(names_as_given);
        let unknown = unknown.map(|field| Fault { field, kind: FaultKind::Unknown });
        let wrong = faults.iter().flatten().filter(|fault| fault.kind != FaultKind::Unknown).cloned();
        let all: Vec<Fault> = unknown.chain(wrong).collect();
        if !all.is_empty() {
            return Err(Faults { source: Source::Query, all }.into());
        }
        let [a, b, c, d] = faults.map(|faults| known_part(given, &faults));
        Ok(Self(group(&a)?, group(&b)?, group(&c)?, group(&d)?))
    }
}

/// What a group has against the parameters.
fn faults_of<T: DeserializeOwned>(given: &Map<String, Value>) -> Vec<Fault> {
    strict::read::<T>(&Value::Object(given.clone()), Source::Query)
        .map_or_else(|faults| faults.all, |_| Vec::new())
}

/// The parameters that a group knows.
fn known_part(given: &Map<String, Value>, faults: &[Fault]) -> Value {
    let known = given.iter().filter(|(name, _)| !faults.iter().any(|fault| is_unknown(fault, name)));
    Value::Object(known.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The names under which a parameter was given: of custom fields, one for each.
fn names_as_given((name, value): (&String, &Value)) -> Vec<String> {
    match value {
        Value::Object(fields) if name == FIELDS => fields.keys().map(|key| format!("{FIELD}{key}")).collect(),
        _ => vec![name.clone()],
    }
}

fn group<T: DeserializeOwned>(known: &Value) -> Result<T, Problem> {
    Ok(strict::read(known, Source::Query)?)
}

fn is_unknown(fault: &Fault, name: &str) -> bool {
    fault.kind == FaultKind::Unknown && fault.field == name
}

/// Whether no group knows the parameter.
fn is_disowned(faults: &[Vec<Fault>; 4], name: &str) -> bool {
    faults.iter().all(|of| of.iter().any(|fault| is_unknown(fault, name)))
}

/// What stands before the key of a custom field in the name of its parameter.
const FIELD: &str = "field:";
/// The member under which a group has all of those parameters, by the key.
const FIELDS: &str = "field:KEY";

/// The parameters of a query string as an object of texts; those of custom fields as one of their own in it.
fn parameters(query: &str) -> Result<Map<String, Value>, Problem> {
    let (mut object, mut fields) = (Map::new(), Map::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name, name)?;
        let value = Value::String(decoded(&name, value)?);
        let before = match name.strip_prefix(FIELD) {
            Some(key) => fields.insert(key.to_owned(), value),
            None => object.insert(name.clone(), value),
        };
        if before.is_some() {
            return Err(Problem::malformed_query(
                &name,
                Label::new(
                    format!("参数 {name} 出现了两次。"),
                    format!("The parameter {name} appears twice."),
                ),
            ));
        }
    }
    if !fields.is_empty() {
        object.insert(FIELDS.to_owned(), Value::Object(fields));
    }
    Ok(object)
}

/// Percent-decodes a part of a query string, which must be UTF-8 then.
fn decoded(parameter: &str, text: &str) -> Result<String, Problem> {
    percent_decoded(text).ok_or_else(|| {
        Problem::malformed_query(
            parameter,
            Label::new(
                "百分号编码不正确，或不是 UTF-8。",
                "The percent-encoding is not valid, or the value is not UTF-8.",
            ),
        )
    })
}

/// The last position that a query string names. Anything that is not a position is refused where the query is parsed.
pub(crate) fn position_named(uri: &Uri) -> Option<Position> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let named = pairs.filter(|(name, _)| matches!(*name, "min_position" | "known_position"));
    named.filter_map(|(_, value)| value.parse().ok()).max()
}

/// A text as a part of an address (RFC 3986, section 2.3): all but the unreserved characters escaped.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Everything but the unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text without its escapes. A `%` that begins none is refused, which the library for the other direction lets pass.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(decoded).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::extract::FromRequestParts;
    use axum::http::Request;
    use serde::Deserialize;

    use super::Query;
    use crate::problem::Problem;

    #[derive(Debug, Deserialize)]
    struct Filter {
        owner: Option<String>,
        tag: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    struct Page {
        limit: Option<u32>,
    }

    async fn read(query: &str) -> Result<Query<Filter, Page>, Problem> {
        let (mut parts, ()) = Request::get(format!("/x?{query}")).body(()).unwrap().into_parts();
        Query::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn every_group_takes_its_own_parameters() {
        let Query(filter, page, ..) = read("owner=l%C3%AC&limit=5&tag=a+b").await.unwrap();
        assert_eq!((filter.owner.as_deref(), filter.tag.as_deref()), (Some("lì"), Some("a b")));
        assert_eq!(page.limit, Some(5));
        assert!(read("").await.is_ok());
    }

    #[derive(Debug, Deserialize)]
    struct Fields {
        #[serde(rename = "field:KEY")]
        fields: Option<BTreeMap<String, String>>,
    }

    #[tokio::test]
    async fn custom_fields_are_parameters_by_their_keys() {
        let Query(Fields { fields }, ..) =
            Query::<Fields>::read("field:budget=high&field:a%20b=1,2").unwrap();
        let fields: Vec<(String, String)> = fields.unwrap().into_iter().collect();
        assert_eq!(fields, [("a b".into(), "1,2".into()), ("budget".into(), "high".into())]);
        let refused = Query::<Filter>::read("field:budget=high").unwrap_err();
        assert_eq!(refused.code(), "unknown-parameter");
        assert!(format!("{refused:?}").contains("field:budget"), "{refused:?}");
        assert_eq!(Query::<Fields>::read("field:a=1&field:a=2").unwrap_err().code(), "malformed-query");
    }

    #[tokio::test]
    async fn a_parameter_that_no_group_knows_is_refused() {
        assert_eq!(read("owner=li&ownr=li").await.unwrap_err().code(), "unknown-parameter");
    }

    #[tokio::test]
    async fn a_value_of_the_wrong_type_is_refused() {
        assert_eq!(read("limit=many").await.unwrap_err().code(), "invalid-value");
        assert_eq!(read("limit=-1").await.unwrap_err().code(), "invalid-value");
    }

    #[tokio::test]
    async fn what_cannot_be_decoded_or_is_given_twice_is_refused() {
        for query in ["owner=%ff", "owner=%4", "owner=%zz", "limit=1&limit=2"] {
            assert_eq!(read(query).await.unwrap_err().code(), "malformed-query", "{query}");
        }
    }
}
