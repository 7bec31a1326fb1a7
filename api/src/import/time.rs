//! Instants as people, spreadsheets and programs write them.
//!
//! What can be read in one way alone is read. A date that can be read in two ways, such as 03/05/2026, is refused with the
//! parameter that says which it is.

use std::borrow::Cow;

use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, SubsecRound, TimeDelta, Utc,
};
use chrono_tz::Tz;
use waymark_domain::instant::is_leap_second;
use waymark_domain::{Label, Zones};

/// Signs of a local time that are written for others, and what for.
const SAME_SIGNS: [(char, &str); 9] = [
    ('：', ":"),
    ('／', "/"),
    ('－', "-"),
    ('年', "-"),
    ('月', "-"),
    ('日', " "),
    ('号', " "),
    ('时', ":"),
    ('点', ":"),
];
/// The names of months, as far as they are compared.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The names of the days of the week, as far as they are compared, and what Chinese ones begin with.
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const CHINESE_WEEKDAYS: [&str; 3] = ["星期", "礼拜", "周"];

/// How times without an offset are read.
#[derive(Debug, Clone)]
pub struct TimeRules {
    /// The zone of times that name no offset.
    pub zone: Tz,
    /// The shape of the times, as of `strftime`; those that it does not fit are read as any others.
    pub format: Option<String>,
    /// The rules of zones.
    pub zones: Zones,
}

impl Default for TimeRules {
    fn default() -> Self {
        Self { zone: Tz::UTC, format: None, zones: Zones::compiled() }
    }
}

/// Why a text is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeFault {
    /// It is not written in any way that is known.
    Malformed,
    /// Day and month could be either way round, or the century is not told.
    Ambiguous,
    /// It is the number by which spreadsheets count days, without the looks of a date.
    DayNumber,
    /// Its second is 60.
    LeapSecond,
    /// Clocks in that zone never showed it.
    Skipped,
    /// It is before 1970 or after 9999.
    OutOfRange,
}

impl TimeFault {
    /// A stable code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous-date",
            Self::Malformed | Self::DayNumber | Self::LeapSecond | Self::Skipped | Self::OutOfRange => {
                "invalid-instant"
            }
        }
    }

    /// What is wrong with a text.
    pub(super) fn message(self, text: &str) -> Label {
        match self {
            Self::Malformed => {
                Label::new(format!("“{text}”不是时间。"), format!("{text:?} is not a date or time."))
            }
            Self::Ambiguous => Label::new(
                format!("“{text}”有多种读法：日和月的先后或世纪不明。"),
                format!(
                    "{text:?} can be read in several ways: the order of day and month, or the century, is not clear."
                ),
            ),
            Self::DayNumber => Label::new(
                format!("“{text}”像是表格软件的日期序号，没有显示为日期。"),
                format!("{text:?} seems to be a spreadsheet's number of a day that is not shown as a date."),
            ),
            Self::LeapSecond => waymark_domain::instant::InvalidInstant::LeapSecond.label(),
            Self::Skipped => Label::new(
                format!("“{text}”在该时区不存在：夏令时跳过了这一时刻。"),
                format!("{text:?} does not exist in the time zone: clocks were set forward past it."),
            ),
            Self::OutOfRange => Label::new(
                format!("“{text}”不在 1970 年至 9999 年之间。"),
                format!("{text:?} is not between the years 1970 and 9999."),
            ),
        }
    }

    /// How to mend it.
    pub(super) fn mend(self) -> Label {
        match self {
            Self::Ambiguous => Label::new(
                "请用 time_format 说明写法，例如 time_format=%d/%m/%Y（日在前）、%m/%d/%Y（月在前）或 %d-%b-%y（3-Nov-26）。",
                "Say how it is written with time_format, such as time_format=%d/%m/%Y (day first), %m/%d/%Y (month first) or %d-%b-%y (3-Nov-26).",
            ),
            Self::DayNumber => Label::new(
                "请在表格软件中把这一列的单元格格式设为日期，再保存。",
                "Give the cells of the column the format of a date in the spreadsheet, and save it again.",
            ),
            Self::Skipped => Label::new(
                "请检查时间，或用 zone 指定另一个时区。",
                "Check the time, or name another time zone with zone.",
            ),
            Self::Malformed | Self::LeapSecond | Self::OutOfRange => Label::new(
                "请写成 2026-11-03 14:05、2026/11/3、2026年11月3日 或 2026-11-03T14:05:00+08:00，或用 time_format 说明写法。",
                "Write it as 2026-11-03 14:05, 2026/11/3 or 2026-11-03T14:05:00+08:00, or say how it is written with \
                 time_format.",
            ),
        }
    }
}

/// What a text with an offset names.
fn with_offset(read: DateTime<FixedOffset>) -> Result<DateTime<Utc>, TimeFault> {
    if is_leap_second(&read.naive_local()) { Err(TimeFault::LeapSecond) } else { Ok(read.to_utc()) }
}

impl TimeRules {
    /// The instant that a text names; finer digits than microseconds are cut.
    pub(super) fn instant(&self, text: &str) -> Result<DateTime<Utc>, TimeFault> {
        let read = self.read(text.trim())?;
        let instant = read.trunc_subsecs(6);
        if (1970..=9999).contains(&instant.year()) { Ok(instant) } else { Err(TimeFault::OutOfRange) }
    }

    fn read(&self, text: &str) -> Result<DateTime<Utc>, TimeFault> {
        if let Some(instant) = self.format.as_deref().and_then(|format| self.by_format(text, format)) {
            return instant;
        }
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return with_offset(instant);
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.digits(text);
        }
        let (local, offset) = written(text)?;
        self.at(local, offset)
    }

    /// A text in the shape that was declared; none where it does not fit.
    fn by_format(&self, text: &str, format: &str) -> Option<Result<DateTime<Utc>, TimeFault>> {
        if let Ok(instant) = DateTime::parse_from_str(text, format) {
            return Some(with_offset(instant));
        }
        let local = NaiveDateTime::parse_from_str(text, format)
            .or_else(|_| NaiveDate::parse_from_str(text, format).map(|day| day.and_time(NaiveTime::MIN)));
        Some(self.at(local.ok()?, None))
    }

    /// Digits alone: a date, a date with a time, or what has passed since 1970.
    fn digits(&self, text: &str) -> Result<DateTime<Utc>, TimeFault> {
        let number: i64 = text.parse().map_err(|_| TimeFault::Malformed)?;
        let since_1970 = match text.len() {
            8 => {
                let day = NaiveDate::parse_from_str(text, "%Y%m%d").map_err(|_| TimeFault::Malformed)?;
                return self.at(day.and_time(NaiveTime::MIN), None);
            }
            14 => {
                let local =
                    NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S").map_err(|_| TimeFault::Malformed)?;
                return self.at(local, None);
            }
            10 => DateTime::from_timestamp(number, 0),
            13 => DateTime::from_timestamp_millis(number),
            16 => DateTime::from_timestamp_micros(number),
            // From 1970 to 2173.
            5 if (25_569..=99_999).contains(&number) => return Err(TimeFault::DayNumber),
            _ => None,
        };
        since_1970.ok_or(TimeFault::Malformed)
    }

    /// The instant at which clocks show a local time: with an offset, or in the zone. Of an hour that clocks show twice, the
    /// first.
    fn at(&self, local: NaiveDateTime, offset: Option<TimeDelta>) -> Result<DateTime<Utc>, TimeFault> {
        if is_leap_second(&local) {
            return Err(TimeFault::LeapSecond);
        }
        if let Some(offset) = offset {
            return local.and_utc().checked_sub_signed(offset).ok_or(TimeFault::OutOfRange);
        }
        if self.zone == Tz::UTC {
            return Ok(local.and_utc());
        }
        let instant = self.zones.first_stroke(self.zone, local);
        if self.zones.local(self.zone, instant) == local { Ok(instant) } else { Err(TimeFault::Skipped) }
    }
}

/// A date, and perhaps a time and an offset, as people write them.
fn written(text: &str) -> Result<(NaiveDateTime, Option<TimeDelta>), TimeFault> {
    let text = without_weekday(text);
    let mut plain = String::with_capacity(text.len());
    for sign in text.chars() {
        match SAME_SIGNS.iter().find(|(other, _)| *other == sign) {
            Some((_, same)) => plain.push_str(same),
            None if sign == '分' => plain.push(':'),
            None if sign == '秒' => plain.push(' '),
            None if sign.is_whitespace() => plain.push(' '),
            None => plain.push(sign),
        }
    }
    let plain = plain.trim();
    let (date, rest) = by_month_name(plain).unwrap_or_else(|| by_numbers(plain))?;
    let (time, offset) = time_of_day(rest.trim())?;
    Ok((date.and_time(time), offset))
}

/// A text without the day of the week, which the date tells.
fn without_weekday(text: &str) -> Cow<'_, str> {
    let (word, rest) = text.split_at(text.find([' ', ',', '.']).unwrap_or(text.len()));
    let is_day = |day: &&str| word.eq_ignore_ascii_case(day) || word.eq_ignore_ascii_case(&day[..3]);
    if WEEKDAYS.iter().any(is_day) {
        return rest.trim_start_matches([' ', ',', '.']).into();
    }
    let named = CHINESE_WEEKDAYS.iter().find_map(|word| {
        let (before, after) = text.split_once(word)?;
        Some((before, after.strip_prefix(['一', '二', '三', '四', '五', '六', '日', '天'])?))
    });
    let Some((before, after)) = named else { return text.into() };
    let (before, after) = match (before.strip_suffix(['(', '（']), after.strip_prefix([')', '）'])) {
        (Some(before), Some(after)) => (before, after),
        _ => (before, after),
    };
    format!("{before} {after}").into()
}

/// A date with the year first, or one whose day and month tell themselves, and what follows it.
fn by_numbers(text: &str) -> Result<(NaiveDate, &str), TimeFault> {
    let end = text.find(|sign: char| !(sign.is_ascii_digit() || matches!(sign, '-' | '/' | '.')));
    let (date, rest) = text.split_at(end.unwrap_or(text.len()));
    let rest = rest.strip_prefix(['T', 't', ',']).unwrap_or(rest);
    let separator = date.chars().find(|sign| !sign.is_ascii_digit()).ok_or(TimeFault::Malformed)?;
    let parts: Vec<&str> = date.trim_end_matches(separator).split(separator).collect();
    let [first, second, third] = parts[..] else { return Err(TimeFault::Malformed) };
    if parts.iter().any(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(TimeFault::Malformed);
    }
    let number = |part: &str| part.parse::<u32>().map_err(|_| TimeFault::Malformed);
    if first.len() <= 2 && second.len() <= 2 && third.len() == 4 {
        return Ok((year_last(number(first)?, number(second)?, number(third)?)?, rest));
    }
    if first.len() != 4 {
        return Err(if first.len() <= 2 { TimeFault::Ambiguous } else { TimeFault::Malformed });
    }
    let year = i32::try_from(number(first)?).map_err(|_| TimeFault::Malformed)?;
    let date = NaiveDate::from_ymd_opt(year, number(second)?, number(third)?);
    Ok((date.ok_or(TimeFault::Malformed)?, rest))
}

/// A date of which the order of day and month is not told, where it can be one day alone.
fn year_last(first: u32, second: u32, year: u32) -> Result<NaiveDate, TimeFault> {
    let year = i32::try_from(year).map_err(|_| TimeFault::Malformed)?;
    let readings = [(first, second), (second, first)];
    let mut days = readings.iter().filter_map(|(day, month)| NaiveDate::from_ymd_opt(year, *month, *day));
    let day = days.next().ok_or(TimeFault::Malformed)?;
    if days.all(|other| other == day) { Ok(day) } else { Err(TimeFault::Ambiguous) }
}

/// A date with the month's English name, and what follows it; none where it has none.
fn by_month_name(text: &str) -> Option<Result<(NaiveDate, &str), TimeFault>> {
    let (mut month, mut day, mut year) = (None, None, None);
    let mut rest = text;
    while month.is_none() || day.is_none() || year.is_none() {
        rest = rest.trim_start_matches([' ', ',', '-', '/', '.']);
        let end = rest.find([' ', ',', '-', '/', '.']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        if word.is_empty() {
            return None;
        }
        if let Ok(number) = word.parse::<u32>() {
            match word.len() {
                1 | 2 if day.is_none() => day = Some(number),
                4 if year.is_none() => year = i32::try_from(number).ok(),
                // The century is not told.
                2 if month.is_some() => return Some(Err(TimeFault::Ambiguous)),
                _ => return None,
            }
        } else {
            let name = word.get(..3)?.to_ascii_lowercase();
            let found = MONTHS.iter().position(|known| *known == name)?;
            if month.is_some() {
                return None;
            }
            month = u32::try_from(found + 1).ok();
        }
    }
    Some(Ok((NaiveDate::from_ymd_opt(year?, month?, day?)?, rest.trim_start_matches(','))))
}

/// A time of day, with the half of the day before or after it, and an offset; midnight where there is nothing.
fn time_of_day(text: &str) -> Result<(NaiveTime, Option<TimeDelta>), TimeFault> {
    let (text, half) = half_of_day(text);
    let end = text.find(|sign: char| !(sign.is_ascii_digit() || matches!(sign, ':' | '.')));
    let (clock, rest) = text.split_at(end.unwrap_or(text.len()));
    let (rest, later_half) = half_of_day(rest.trim());
    let offset = offset(rest.trim())?;
    let half = half.or(later_half);
    let clock = clock.trim_end_matches(':');
    if clock.is_empty() {
        return if half.is_none() && offset.is_none() {
            Ok((NaiveTime::MIN, None))
        } else {
            Err(TimeFault::Malformed)
        };
    }
    let mut parts = clock.split(':');
    let hour = number(parts.next())?;
    let minute = number(parts.next())?;
    let (second, nanos) = match parts.next() {
        None => (0, 0),
        Some(seconds) => fraction(seconds)?,
    };
    if parts.next().is_some() || (half.is_some() && !(1..=12).contains(&hour)) {
        return Err(TimeFault::Malformed);
    }
    if second == 60 {
        return Err(TimeFault::LeapSecond);
    }
    let hour = match half {
        None => hour,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    let time = NaiveTime::from_hms_nano_opt(hour, minute, second, nanos).ok_or(TimeFault::Malformed)?;
    Ok((time, offset))
}

/// Seconds and nanoseconds.
fn fraction(seconds: &str) -> Result<(u32, u32), TimeFault> {
    let (whole, digits) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if digits.is_empty() || digits.len() > 9 {
        return Err(TimeFault::Malformed);
    }
    Ok((number(Some(whole))?, number(Some(&format!("{digits:0<9}")))?))
}

fn number(part: Option<&str>) -> Result<u32, TimeFault> {
    part.and_then(|part| part.parse().ok()).ok_or(TimeFault::Malformed)
}

/// Whether a text begins with a half of the day, and which: true for the afternoon.
fn half_of_day(text: &str) -> (&str, Option<bool>) {
    const HALVES: [(&str, bool); 6] =
        [("上午", false), ("下午", true), ("AM", false), ("PM", true), ("am", false), ("pm", true)];
    let found =
        HALVES.iter().find_map(|(word, later)| Some((text.strip_prefix(word)?.trim_start(), Some(*later))));
    found.unwrap_or((text, None))
}

/// An offset from UTC: `Z`, `UTC`, `+08`, `+0800`, `+08:00`; none where there is nothing.
fn offset(text: &str) -> Result<Option<TimeDelta>, TimeFault> {
    if text.is_empty() {
        return Ok(None);
    }
    if matches!(text, "Z" | "z" | "UTC" | "GMT") {
        return Ok(Some(TimeDelta::zero()));
    }
    let text = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")).unwrap_or(text);
    let (sign, digits) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (_, Some(digits)) => (-1, digits),
        _ => return Err(TimeFault::Malformed),
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "0"),
    };
    let (hours, minutes) = (number(Some(hours))?, number(Some(minutes))?);
    if hours > 14 || minutes > 59 || digits.len() > 5 {
        return Err(TimeFault::Malformed);
    }
    Ok(Some(TimeDelta::minutes(sign * i64::from(hours * 60 + minutes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_zone(zone: Tz) -> TimeRules {
        TimeRules { zone, ..TimeRules::default() }
    }

    #[track_caller]
    fn reads(rules: &TimeRules, text: &str, expected: &str) {
        assert_eq!(rules.instant(text), Ok(expected.parse().unwrap()), "{text}");
    }

    #[test]
    fn what_can_be_read_in_one_way_is_read() {
        let shanghai = in_zone(chrono_tz::Asia::Shanghai);
        for text in [
            "2026/11/3 14:05",
            "2026-11-03 14:05",
            "2026-11-03T14:05:00",
            "2026.11.3 14:05:00.000",
            "2026年11月3日 14:05",
            "2026年11月3日14时5分",
            "2026年11月3日 14点05分00秒",
            "2026/11/3 下午2:05",
            "2026/11/3 2:05 PM",
            "2026／11／3 14：05",
            "Nov 3, 2026 2:05 PM",
            "Tuesday, November 3, 2026 2:05 PM",
            "Tue 3 Nov 2026 14:05",
            "2026年11月3日 星期二 14:05",
            "2026/11/3（周二）14:05",
            "3 November 2026 14:05",
            "20261103140500",
            "2026-11-03T14:05:00+08:00",
            "2026-11-03T14:05:00.000+0800",
            "2026-11-03 14:05+08",
            "2026-11-03 06:05:00 UTC",
            "2026-11-03T06:05:00Z",
            "1793685900",
            "1793685900000",
            "1793685900000000",
        ] {
            reads(&shanghai, text, "2026-11-03T06:05:00Z");
        }
        for text in
            ["25/12/2026", "12/25/2026", "25.12.2026", "2026年12月25日星期五", "Friday, December 25, 2026"]
        {
            reads(&shanghai, text, "2026-12-24T16:00:00Z");
        }
        reads(&shanghai, "05/05/2026 08:00", "2026-05-05T00:00:00Z");
        for text in ["2026-11-03", "2026/11/3", "2026年11月3日", "20261103", "3-Nov-2026"] {
            reads(&shanghai, text, "2026-11-02T16:00:00Z");
        }
        reads(&in_zone(Tz::UTC), "2026-11-03 12:30 am", "2026-11-03T00:30:00Z");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused_until_its_shape_is_declared() {
        let plain = in_zone(Tz::UTC);
        for text in ["03/05/2026", "3-5-2026 10:00", "03.05.26", "26/11/03", "3-Nov-26", "Nov 3, 26"] {
            assert_eq!(plain.instant(text), Err(TimeFault::Ambiguous), "{text}");
        }
        let day_first = TimeRules { format: Some("%d/%m/%Y".to_owned()), ..plain.clone() };
        reads(&day_first, "03/05/2026", "2026-05-03T00:00:00Z");
        reads(&day_first, "2026-05-03", "2026-05-03T00:00:00Z");
        let minutes = TimeRules { format: Some("%m/%d/%Y %H:%M".to_owned()), ..plain };
        reads(&minutes, "03/05/2026 10:30", "2026-03-05T10:30:00Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let plain = in_zone(Tz::UTC);
        for text in [
            "",
            "yesterday",
            "2026-13-02",
            "2026-11-31",
            "2026-11-03 25:00",
            "2026-11-03 14:05 CST",
            "12345",
            "2026-11",
            "31/04/2026",
            "13/14/2026",
            "星期二",
            "Tuesday",
        ] {
            assert_eq!(plain.instant(text), Err(TimeFault::Malformed), "{text}");
        }
        assert_eq!(plain.instant("46000"), Err(TimeFault::DayNumber));
        for leap in ["2016-12-31T23:59:60Z", "2016-12-31 23:59:60", "2026-06-30T12:34:60+08:00"] {
            assert_eq!(plain.instant(leap), Err(TimeFault::LeapSecond), "{leap}");
        }
        // In a shape that was declared, too.
        for (format, leap) in [
            ("%d/%m/%Y %H:%M:%S", "31/12/2016 23:59:60"),
            ("%d/%m/%Y %H:%M:%S %z", "31/12/2016 23:59:60 +0000"),
        ] {
            let declared = TimeRules { format: Some(format.to_owned()), ..plain.clone() };
            assert_eq!(declared.instant(leap), Err(TimeFault::LeapSecond), "{leap}");
        }
        assert_eq!(plain.instant("1969-12-31"), Err(TimeFault::OutOfRange));
    }

    #[test]
    fn an_hour_that_clocks_skip_is_refused_and_one_that_they_show_twice_is_the_first() {
        let berlin = in_zone(chrono_tz::Europe::Berlin);
        assert_eq!(berlin.instant("2026-03-29 02:30"), Err(TimeFault::Skipped));
        reads(&berlin, "2026-10-25 02:30", "2026-10-25T00:30:00Z");
        reads(&berlin, "2026-10-25 03:30", "2026-10-25T02:30:00Z");
    }
}
