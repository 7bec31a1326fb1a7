//! Which customers somebody sees.
//!
//! A team may name regions. A rep or supervisor who belongs to such a team sees those of the regions, those without
//! a region, and those it has to do with as an owner, a deputy or a leader. A customer that is not seen is, for that
//! person, not there.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::People;
use crate::actor::Role;
use crate::{Actor, Owner};

/// Which customers somebody sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Every customer.
    #[default]
    Everything,
    /// Those of some regions, those without a region, and those of some owners.
    Within {
        /// The regions, as customers have them, to the letter.
        regions: BTreeSet<String>,
        /// The reps whose customers are seen wherever they are.
        owners: BTreeSet<String>,
    },
}

impl Visibility {
    /// Whether a customer of that region and owner is seen.
    pub fn is_visible(&self, region: Option<&str>, owner: &Owner) -> bool {
        let Self::Within { regions, owners } = self else { return true };
        let of_an_owner = || matches!(owner, Owner::Rep(rep) if owners.contains(rep));
        region.is_none_or(|region| regions.contains(region)) || of_an_owner()
    }
}

/// Whether regions narrow what the actor sees: reps and supervisors, unless they are something else besides.
pub fn is_limited_by_region(actor: &Actor) -> bool {
    let whole = [Role::Manager, Role::Admin, Role::Analyst, Role::Auditor];
    let works = actor.is(Role::Rep) || actor.is(Role::Supervisor);
    works && !actor.is_system() && !whole.into_iter().any(|role| actor.is(role))
}

impl People {
    /// Which customers an actor sees at an instant, which is that of deputies.
    pub fn visibility(&self, actor: &Actor, at: DateTime<Utc>) -> Visibility {
        if !is_limited_by_region(actor) {
            return Visibility::Everything;
        }
        let leads =
            |supervisors: &BTreeSet<String>| actor.is(Role::Supervisor) && supervisors.contains(&actor.name);
        let mut regions = BTreeSet::new();
        let mut owners = BTreeSet::new();
        for team in self.teams.values() {
            let led = leads(&team.supervisors);
            let member = actor.rep_id().is_some_and(|rep| team.members.contains(rep));
            if led || member {
                regions.extend(team.regions.iter().cloned());
            }
            if led {
                owners.extend(team.members.iter().cloned());
            }
        }
        if regions.is_empty() {
            return Visibility::Everything;
        }
        if let Some(rep) = actor.rep_id() {
            owners.insert(rep.to_owned());
            owners.extend(self.stands_in_for(rep, at));
        }
        Visibility::Within { regions, owners }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::Label;
    use crate::people::{Deputy, Team};

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn team(key: &str, supervisors: &[&str], members: &[&str], regions: &[&str]) -> Team {
        Team {
            key: key.to_owned(),
            name: Label::same(key),
            supervisors: names(supervisors),
            members: names(members),
            regions: names(regions),
            functions: std::collections::BTreeMap::new(),
        }
    }

    fn people(teams: impl IntoIterator<Item = Team>) -> People {
        let teams = teams.into_iter().map(|team| (team.key.clone(), team)).collect();
        People { teams, ..People::default() }
    }

    /// Two teams with regions, and one without.
    fn company() -> People {
        people([
            team("north", &["supervisor:zhou"], &["li", "zhao"], &["北京", "天津"]),
            team("south", &["supervisor:wu"], &["chen"], &["广州"]),
            team("web", &["supervisor:zhou"], &["sun"], &[]),
        ])
    }

    fn rep(name: &str) -> Actor {
        Actor::new(format!("rep:{name}"), [Role::Rep])
    }

    fn of(rep: &str) -> Owner {
        Owner::Rep(rep.to_owned())
    }

    #[test]
    fn a_rep_of_a_region_sees_it_and_what_has_no_region_and_what_it_owns() {
        let visibility = company().visibility(&rep("li"), now());
        assert!(
            visibility.is_visible(Some("北京"), &of("zhao"))
                && visibility.is_visible(Some("天津"), &Owner::Pool("p".into()))
        );
        assert!(visibility.is_visible(None, &of("chen")), "without a region everybody sees it");
        assert!(visibility.is_visible(Some("广州"), &of("li")), "its own wherever it is");
        assert!(!visibility.is_visible(Some("广州"), &of("zhao")), "a colleague's in another region");
        assert!(
            !visibility.is_visible(Some("广州"), &Owner::Pool("li".into())),
            "a pool is no owner of that name"
        );
        assert!(!visibility.is_visible(Some("北京 "), &of("chen")), "regions are compared to the letter");
    }

    #[test]
    fn a_supervisor_sees_what_belongs_to_any_team_it_leads() {
        let zhou = Actor::new("supervisor:zhou", [Role::Supervisor]);
        let visibility = company().visibility(&zhou, now());
        assert!(
            visibility.is_visible(Some("广州"), &of("zhao"))
                && visibility.is_visible(Some("广州"), &of("sun"))
        );
        assert!(!visibility.is_visible(Some("广州"), &of("chen")));
        let only_by_name = Actor::new("supervisor:zhou", [Role::Rep]);
        assert_eq!(company().visibility(&only_by_name, now()), Visibility::Everything, "a rep leads nobody");
    }

    #[test]
    fn a_deputy_sees_what_it_stands_in_for_and_only_as_long() {
        let mut people = company();
        let leave = Deputy {
            id: Uuid::from_u128(1),
            rep: "chen".to_owned(),
            deputy: "li".to_owned(),
            from: now(),
            until: now() + TimeDelta::days(1),
        };
        people.deputies.insert(leave.id, leave);
        let sees = |at| people.visibility(&rep("li"), at).is_visible(Some("广州"), &of("chen"));
        let tick = TimeDelta::microseconds(1);
        assert!(!sees(now() - tick) && sees(now()));
        assert!(sees(now() + TimeDelta::days(1) - tick) && !sees(now() + TimeDelta::days(1)));
    }

    #[test]
    fn who_leads_reads_or_checks_the_whole_sees_everything_and_so_does_who_has_no_region() {
        for role in [Role::Manager, Role::Admin, Role::Analyst, Role::Auditor] {
            assert_eq!(
                company().visibility(&Actor::new("rep:li", [Role::Rep, role]), now()),
                Visibility::Everything
            );
        }
        assert_eq!(company().visibility(&rep("sun"), now()), Visibility::Everything);
        assert_eq!(company().visibility(&rep("nobody"), now()), Visibility::Everything);
        assert_eq!(company().visibility(&Actor::new("system:reclaim", []), now()), Visibility::Everything);
    }

    proptest! {
        /// One region more never takes a customer away from a member that had a region before.
        #[test]
        fn a_further_region_hides_nothing(
            regions in prop::collection::btree_set("[a-d]", 1..4),
            further in "[a-d]",
            region in prop::option::of("[a-e]"),
            owner in "[l-n]i",
        ) {
            let of_regions = |regions: BTreeSet<String>| {
                people([Team { regions, ..team("north", &[], &["li"], &[]) }]).visibility(&rep("li"), now())
            };
            let before = of_regions(regions.clone()).is_visible(region.as_deref(), &of(&owner));
            let after = of_regions(regions.into_iter().chain([further]).collect()).is_visible(region.as_deref(), &of(&owner));
            prop_assert!(!before || after);
        }
    }
}
