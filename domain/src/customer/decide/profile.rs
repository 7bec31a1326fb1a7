//! What is known of a customer beside its name and contacts: checked, and made part of an event.

use chrono::NaiveDate;

use super::guard;
use crate::customer::command::NewProfile;
use crate::customer::event::{ChannelId, Contract, HIGHEST_SATISFACTION, Profile};
use crate::customer::known::MAX_CHANNEL_IDS;
use crate::identity::{CreditCodeFault, credit_code};
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label, Personal, ProfileField};

/// What is wrong with a profile.
pub(super) fn well_formed(profile: &NewProfile, context: &Context<'_>) -> Vec<Violation> {
    let text = |(field, text): (ProfileField, &Option<String>)| {
        guard::optional_line(field.key(), text.as_deref(), guard::MAX_NAME_CHARS)
    };
    let channel_ids = profile.channel_ids.as_deref().unwrap_or_default();
    let each = channel_ids.iter().enumerate().flat_map(|(n, (channel, id))| {
        let field = format!("channel_ids[{n}]");
        [
            guard::line(&format!("{field}.channel"), channel, guard::MAX_ID_CHARS),
            guard::line(&format!("{field}.id"), id, guard::MAX_ID_CHARS),
        ]
        .concat()
    });
    [
        profile.credit_code.as_deref().map(invalid_code).unwrap_or_default(),
        guard::at_most("channel_ids", channel_ids.len(), MAX_CHANNEL_IDS),
        each.collect(),
        profile.texts.iter().flat_map(text).collect(),
        guard::optional_line(
            "expected_close_reason",
            profile.expected_close_reason.as_deref(),
            guard::MAX_NAME_CHARS,
        ),
        of_a_day(profile),
        guard::money("won_amount", profile.won_amount.as_ref(), context),
        in_the_scale(profile.satisfaction),
        in_order(profile.contract),
        days_of_this_era(profile),
    ]
    .concat()
}

/// The profile as an event has it, with the names of what is taken away of it; none where nothing is said.
pub(super) fn event(profile: NewProfile, cleared: Vec<String>) -> Option<Profile> {
    if profile == NewProfile::default() && cleared.is_empty() {
        return None;
    }
    let channel_id = |(channel, id): (String, String)| ChannelId { channel, id: Personal::Clear(id) };
    let code = profile.credit_code.map(|code| credit_code(&code).unwrap_or(code));
    Some(Profile {
        credit_code: code.map(Personal::Clear),
        channel_ids: profile.channel_ids.map(|ids| ids.into_iter().map(channel_id).collect()),
        texts: profile.texts,
        contract: profile.contract,
        delivered_on: profile.delivered_on,
        postponed_until: profile.postponed_until,
        expected_close_on: profile.expected_close_on,
        expected_close_reason: profile.expected_close_reason,
        expected_close_corrected: profile.expected_close_correction,
        won_amount: profile.won_amount,
        satisfaction: profile.satisfaction,
        cleared,
    })
}

fn invalid_code(code: &str) -> Vec<Violation> {
    let Err(fault) = credit_code(code) else { return Vec::new() };
    let message = match fault {
        CreditCodeFault::Length => {
            Label::new("统一社会信用代码应为18位。", "A unified social credit code must have 18 characters.")
        }
        CreditCodeFault::Sign(sign) => Label::new(
            format!("统一社会信用代码不含字符“{sign}”。"),
            format!("A unified social credit code cannot contain {sign:?}."),
        ),
        CreditCodeFault::CheckDigit => Label::new(
            "统一社会信用代码的校验位不符。",
            "The check digit of the unified social credit code is incorrect.",
        ),
    };
    let how_to_fix = Label::new("请按营业执照核对。", "Check it against the business licence.");
    vec![Violation::new(Code::InvalidCreditCode, "credit_code", message, how_to_fix)]
}

/// A reason for no day says nothing.
fn of_a_day(profile: &NewProfile) -> Vec<Violation> {
    require(profile.expected_close_reason.is_none() || profile.expected_close_on.is_some(), || {
        Violation::new(
            Code::MissingField,
            "expected_close_on",
            Label::new(
                "填写预计成交原因时须同时填写预计成交日期。",
                "A reason for the expected close requires its date.",
            ),
            Label::new("请填写 expected_close_on。", "Enter expected_close_on."),
        )
    })
}

fn in_the_scale(satisfaction: Option<u8>) -> Vec<Violation> {
    require(satisfaction.is_none_or(|score| score <= HIGHEST_SATISFACTION), || {
        Violation::new(
            Code::InvalidValue,
            "satisfaction",
            Label::new("满意度应为0至10的整数。", "Satisfaction must be an integer from 0 to 10."),
            Label::new("请填写0至10。", "Enter a number from 0 to 10."),
        )
    })
}

fn in_order(contract: Option<Contract>) -> Vec<Violation> {
    let days = contract.and_then(|contract| contract.starts_on.zip(contract.ends_on));
    let ordered = require(days.is_none_or(|(starts, ends)| starts <= ends), || {
        Violation::new(
            Code::InvalidPeriod,
            "contract.ends_on",
            Label::new("合同结束日期早于开始日期。", "The contract's end date is before its start date."),
            Label::new("请检查两个日期。", "Check both dates."),
        )
    });
    let said = require(contract.is_none_or(|contract| contract != Contract::default()), || {
        Violation::new(
            Code::MissingField,
            "contract",
            Label::new("合同没有日期。", "The contract has no dates."),
            Label::new("请填写 starts_on、ends_on 或两者。", "Enter starts_on, ends_on or both."),
        )
    });
    [ordered, said].concat()
}

fn days_of_this_era(profile: &NewProfile) -> Vec<Violation> {
    use chrono::Datelike;
    let contract = profile.contract.unwrap_or_default();
    let days: [(&str, Option<NaiveDate>); 5] = [
        ("contract.starts_on", contract.starts_on),
        ("contract.ends_on", contract.ends_on),
        ("delivered_on", profile.delivered_on),
        ("postponed_until", profile.postponed_until),
        ("expected_close_on", profile.expected_close_on),
    ];
    let strange =
        days.into_iter().filter(|(_, day)| day.is_some_and(|day| !(1970..=9999).contains(&day.year())));
    strange
        .map(|(field, _)| {
            Violation::new(
                Code::EffectiveOutOfRange,
                field,
                Label::new(
                    "日期须在1970年至9999年之间。",
                    "The date must be between the years 1970 and 9999.",
                ),
                Label::new("请检查年份。", "Check the year."),
            )
        })
        .collect()
}

/// Whether something of a profile is set, by the name under which it can be taken away.
pub(super) fn is_set(profile: &NewProfile, name: &str) -> bool {
    match name {
        "credit_code" => profile.credit_code.is_some(),
        "contract" => profile.contract.is_some(),
        "delivered_on" => profile.delivered_on.is_some(),
        "postponed_until" => profile.postponed_until.is_some(),
        "expected_close_on" => profile.expected_close_on.is_some(),
        "won_amount" => profile.won_amount.is_some(),
        "satisfaction" => profile.satisfaction.is_some(),
        text => ProfileField::parse(text).is_some_and(|field| profile.texts.get(field).is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::command::ChangeDetails;
    use crate::customer::decide::spec::*;
    use crate::customer::event::CustomerEvent;

    fn change(profile: NewProfile) -> ChangeDetails {
        ChangeDetails { profile, ..ChangeDetails::default() }
    }

    fn day_of(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_said_is_set_in_its_one_form() {
        let profile = NewProfile {
            credit_code: Some("9133 0100 7996 5505 8b".to_owned()),
            postponed_until: Some(day_of("2026-12-01")),
            ..NewProfile::default()
        };
        let event = given([registered_by_li()]).when(change(profile)).event().event;
        let CustomerEvent::DetailsChanged(details) = event else { panic!("{event:?}") };
        let set = details.profile.unwrap();
        assert_eq!(set.credit_code, Some(Personal::Clear("91330100799655058B".to_owned())));
        assert_eq!(set.postponed_until, Some(day_of("2026-12-01")));
    }

    #[test]
    fn details_move_nobody() {
        let profile = NewProfile { postponed_until: Some(day_of("2026-12-01")), ..NewProfile::default() };
        let event = given([registered_by_li()]).when(change(profile)).event().event;
        let customer = given([registered_by_li(), event]).customer.unwrap();
        assert_eq!(customer.current().map(|stay| stay.stage.as_str()), Some("new_lead"));
        assert_eq!(customer.postponed_until, Some(day_of("2026-12-01")));
    }

    #[test]
    fn every_wrong_value_is_named() {
        let contract =
            Contract { starts_on: Some(day_of("2026-05-02")), ends_on: Some(day_of("2026-05-01")) };
        let profile = NewProfile {
            credit_code: Some("914403001922038217".to_owned()),
            channel_ids: Some(vec![("website".to_owned(), String::new())]),
            contract: Some(contract),
            satisfaction: Some(11),
            delivered_on: Some(day_of("1066-10-14")),
            ..NewProfile::default()
        };
        let clear = vec!["owner".to_owned(), "satisfaction".to_owned()];
        let command = ChangeDetails { clear, ..change(profile) };
        let refusal = given([registered_by_li()]).when(command).refuses([
            Code::InvalidCreditCode,
            Code::EmptyText,
            Code::InvalidPeriod,
            Code::InvalidValue,
            Code::EffectiveOutOfRange,
            Code::InvalidValue,
            Code::InvalidValue,
        ]);
        let fields: Vec<&str> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "credit_code",
                "channel_ids[0].id",
                "satisfaction",
                "contract.ends_on",
                "delivered_on",
                "clear[0]",
                "clear[1]"
            ]
        );
    }

    #[test]
    fn what_was_set_can_be_taken_away() {
        let set = NewProfile { postponed_until: Some(day_of("2026-12-01")), ..NewProfile::default() };
        let set = given([registered_by_li()]).when(change(set)).event().event;
        let clear = ChangeDetails { clear: vec!["postponed_until".to_owned()], ..ChangeDetails::default() };
        let cleared = given([registered_by_li(), set.clone()]).when(clear).event().event;
        assert_eq!(given([registered_by_li(), set, cleared]).customer.unwrap().postponed_until, None);
    }
}
