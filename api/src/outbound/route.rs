//! Which robots carry a reminder: by its channel, then by who is reminded, then the tenant's default.

use std::collections::BTreeSet;

use super::endpoint::{Endpoint, Kind};
use crate::domain::people::{People, Team};
use crate::projections::work::ReminderReport;

/// The robots for a reminder, channel by channel. Those of who stands in for the person come first, then those of the person,
/// those of the person's team, and the default; of one rank all. None where there is no robot for its channels: it stays in the workbench.
#[must_use]
pub fn robots_for<'a>(
    robots: &'a [Endpoint],
    reminder: &ReminderReport,
    people: &People,
) -> Vec<&'a Endpoint> {
    let owner = reminder.owner.as_ref().filter(|owner| owner.kind == "rep").map(|owner| owner.id.as_str());
    let is_of = |team: &&Team| owner.is_some_and(|owner| team.members.contains(owner));
    let recipient = Recipient {
        role: &reminder.role,
        owner,
        deputies: owner.map(|owner| people.deputies_of(owner, reminder.at)).unwrap_or_default(),
        teams: people.teams.values().filter(is_of).collect(),
    };
    let kinds = reminder.channels.iter().filter_map(|channel| Kind::of(channel));
    kinds.filter(|kind| kind.is_robot()).flat_map(|kind| recipient.of_kind(robots, kind)).collect()
}

/// Who is reminded.
struct Recipient<'p> {
    role: &'p str,
    owner: Option<&'p str>,
    /// Who stands in for the owner.
    deputies: BTreeSet<String>,
    teams: Vec<&'p Team>,
}

impl Recipient<'_> {
    fn of_kind<'a>(&self, robots: &'a [Endpoint], kind: Kind) -> Vec<&'a Endpoint> {
        let ranked = |rank: u8| {
            let robots = robots.iter().filter(|robot| robot.kind == kind);
            robots.filter(|robot| self.rank(robot) == Some(rank)).collect::<Vec<_>>()
        };
        (0..4).map(ranked).find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// How near a robot is to who is reminded, the nearest first; none where it is somebody else's.
    fn rank(&self, robot: &Endpoint) -> Option<u8> {
        match (&robot.member, &robot.team) {
            (Some(member), _) if self.is_deputy(member) => Some(0),
            (Some(member), _) => self.is(member).then_some(1),
            (None, Some(key)) => self.teams.iter().any(|team| team.key == *key).then_some(2),
            (None, None) => Some(3),
        }
    }

    /// Whether a member is told in the place of an owner who is on leave.
    fn is_deputy(&self, member: &str) -> bool {
        self.role == "rep" && self.deputies.iter().any(|deputy| is_named(member, deputy))
    }

    fn is(&self, member: &str) -> bool {
        match self.role {
            "rep" => self.owner.is_some_and(|owner| is_named(member, owner)),
            "supervisor" => {
                self.teams.iter().flat_map(|team| &team.supervisors).any(|leads| is_named(member, leads))
            }
            role => {
                let people = self.teams.iter().filter_map(|team| team.functions.get(role));
                people.flatten().any(|person| is_named(member, person))
            }
        }
    }
}

/// Whether a robot's member is that person: with the prefix of a role, such as `rep:li`, or by the bare name.
fn is_named(member: &str, person: &str) -> bool {
    let bare = |name: &str| name.split_once(':').map_or(name, |(_, bare)| bare).to_owned();
    member == person || (bare(member) == bare(person) && !(member.contains(':') && person.contains(':')))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use uuid::Uuid;

    use super::*;
    use crate::domain::people::Deputy;
    use crate::domain::{Label, Language};
    use crate::projections::board::OwnerReport;

    fn robot(n: u128, kind: Kind, member: Option<&str>, team: Option<&str>) -> Endpoint {
        Endpoint {
            id: Uuid::from_u128(n),
            kind,
            description: None,
            include_personal: false,
            url: None,
            types: Vec::new(),
            member: member.map(str::to_owned),
            team: team.map(str::to_owned),
            language: Language::Zh,
            secret: Vec::new(),
            former: None,
            created_at: DateTime::UNIX_EPOCH,
            created_by: "admin:root".to_owned(),
            disabled: None,
            cursor: 0,
        }
    }

    fn reminder(role: &str, owner: &str, channels: &[&str]) -> ReminderReport {
        ReminderReport {
            id: Uuid::nil(),
            event_id: Uuid::nil(),
            position: 1,
            n: 0,
            customer_id: None,
            customer_name: None,
            journey: "landian-6".to_owned(),
            text: Label::same("call"),
            role: role.to_owned(),
            owner: Some(OwnerReport { kind: "rep".to_owned(), id: owner.to_owned() }),
            channels: channels.iter().map(|channel| (*channel).to_owned()).collect(),
            rule: "rule".to_owned(),
            cause: Uuid::nil(),
            at: DateTime::UNIX_EPOCH,
        }
    }

    fn chosen(reminder: &ReminderReport) -> Vec<u128> {
        let robots = [
            robot(1, Kind::Wecom, None, None),
            robot(2, Kind::Wecom, Some("rep:li"), None),
            robot(3, Kind::Wecom, None, Some("north")),
            robot(4, Kind::Wecom, Some("zhou"), None),
            robot(5, Kind::Dingtalk, None, None),
            robot(6, Kind::Webhook, None, None),
            robot(7, Kind::Wecom, Some("service:mo"), None),
        ];
        let north = Team {
            key: "north".to_owned(),
            name: Label::same("North"),
            supervisors: ["supervisor:zhou".to_owned()].into(),
            members: ["li".to_owned(), "zhao".to_owned()].into(),
            regions: BTreeSet::new(),
            functions: [("service".to_owned(), ["service:mo".to_owned()].into())].into(),
        };
        let leave = Deputy {
            id: Uuid::nil(),
            rep: "wu".to_owned(),
            deputy: "li".to_owned(),
            from: DateTime::UNIX_EPOCH,
            until: DateTime::UNIX_EPOCH + TimeDelta::days(7),
        };
        let people = People {
            teams: [("north".to_owned(), north)].into(),
            deputies: [(leave.id, leave)].into(),
            ..People::default()
        };
        robots_for(&robots, reminder, &people).iter().map(|robot| robot.id.as_u128()).collect()
    }

    #[test]
    fn the_person_comes_before_the_team_and_the_team_before_the_default() {
        assert_eq!(chosen(&reminder("rep", "li", &["wecom"])), [2]);
        assert_eq!(chosen(&reminder("rep", "zhao", &["wecom"])), [3]);
        assert_eq!(chosen(&reminder("rep", "chen", &["wecom"])), [1]);
        assert_eq!(chosen(&reminder("supervisor", "li", &["wecom"])), [4]);
        assert_eq!(chosen(&reminder("team", "li", &["wecom"])), [3]);
        assert_eq!(chosen(&reminder("finance", "chen", &["wecom"])), [1]);
        assert_eq!(
            chosen(&reminder("service", "li", &["wecom"])),
            [7],
            "who fills the role in the owner's team"
        );
        assert_eq!(chosen(&reminder("service", "chen", &["wecom"])), [1]);
    }

    #[test]
    fn who_stands_in_is_told_in_the_place_of_who_is_on_leave_and_only_as_long() {
        let due = |days| ReminderReport {
            at: DateTime::UNIX_EPOCH + TimeDelta::days(days),
            ..reminder("rep", "wu", &["wecom"])
        };
        assert_eq!((chosen(&due(6)), chosen(&due(7))), (vec![2], vec![1]));
    }

    #[test]
    fn a_reminder_goes_through_its_own_channels_alone() {
        assert_eq!(chosen(&reminder("rep", "li", &["workbench"])), [0; 0]);
        assert_eq!(chosen(&reminder("rep", "li", &["feishu"])), [0; 0]);
        assert_eq!(chosen(&reminder("rep", "li", &["webhook"])), [0; 0]);
        assert_eq!(chosen(&reminder("rep", "chen", &["wecom", "dingtalk"])), [1, 5]);
        assert_eq!(chosen(&reminder("rep", "li", &["wecom", "dingtalk"])), [2, 5], "each by itself");
    }

    #[test]
    fn one_person_is_not_taken_for_another_of_another_role() {
        assert!(is_named("rep:li", "li") && is_named("li", "rep:li") && is_named("rep:li", "rep:li"));
        assert!(!is_named("supervisor:li", "rep:li") && !is_named("li", "lin"));
    }
}
