//! What settings of intake may say.

use std::collections::{BTreeMap, BTreeSet};

use super::{AssignmentRule, Intake, MAX_SCORE, Weights};
use crate::Label;
use crate::customer::event::ContactKind;
use crate::refusal::{Code, Violation, require};
use crate::validate::line;

/// The most channels, fields, rules and shares together.
const MAX_ENTRIES: usize = 200;

/// What is wrong with such settings. `teams` are those that there are, `reps` those who are in one.
pub fn invalid(intake: &Intake, teams: impl Fn(&str) -> bool, reps: impl Fn(&str) -> bool) -> Vec<Violation> {
    let mut unmet = points(intake);
    unmet.extend(contacts(&intake.weights));
    unmet.extend(entries(intake));
    let mut ids = BTreeSet::new();
    for (number, rule) in intake.rules.iter().enumerate() {
        let path = format!("rules[{number}]");
        unmet.extend(assignment_rule(&path, rule, ids.insert(&rule.id), teams(&rule.team)));
    }
    unmet.extend(intake.shares.iter().flat_map(|(rep, given)| share(rep, *given, reps(rep))));
    unmet
}

/// No factor is worth more than the highest score.
fn points(intake: &Intake) -> Vec<Violation> {
    let weights = &intake.weights;
    let single = [
        ("weights.contact", weights.contact),
        ("weights.product", weights.product),
        ("weights.touch", weights.touch),
        ("threshold", intake.threshold),
    ];
    let single = single.map(|(field, points)| (field.to_owned(), points));
    let named = |list: &'static str, map: &BTreeMap<String, u32>| {
        map.iter().map(|(name, points)| (format!("{list}.{name}"), *points)).collect::<Vec<_>>()
    };
    let all = single
        .into_iter()
        .chain(named("weights.contacts", &weights.contacts))
        .chain(named("weights.channels", &weights.channels))
        .chain(named("weights.fields", &weights.fields));
    all.filter(|(_, points)| *points > MAX_SCORE).map(|(field, _)| out_of_range(&field)).collect()
}

fn contacts(weights: &Weights) -> Vec<Violation> {
    let kinds = ContactKind::ALL.map(ContactKind::as_str);
    let unknown = weights.contacts.keys().filter(|kind| !kinds.contains(&kind.as_str()));
    let refused = unknown.map(|kind| {
        Violation::new(
            Code::InvalidValue,
            format!("weights.contacts.{kind}"),
            Label::new("没有这种联系方式。", "There is no such kind of contact."),
            Label::new("请使用 phone、email 或 wechat。", "Use phone, email or wechat."),
        )
    });
    refused.collect()
}

fn entries(intake: &Intake) -> Vec<Violation> {
    let Intake { weights, rules, shares, .. } = intake;
    let entries = weights.channels.len() + weights.fields.len() + rules.len() + shares.len();
    require(entries <= MAX_ENTRIES, || {
        Violation::new(
            Code::TooManyItems,
            "rules",
            Label::new(
                format!("最多{MAX_ENTRIES}项。"),
                format!("At most {MAX_ENTRIES} entries are allowed."),
            ),
            Label::new("请减少条目。", "Remove some entries."),
        )
    })
}

fn assignment_rule(path: &str, rule: &AssignmentRule, is_new: bool, has_team: bool) -> Vec<Violation> {
    let mut unmet = line(&format!("{path}.id"), &rule.id);
    unmet.extend(require(is_new, || {
        Violation::new(
            Code::DuplicateId,
            format!("{path}.id"),
            Label::new("规则标识重复。", "The rule's ID is duplicated."),
            Label::new("请使用不同的标识。", "Use a different ID for each rule."),
        )
    }));
    unmet.extend(require(has_team, || {
        Violation::new(
            Code::UnknownTeam,
            format!("{path}.team"),
            Label::new(format!("没有团队“{}”。", rule.team), format!("There is no team {:?}.", rule.team)),
            Label::new("请先设置该团队。", "Set the team up first."),
        )
    }));
    let highest = rule.max_score.unwrap_or(MAX_SCORE);
    unmet.extend(require(rule.min_score <= highest && highest <= MAX_SCORE, || {
        out_of_range(&format!("{path}.max_score"))
    }));
    unmet
}

fn share(rep: &str, share: u32, is_in_a_team: bool) -> Vec<Violation> {
    let field = format!("shares.{rep}");
    let mut unmet = require((1..=MAX_SCORE).contains(&share), || share_out_of_range(&field));
    unmet.extend(require(is_in_a_team, || {
        Violation::new(
            Code::UnknownPerson,
            &field,
            Label::new(format!("没有团队包含“{rep}”。"), format!("No team has a member {rep:?}.")),
            Label::new("请填写某个团队的成员。", "Name a member of a team."),
        )
    }));
    unmet
}

fn share_out_of_range(field: &str) -> Violation {
    Violation::new(
        Code::InvalidValue,
        field,
        Label::new("应为1至100的整数。", "Must be an integer from 1 to 100."),
        Label::new("不参与分配的销售请移出团队。", "Take a rep who gets no leads out of the team."),
    )
}

fn out_of_range(field: &str) -> Violation {
    Violation::new(
        Code::InvalidValue,
        field,
        Label::new("应为0至100的整数。", "Must be an integer from 0 to 100."),
        Label::new("请检查数值。", "Check the value."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_lead_nowhere_are_named() {
        let intake = |rules: Vec<AssignmentRule>| Intake { rules, ..Intake::default() };
        let rule = |id: &str, team: &str| AssignmentRule {
            id: id.to_owned(),
            team: team.to_owned(),
            ..AssignmentRule::default()
        };
        let known = |team: &str| team == "north";
        let invalid = |intake: &Intake| invalid(intake, known, |rep| rep == "li");
        assert_eq!(invalid(&Intake::default()), []);
        assert_eq!(invalid(&intake(vec![rule("a", "north")])), []);
        let wrong = intake(vec![
            rule("a", "nowhere"),
            rule("a", "north"),
            AssignmentRule { min_score: 70, max_score: Some(60), ..rule("b", "north") },
        ]);
        let fields: Vec<String> = invalid(&wrong).into_iter().map(|one| one.field).collect();
        assert_eq!(fields, ["rules[0].team", "rules[1].id", "rules[2].max_score"]);
        let shares = [("li".to_owned(), 0), ("nobody".to_owned(), 1)].into();
        let mut heavy = Intake { threshold: 101, shares, ..Intake::default() };
        heavy.weights.contacts = [("phone".to_owned(), 101), ("fax".to_owned(), 1)].into();
        let fields: Vec<String> = invalid(&heavy).into_iter().map(|one| one.field).collect();
        let expected =
            ["threshold", "weights.contacts.phone", "weights.contacts.fax", "shares.li", "shares.nobody"];
        assert_eq!(fields, expected);
    }
}
