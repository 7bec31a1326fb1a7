//! The customers of a report in groups, by what they were like at the instant asked about, and its window in months or quarters;
//! and those of them whose own fields hold something.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, Utc};
use uuid::Uuid;
use waymark_domain::field::{Fields, words};
use waymark_domain::{Owner, ProfileField};
use waymark_eventstore::Position;

use super::{journeys, known, pasts};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::field_values::{self, FieldValues};
use crate::models::board::versions::{self, CustomerVersion, CustomerVersions, OwnSubStatuses};
use crate::models::dwell::{self, Window};
use crate::models::snapshot::Snapshot;
use crate::query::{AnyOf, AsOf, CohortFilter, StaySubStatus};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::cycles::{Outcome, cycles};
use crate::stats::journeys::stays;
use crate::stats::{JourneySet, Micros};

/// By what a report is divided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKey {
    /// Whose the customer is.
    Owner,
    /// Whose team the customer's owner is in.
    Team,
    /// Where the lead came from.
    Source,
    /// Through which channel.
    Channel,
    /// The value tier.
    Tier,
    /// A text of the profile, of those that reports look at.
    Profile(ProfileField),
    /// The pipeline version under which the customer last moved.
    Version,
    /// The sub-status that the customer's journey in the pipeline stands in; of a report that counts stays, each stay's own.
    SubStatus,
    /// The reason with which the customer's last cycle was lost.
    LostReason,
    /// The calendar month (UTC) of the window.
    Month,
    /// The quarter of the window.
    Quarter,
    /// What the customer's own field of that key holds.
    Field(String),
}

/// What stands before the key of a field.
const FIELD: &str = "field:";

impl GroupKey {
    /// Every key but those of fields.
    pub fn all() -> impl Iterator<Item = Self> {
        let first = [Self::Owner, Self::Team, Self::Source, Self::Channel, Self::Tier];
        let last = [Self::Version, Self::SubStatus, Self::LostReason, Self::Month, Self::Quarter];
        first.into_iter().chain(ProfileField::IN_REPORTS.map(Self::Profile)).chain(last)
    }

    /// The word under which it stands in questions and answers.
    #[must_use]
    pub fn word(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Owner => "owner",
            Self::Team => "team",
            Self::Source => "source",
            Self::Channel => "channel",
            Self::Tier => "tier",
            Self::Profile(field) => field.key(),
            Self::Version => "version",
            Self::SubStatus => "sub_status",
            Self::LostReason => "lost_reason",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Field(key) => return Cow::Owned(format!("{FIELD}{key}")),
        })
    }

    /// The key of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word.strip_prefix(FIELD) {
            Some(key) => (!key.is_empty()).then(|| Self::Field(key.to_owned())),
            None => Self::all().find(|key| key.word() == word),
        }
    }

    /// The field that it is of.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Field(key) => Some(key),
            _ => None,
        }
    }

    /// Whether it divides the window, and not the customers.
    #[must_use]
    pub fn is_of_time(&self) -> bool {
        self.months().is_some()
    }

    /// Over how many months a group goes; none for a group of customers.
    fn months(&self) -> Option<u32> {
        match self {
            Self::Month => Some(1),
            Self::Quarter => Some(3),
            _ => None,
        }
    }

    fn of(&self, past: &CustomerVersion, member: &Member<'_>) -> Option<String> {
        match self {
            Self::Owner => Some(match &past.owner {
                Owner::Rep(rep) => format!("rep:{rep}"),
                Owner::Pool(pool) => format!("pool:{pool}"),
            }),
            Self::Team => match &past.owner {
                Owner::Rep(rep) => member.teams.get(rep).cloned(),
                Owner::Pool(_) => None,
            },
            Self::Source => past.source.clone(),
            Self::Channel => past.channel.clone(),
            Self::Tier => past.tier.clone(),
            Self::Profile(field) => past.texts.get(*field).clone(),
            Self::Version => Some(past.version.to_string()),
            Self::SubStatus => past.sub_statuses.get(member.pipeline).cloned(),
            Self::LostReason => member.lost_reason.cloned(),
            Self::Field(key) => member.field(key),
            Self::Month | Self::Quarter => None,
        }
    }
}

/// What a report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Customers, or their cycles and moves: each customer is in one group.
    Customers,
    /// Stays, of which each has a sub-status of its own: a customer is in the group of each that one of its stays has.
    Stays,
    /// The same, as they are seen at the instant asked about, of the journeys that began in the window.
    StaysOfBegun,
}

/// By what a report is divided, and who counts at all.
#[derive(Debug, Clone)]
pub struct GroupsQuery {
    /// The two times.
    pub at: AsOf,
    /// Earlier moments that the report looks at, too: who counts at one of them is in a group, by what it is at the two times, or
    /// by what it was then where it is gone.
    pub earlier: Vec<AsOf>,
    /// What the report counts.
    pub counted: Counted,
    /// Whose customers.
    pub filter: CohortFilter,
    /// The window that is divided.
    pub window: Window,
    /// By what: one or two keys.
    pub keys: Vec<GroupKey>,
    /// The team of each rep, at the instant asked about.
    pub teams: BTreeMap<String, String>,
    /// The fields that are declared.
    pub declared: Fields,
}

/// One group: what it is, and the question about it.
#[derive(Debug, Clone)]
pub struct Group {
    /// The value of each key; null where the customer has none.
    pub key: Values,
    /// How many customers.
    pub members: usize,
    /// The customers.
    pub filter: CohortFilter,
    /// The part of the window.
    pub window: Window,
}

/// The values of the keys that group customers.
pub type Values = BTreeMap<String, Option<String>>;

impl ReportSnapshot {
    /// The groups of a pipeline's customers, in the order of their keys' values.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn groups(&mut self, definition: &Definition, query: &GroupsQuery) -> Result<Vec<Group>> {
        let snapshot = &mut self.0;
        let pipeline = &definition.pipeline.key;
        let known = known(snapshot, &query.at).await?;
        let journeys = journeys(snapshot, pipeline, &query.at, known, &query.filter).await?;
        let pasts = pasts(snapshot, known).await?;
        let begun = journeys.began_at().map_or(query.at.effective_at, instant);
        let spans = spans(&query.keys, query.window, begun, &query.at);
        let mut grouping = Grouping::of(snapshot, definition, query, (&*journeys, known)).await?;
        let own = OwnSubStatuses { journeys: &journeys, pasts: &pasts, pipeline, last: query.at.micros() };
        for journey in 0..journeys.len() {
            let stays = grouping.sub_statuses(own, journey, &spans);
            grouping.add(journeys.customer(journey), &pasts, stays);
        }
        let mut met: HashSet<Uuid> = (0..journeys.len()).map(|journey| journeys.customer(journey)).collect();
        for at in &query.earlier {
            let known = super::known(snapshot, at).await?;
            let journeys = super::journeys(snapshot, pipeline, at, known, &query.filter).await?;
            let then = super::pasts(snapshot, known).await?;
            let numbers = 0..journeys.len();
            for customer in numbers.map(|journey| journeys.customer(journey)).filter(|one| met.insert(*one)) {
                let told = if pasts.contains_key(&customer) { &pasts } else { &then };
                grouping.add(customer, told, BTreeSet::new());
            }
        }
        Ok(grouping.groups(&spans))
    }

    /// The customers whose own fields held any of the wanted words of each key, at an instant and by what was known of it.
    ///
    /// # Errors
    /// When the log or the database fails.
    pub async fn having(
        &mut self,
        at: &AsOf,
        declared: &Fields,
        wanted: &BTreeMap<String, AnyOf>,
    ) -> Result<BTreeSet<Uuid>> {
        let snapshot = &mut self.0;
        let known = known(snapshot, at).await?;
        let fields = field_values::load(snapshot, at.micros(), known).await?;
        let has = |held: &BTreeMap<String, serde_json::Value>| {
            wanted.iter().all(|(key, wanted)| {
                let kind = declared.get(key).map(|field| &field.kind);
                let value = held.get(key);
                value.is_some_and(|value| words(kind, value).iter().any(|word| wanted.contains(word)))
            })
        };
        Ok(fields.into_iter().filter(|(_, held)| has(held)).map(|(customer, _)| customer).collect())
    }
}

/// Customers that are put into groups, and what of them says into which.
struct Grouping<'a> {
    query: &'a GroupsQuery,
    pipeline: &'a str,
    /// The reasons of those whose last cycle was lost, where a key asks for them.
    reasons: HashMap<Uuid, String>,
    /// The customers' own fields, where a key asks for one.
    fields: FieldValues,
    members: BTreeMap<(Values, Option<StaySubStatus>), BTreeSet<Uuid>>,
}

impl<'a> Grouping<'a> {
    async fn of(
        snapshot: &mut Snapshot,
        definition: &'a Definition,
        query: &'a GroupsQuery,
        (journeys, known): (&JourneySet, Position),
    ) -> Result<Self> {
        let until = query.at.micros();
        let reasons = match query.keys.contains(&GroupKey::LostReason) {
            true => lost_reasons(snapshot, definition, journeys, (until, known)).await?,
            false => HashMap::new(),
        };
        let fields = match query.keys.iter().any(|key| key.field().is_some()) {
            true => field_values::load(snapshot, until, known).await?,
            false => HashMap::new(),
        };
        let pipeline = &definition.pipeline.key;
        Ok(Self { query, pipeline, reasons, fields, members: BTreeMap::new() })
    }

    /// Whether a customer is in the group of each sub-status that one of its stays has.
    fn is_of_stays(&self) -> bool {
        self.query.counted != Counted::Customers && self.query.keys.contains(&GroupKey::SubStatus)
    }

    /// The sub-statuses of those stays of a journey that count in one of the spans.
    fn sub_statuses(
        &self,
        own: OwnSubStatuses<'_>,
        journey: usize,
        spans: &[(Values, Window)],
    ) -> BTreeSet<Option<String>> {
        if !self.is_of_stays() {
            return BTreeSet::new();
        }
        let at = &self.query.at;
        let began = own.journeys.until(journey, at.micros()).first().map(|record| record.at);
        let of_span = |(_, window): &(Values, Window)| match self.query.counted {
            Counted::Stays => own_sub_statuses(OwnSubStatuses { last: window.last(at), ..own }, journey),
            Counted::StaysOfBegun if began.is_some_and(|began| window.holds(began)) => {
                own_sub_statuses(own, journey)
            }
            Counted::StaysOfBegun | Counted::Customers => BTreeSet::new(),
        };
        spans.iter().flat_map(of_span).collect()
    }

    /// The values of all keys but those of time, of a customer by what is known of it; none where nothing is.
    fn values(&self, customer: Uuid, pasts: &CustomerVersions) -> Option<Values> {
        let past = pasts.get(&customer).map_or(&[][..], Vec::as_slice);
        let then = versions::at(past, self.query.at.micros()).or(past.first())?;
        let member = Member {
            teams: &self.query.teams,
            pipeline: self.pipeline,
            lost_reason: self.reasons.get(&customer),
            fields: self.fields.get(&customer),
            declared: &self.query.declared,
        };
        let keys = self.query.keys.iter().filter(|key| key.months().is_none());
        Some(keys.map(|key| (key.word().into_owned(), key.of(then, &member))).collect())
    }

    /// Puts a customer into its group, or into those of its stays.
    fn add(&mut self, customer: Uuid, pasts: &CustomerVersions, stays: BTreeSet<Option<String>>) {
        let Some(values) = self.values(customer, pasts) else { return };
        if !self.is_of_stays() {
            self.members.entry((values, None)).or_default().insert(customer);
            return;
        }
        for own in stays {
            let word = GroupKey::SubStatus.word().into_owned();
            let values = values.clone().into_iter().chain([(word, own.clone())]).collect::<Values>();
            self.members.entry((values, Some(StaySubStatus(own)))).or_default().insert(customer);
        }
    }

    /// The groups, each for every span of time.
    fn groups(self, spans: &[(Values, Window)]) -> Vec<Group> {
        let mut groups = Vec::new();
        for ((values, stays), customers) in self.members {
            let (members, among) = (customers.len(), Arc::new(customers));
            let filter = CohortFilter { among: Some(among), stays, ..self.query.filter.clone() };
            for (time, window) in spans {
                let key = values.iter().chain(time);
                let key = key.map(|(name, value)| (name.clone(), value.clone())).collect();
                groups.push(Group { key, members, filter: filter.clone(), window: *window });
            }
        }
        groups
    }
}

/// What is known of a customer beside what it was like.
struct Member<'a> {
    teams: &'a BTreeMap<String, String>,
    pipeline: &'a str,
    lost_reason: Option<&'a String>,
    fields: Option<&'a BTreeMap<String, serde_json::Value>>,
    declared: &'a Fields,
}

impl Member<'_> {
    /// What a field holds; several options as one text.
    fn field(&self, key: &str) -> Option<String> {
        let kind = self.declared.get(key).map(|field| &field.kind);
        let words = words(kind, self.fields?.get(key)?);
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// The sub-statuses of the stays of a journey that had begun by an instant.
fn own_sub_statuses(own: OwnSubStatuses<'_>, journey: usize) -> BTreeSet<Option<String>> {
    let stays = stays(own.journeys.until(journey, own.last));
    stays.iter().map(|stay| own.of(journey, stay).cloned()).collect()
}

/// The reasons of those customers whose last cycle was lost with one.
async fn lost_reasons(
    snapshot: &mut Snapshot,
    definition: &Definition,
    journeys: &JourneySet,
    (until, known): (Micros, Position),
) -> Result<HashMap<Uuid, String>> {
    snapshot.switch_model(dwell::NAME).await?;
    let reasons = dwell::reasons(snapshot, &definition.pipeline.key, known).await?;
    let kinds = definition.kinds(journeys);
    let lost = journeys.journeys(until).filter_map(|(journey, records)| {
        let customer = journeys.customer(journey);
        match cycles(records).last()?.outcome(&kinds)? {
            Outcome::Lost(when) => Some((customer, reasons.get(&(customer, when))?.clone())),
            Outcome::Won(_) | Outcome::Closed(_) => None,
        }
    });
    Ok(lost.collect())
}

/// The parts of a window by months or quarters, each with its name; the window itself where no key asks for them.
fn spans(keys: &[GroupKey], window: Window, begun: DateTime<Utc>, at: &AsOf) -> Vec<(Values, Window)> {
    let Some((key, months)) = keys.iter().find_map(|key| Some((key, key.months()?))) else {
        return vec![(Values::new(), window)];
    };
    let (from, end) = (window.from.unwrap_or(begun), window.to.unwrap_or(at.effective_at));
    let first_month = from.month0() / months * months + 1;
    let mut first = NaiveDate::from_ymd_opt(from.year(), first_month, 1);
    let mut spans = Vec::new();
    while let Some(day) = first.filter(|day| midnight(*day) < end || spans.is_empty()) {
        let next = day.checked_add_months(Months::new(months));
        let to = next.map(midnight).filter(|next| *next < end);
        let name = match key {
            GroupKey::Quarter => format!("{}-Q{}", day.year(), day.month0() / 3 + 1),
            _ => day.format("%Y-%m").to_string(),
        };
        let part = Window { from: Some(midnight(day).max(from)), to: to.or(window.to) };
        spans.push((Values::from([(key.word().into_owned(), Some(name))]), part));
        first = next;
    }
    spans
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_quarters_meet_and_fill_the_window() {
        let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let window =
            Window { from: Some(instant("2026-01-15T00:00:00Z")), to: Some(instant("2026-05-02T00:00:00Z")) };
        let at = AsOf::known_now(instant("2026-06-01T00:00:00Z"));
        for (key, names) in [
            (GroupKey::Month, vec!["2026-01", "2026-02", "2026-03", "2026-04", "2026-05"]),
            (GroupKey::Quarter, vec!["2026-Q1", "2026-Q2"]),
        ] {
            let parts = spans(std::slice::from_ref(&key), window, at.effective_at, &at);
            let found: Vec<_> = parts.iter().map(|(name, _)| name[&*key.word()].clone().unwrap()).collect();
            assert_eq!(found, names);
            assert_eq!((parts[0].1.from, parts[parts.len() - 1].1.to), (window.from, window.to));
            assert!(parts.windows(2).all(|pair| pair[0].1.to == pair[1].1.from), "{parts:?}");
        }
        assert_eq!(spans(&[GroupKey::Owner], window, at.effective_at, &at), [(Values::new(), window)]);
        let open = spans(&[GroupKey::Month], Window::default(), instant("2026-05-05T00:00:00Z"), &at);
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].1.to, None, "up to the instant asked about, which counts itself");
    }
}
