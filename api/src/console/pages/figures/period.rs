//! The period that figures are of, and the one that they are compared with.

use chrono::{Datelike as _, Days, Months, NaiveDate};

use super::super::super::i18n::Locale;
use super::super::super::session::PageQuery;

/// The parameters of a page's address: days, of which the last one of each period is part of it.
pub(super) const PARAMETERS: [&str; 4] = ["from", "to", "compare_from", "compare_to"];

/// A period and the one before it, by their first and last days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preset {
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
    pub(super) days: [NaiveDate; 4],
}

/// The periods that one usually asks for, of a day on.
pub(super) fn presets(today: NaiveDate) -> Vec<Preset> {
    let month = today.with_day(1);
    let quarter = month.and_then(|month| month.with_month(today.month0() / 3 * 3 + 1));
    let rolling = |days: u64| {
        let from = today.checked_sub_days(Days::new(days - 1))?;
        let before = [from.checked_sub_days(Days::new(days))?, from.pred_opt()?];
        Some([from, today, before[0], before[1]])
    };
    let calendar = |from: Option<NaiveDate>, months: u32| {
        let from = from?;
        let before = from.checked_sub_months(Months::new(months))?;
        Some([from, today, before, from.pred_opt()?])
    };
    let named = [
        ("近 30 天", "Last 30 days", rolling(30)),
        ("本月", "This month", calendar(month, 1)),
        ("本季度", "This quarter", calendar(quarter, 3)),
    ];
    named.into_iter().filter_map(|(zh, en, days)| Some(Preset { zh, en, days: days? })).collect()
}

impl Preset {
    /// The parameters that ask for it.
    pub(super) fn parameters(&self) -> [(&'static str, String); 4] {
        std::array::from_fn(|place| (PARAMETERS[place], self.days[place].to_string()))
    }

    /// Whether it is what is asked for.
    pub(super) fn is_asked(&self, query: &PageQuery) -> bool {
        self.parameters().iter().all(|(name, day)| query.get(name) == Some(day))
    }
}

/// An end of a period as the API takes it: a first day begins at its midnight, a last day ends at the next one, in the reader's
/// zone. What is no day is an instant, or for the API to refuse by name.
pub(super) fn instant(locale: Locale, name: &str, given: &str) -> String {
    let Ok(day) = given.parse::<NaiveDate>() else { return locale.instant(given) };
    let day = if name.ends_with("to") { day.succ_opt().unwrap_or(day) } else { day };
    locale.midnight(day)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::Language;

    fn days(preset: &Preset) -> [String; 4] {
        preset.days.map(|day| day.to_string())
    }

    #[test]
    fn each_usual_period_is_followed_by_the_one_before_it_without_a_gap() {
        let usual = presets("2026-02-14".parse().unwrap());
        assert_eq!(days(&usual[0]), ["2026-01-16", "2026-02-14", "2025-12-17", "2026-01-15"]);
        assert_eq!(days(&usual[1]), ["2026-02-01", "2026-02-14", "2026-01-01", "2026-01-31"]);
        assert_eq!(days(&usual[2]), ["2026-01-01", "2026-02-14", "2025-10-01", "2025-12-31"]);
        for day in ["2024-02-29", "2026-01-01", "2026-12-31", "2026-05-31"] {
            for preset in presets(day.parse().unwrap()) {
                assert_eq!(preset.days[3].succ_opt(), Some(preset.days[0]), "{day} {}", preset.en);
            }
        }
    }

    #[test]
    fn a_last_day_is_part_of_its_period() {
        let locale = Locale { language: Language::Zh, zone: Tz::Asia__Shanghai };
        assert_eq!(instant(locale, "from", "2026-11-01"), "2026-11-01T00:00:00+08:00");
        assert_eq!(instant(locale, "compare_to", "2026-11-30"), "2026-12-01T00:00:00+08:00");
        assert_eq!(instant(locale, "to", "2026-11-30T09:00"), "2026-11-30T09:00:00+08:00");
        assert_eq!(instant(locale, "to", "yesterday"), "yesterday");
    }
}
