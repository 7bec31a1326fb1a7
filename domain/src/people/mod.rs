//! Who works here: teams and their supervisors, members' roles, and deputies for those on leave.
//!
//! A deputy stands in for a rep: for that time it works the rep's customers, and they stay the rep's. To give them
//! to somebody else for good is a hand-over, which changes their owner.

mod disclosure;
mod visibility;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::actor::Role;
use crate::refusal::{Code, Violation, require};
use crate::{Actor, Label};

pub use disclosure::{Disclosure, reads_people};
pub use visibility::{Visibility, is_limited_by_region};

/// Roles that rules and next actions name beside those of people's rights: who fills them is said team by team.
pub const FUNCTIONS: [&str; 5] = ["service", "delivery", "finance", "marketing", "advisor"];

const MAX_PEOPLE: usize = 500;
const MAX_REGIONS: usize = 200;
/// As long as the region of a customer may be.
const MAX_REGION_CHARS: usize = 200;

/// A team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    /// Names it.
    pub key: String,
    /// What it is called.
    pub name: Label,
    /// Who leads it, by actor name such as `supervisor:wang`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub supervisors: BTreeSet<String>,
    /// Its reps, by the name under which they own customers, such as `li`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub members: BTreeSet<String>,
    /// The regions whose customers its people see; all, where none is named. Since version 2.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub regions: BTreeSet<String>,
    /// Who fills the roles of [`FUNCTIONS`] for its customers, by actor name. Since version 3.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: BTreeMap<String, BTreeSet<String>>,
}

/// Somebody who stands in for a rep for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deputy {
    /// Names the arrangement.
    pub id: Uuid,
    /// Who is away.
    pub rep: String,
    /// Who stands in.
    pub deputy: String,
    /// From when.
    pub from: DateTime<Utc>,
    /// Until when; not included.
    pub until: DateTime<Utc>,
}

/// The id under which a rep owns customers, of either form of its name.
fn rep_id(name: String) -> String {
    name.strip_prefix("rep:").map(str::to_owned).unwrap_or(name)
}

impl Team {
    /// The team with its reps by the ids under which they own customers: older logs have some of them by `rep:li`.
    #[must_use]
    pub fn with_reps_by_id(self) -> Self {
        Self { members: self.members.into_iter().map(rep_id).collect(), ..self }
    }
}

impl Deputy {
    /// The arrangement with both by the ids under which they own customers.
    #[must_use]
    pub fn with_reps_by_id(self) -> Self {
        Self { rep: rep_id(self.rep), deputy: rep_id(self.deputy), ..self }
    }
}

/// Everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// The teams, by key.
    pub teams: BTreeMap<String, Team>,
    /// The roles of members, by actor name.
    pub members: BTreeMap<String, BTreeSet<Role>>,
    /// The arrangements for leave, by id.
    pub deputies: BTreeMap<Uuid, Deputy>,
}

impl People {
    /// The reps whom a rep stands in for at an instant.
    pub fn stands_in_for(&self, rep: &str, at: DateTime<Utc>) -> BTreeSet<String> {
        let now = self.deputies.values().filter(|one| one.deputy == rep && one.from <= at && at < one.until);
        now.map(|one| one.rep.clone()).collect()
    }

    /// Who stands in for a rep at an instant.
    pub fn deputies_of(&self, rep: &str, at: DateTime<Utc>) -> BTreeSet<String> {
        let now = self.deputies.values().filter(|one| one.rep == rep && one.from <= at && at < one.until);
        now.map(|one| one.deputy.clone()).collect()
    }

    /// Since when a rep has stood in for those whom it stands in for at an instant; none where it stands in for nobody.
    pub fn stands_in_since(&self, rep: &str, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let now = self.deputies.values().filter(|one| one.deputy == rep && one.from <= at && at < one.until);
        now.map(|one| one.from).min()
    }

    /// The team that a rep belongs to: the first by key of those that list it as a member.
    pub fn team_of(&self, rep: &str) -> Option<&Team> {
        self.teams.values().find(|team| team.members.contains(rep))
    }
}

/// What is wrong with a team.
pub(crate) fn team(team: &Team) -> Vec<Violation> {
    let supervisors = team.supervisors.iter().flat_map(|name| named("supervisors", name));
    let members = team.members.iter().flat_map(|name| named("members", name));
    [
        crate::validate::key("key", &team.key),
        crate::validate::label("name", &team.name),
        supervisors.collect(),
        members.collect(),
        not_too_many("supervisors", team.supervisors.len()),
        not_too_many("members", team.members.len()),
        regions(&team.regions),
        team.functions.iter().flat_map(|(role, people)| function(role, people)).collect(),
    ]
    .concat()
}

/// Who fills a role.
fn function(role: &str, people: &BTreeSet<String>) -> Vec<Violation> {
    let field = format!("functions.{role}");
    let known = require(FUNCTIONS.contains(&role), || unknown_role(&field, role, &FUNCTIONS));
    let lines = people.iter().flat_map(|name| named(&field, name));
    known.into_iter().chain(lines).chain(not_too_many(&field, people.len())).collect()
}

/// A role that nobody can have.
pub(crate) fn unknown_role(field: &str, role: &str, known: &[&str]) -> Violation {
    let known = known.join(", ");
    Violation::new(
        Code::UnknownRole,
        field,
        Label::new(format!("没有角色“{role}”。"), format!("There is no role {role:?}.")),
        Label::new(format!("请使用：{known}。"), format!("Use one of: {known}.")),
    )
}

fn regions(regions: &BTreeSet<String>) -> Vec<Violation> {
    let few = require(regions.len() <= MAX_REGIONS, || {
        Violation::new(
            Code::TooManyItems,
            "regions",
            Label::new(
                format!("最多{MAX_REGIONS}个区域。"),
                format!("At most {MAX_REGIONS} regions are allowed."),
            ),
            Label::new("请分成多个团队。", "Split them into several teams."),
        )
    });
    let each = regions.iter().flat_map(|name| crate::validate::line_of("regions", name, MAX_REGION_CHARS));
    few.into_iter().chain(each).collect()
}

/// What is wrong with an arrangement for leave.
pub(crate) fn deputy(people: &People, deputy: &Deputy, actor: &Actor, now: DateTime<Utc>) -> Vec<Violation> {
    let own = actor.rep_id() == Some(deputy.rep.as_str());
    let permitted = require(own || actor.supervises(), || {
        Violation::new(
            Code::ForbiddenRole,
            "rep",
            Label::new("只能为自己安排代理人。", "You can arrange a deputy only for yourself."),
            Label::new("请由主管安排。", "Ask a supervisor."),
        )
    });
    let two = require(deputy.rep != deputy.deputy, || {
        Violation::new(
            Code::InvalidValue,
            "deputy",
            Label::new("代理人不能是本人。", "A person cannot be their own deputy."),
            Label::new("请填写另一个人。", "Enter another person."),
        )
    });
    let ordered = require(deputy.from < deputy.until && deputy.until > now, || {
        Violation::new(
            Code::InvalidPeriod,
            "until",
            Label::new(
                "结束时间须晚于开始时间和现在。",
                "The end time must be after the start time and after now.",
            ),
            Label::new("请检查起止时间。", "Check the start and end times."),
        )
    });
    let in_turn = people.stands_in_for(&deputy.rep, deputy.from).contains(&deputy.deputy);
    let not_in_turn = require(!in_turn, || {
        Violation::new(
            Code::InvalidValue,
            "deputy",
            Label::new("两人不能互为代理。", "Two people cannot be each other's deputies at the same time."),
            Label::new("请填写另一个人。", "Enter another person."),
        )
    });
    [permitted, named("rep", &deputy.rep), named("deputy", &deputy.deputy), two, ordered, not_in_turn]
        .concat()
}

fn named(field: &str, name: &str) -> Vec<Violation> {
    crate::validate::line(field, name)
}

fn not_too_many(field: &str, count: usize) -> Vec<Violation> {
    require(count <= MAX_PEOPLE, || {
        Violation::new(
            Code::TooManyItems,
            field,
            Label::new(format!("最多{MAX_PEOPLE}人。"), format!("At most {MAX_PEOPLE} people are allowed.")),
            Label::new("请分成多个团队。", "Split them into several teams."),
        )
    })
}
