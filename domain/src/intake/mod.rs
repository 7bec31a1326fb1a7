//! Intake: how much a lead promises, and to whom it goes. Pure functions of what is set up and what is known of the lead.

pub mod assign;
pub mod score;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Label;
use crate::customer::event::ContactKind;
use crate::refusal::{Code, Violation, require};
use crate::validate::line;

pub use assign::{Assignment, Candidate, Method, assign};
pub use score::{LeadFacts, Score, ScoreReason, score};

/// The highest score.
pub const MAX_SCORE: u32 = 100;
const MAX_ENTRIES: usize = 200;

/// How leads are scored and assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// What each factor is worth.
    pub weights: Weights,
    /// The score from which a lead is assigned at once; below, it waits in the lead pool.
    pub threshold: u32,
    /// To which team a lead goes: the first rule that holds. Where none does, to any rep of any team.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<AssignmentRule>,
    /// How one of a team is chosen where a rule does not say.
    #[serde(default)]
    pub method: Method,
    /// How many open customers a rep owns at most before leads go to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holding_cap: Option<u32>,
    /// The share of a rep beside others, by id; 1 where nothing is said. For the method `weighted`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<String, u32>,
}

/// What each factor of a score is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// That a way to reach the person was left.
    pub contact: u32,
    /// What a kind of it adds beside: `phone`, `email` or `wechat`. Since version 2.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contacts: BTreeMap<String, u32>,
    /// That a product of interest was chosen.
    pub product: u32,
    /// The custom fields that name such a product.
    pub product_fields: BTreeSet<String>,
    /// What a source or a channel is worth, by its name; nothing where it is not listed.
    #[serde(default)]
    pub channels: BTreeMap<String, u32>,
    /// What a custom field that is filled in is worth.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, u32>,
    /// What each further touch is worth.
    pub touch: u32,
}

impl Weights {
    /// What a source or channel is worth, whether it is written `mini_program`, `mini-program` or `Mini Program`.
    fn of_channel(&self, name: &str) -> Option<u32> {
        let same = |one: &str| one.to_lowercase().replace(['-', ' '], "_");
        let (folded, exact) = (same(name), self.channels.get(name));
        let alike =
            || self.channels.iter().find(|(known, _)| same(known) == folded).map(|(_, points)| points);
        exact.or_else(alike).copied()
    }
}

/// Which leads go to which team.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignmentRule {
    /// The rule's id, as reasons name it.
    pub id: String,
    /// The team.
    pub team: String,
    /// Any of these sources or channels; any at all when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sources: BTreeSet<String>,
    /// Any of these regions; any at all when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub regions: BTreeSet<String>,
    /// From this score on.
    #[serde(default)]
    pub min_score: u32,
    /// Up to this score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_score: Option<u32>,
    /// How one of the team is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
}

impl Default for Intake {
    /// Contact 30, product 30, a channel up to 40; high from 60 on.
    fn default() -> Self {
        let channels = [
            ("referral", 40),
            ("转介绍", 40),
            ("exhibition", 40),
            ("展会", 40),
            ("website", 30),
            ("官网", 30),
            ("wechat", 30),
            ("公众号", 30),
            ("mini_program", 30),
            ("小程序", 30),
            ("form", 20),
            ("表单", 20),
            ("event", 20),
            ("活动", 20),
            ("ads", 10),
            ("投放", 10),
        ];
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            weights: Weights {
                contact: 30,
                contacts: BTreeMap::new(),
                product: 30,
                product_fields: words(&["product", "product_interest", "产品", "意向产品"]),
                channels: channels.into_iter().map(|(name, points)| (name.to_owned(), points)).collect(),
                fields: BTreeMap::new(),
                touch: 10,
            },
            threshold: 60,
            rules: Vec::new(),
            method: Method::RoundRobin,
            holding_cap: None,
            shares: BTreeMap::new(),
        }
    }
}

/// What is wrong with such settings. `teams` are those that there are, `reps` those who are in one.
pub fn invalid(intake: &Intake, teams: impl Fn(&str) -> bool, reps: impl Fn(&str) -> bool) -> Vec<Violation> {
    let weights = &intake.weights;
    let points = [
        ("weights.contact", weights.contact),
        ("weights.product", weights.product),
        ("weights.touch", weights.touch),
        ("threshold", intake.threshold),
    ];
    let named = |list: &str, map: &BTreeMap<String, u32>| {
        map.iter().map(|(name, points)| (format!("{list}.{name}"), *points)).collect::<Vec<_>>()
    };
    let mut all: Vec<(String, u32)> = points.map(|(field, points)| (field.to_owned(), points)).into();
    all.extend(named("weights.contacts", &weights.contacts));
    all.extend(named("weights.channels", &weights.channels));
    all.extend(named("weights.fields", &weights.fields));
    let mut unmet: Vec<Violation> = all
        .into_iter()
        .filter(|(_, points)| *points > MAX_SCORE)
        .map(|(field, _)| out_of_range(&field))
        .collect();
    let kinds = ContactKind::ALL.map(ContactKind::as_str);
    unmet.extend(weights.contacts.keys().filter(|kind| !kinds.contains(&kind.as_str())).map(|kind| {
        Violation::new(
            Code::InvalidValue,
            format!("weights.contacts.{kind}"),
            Label::new("没有这种联系方式。", "There is no such kind of contact."),
            Label::new("请使用 phone、email 或 wechat。", "Use phone, email or wechat."),
        )
    }));
    let entries = weights.channels.len() + weights.fields.len() + intake.rules.len() + intake.shares.len();
    unmet.extend(require(entries <= MAX_ENTRIES, || {
        Violation::new(
            Code::TooManyItems,
            "rules",
            Label::new(
                format!("最多{MAX_ENTRIES}项。"),
                format!("At most {MAX_ENTRIES} entries are allowed."),
            ),
            Label::new("请减少条目。", "Remove some entries."),
        )
    }));
    let mut ids = BTreeSet::new();
    for (n, rule) in intake.rules.iter().enumerate() {
        let path = format!("rules[{n}]");
        unmet.extend(line(&format!("{path}.id"), &rule.id));
        unmet.extend(require(ids.insert(&rule.id), || {
            Violation::new(
                Code::DuplicateId,
                format!("{path}.id"),
                Label::new("规则标识重复。", "The rule's ID is duplicated."),
                Label::new("请使用不同的标识。", "Use a different ID for each rule."),
            )
        }));
        unmet.extend(require(teams(&rule.team), || {
            Violation::new(
                Code::UnknownTeam,
                format!("{path}.team"),
                Label::new(
                    format!("没有团队“{}”。", rule.team),
                    format!("There is no team {:?}.", rule.team),
                ),
                Label::new("请先设置该团队。", "Set the team up first."),
            )
        }));
        let highest = rule.max_score.unwrap_or(MAX_SCORE);
        unmet.extend(require(rule.min_score <= highest && highest <= MAX_SCORE, || {
            out_of_range(&format!("{path}.max_score"))
        }));
    }
    for (rep, share) in &intake.shares {
        let field = format!("shares.{rep}");
        unmet.extend(require((1..=MAX_SCORE).contains(share), || share_out_of_range(&field)));
        unmet.extend(require(reps(rep), || {
            Violation::new(
                Code::UnknownPerson,
                &field,
                Label::new(format!("没有团队包含“{rep}”。"), format!("No team has a member {rep:?}.")),
                Label::new("请填写某个团队的成员。", "Name a member of a team."),
            )
        }));
    }
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
