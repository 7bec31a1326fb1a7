//! Versions of a pipeline: which one is in force for whom, and where customers go when the next one takes force.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use super::check::publication::{Affected, Proposal};

use super::automation::{Condition, Facts};
use super::{Pipeline, StageType};

/// Where customers in one stage of the version before go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageMapping {
    /// The stage of the version before.
    pub from: String,
    /// Where its customers go.
    #[serde(flatten)]
    pub mapping: Mapping,
}

/// Where the customers of a stage go. In every case the stay continues: it gets another label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mapping {
    /// The stage is still there.
    Same,
    /// The stage has another id.
    Rename(Target),
    /// The stage is one with others now.
    Merge(Target),
    /// The stage is several now.
    Split {
        /// The first rule whose condition holds decides.
        into: Vec<SplitRule>,
        /// Where those go for whom no rule holds; absent, they wait until somebody chooses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        otherwise: Option<String>,
    },
    /// The stage is gone, and its customers go elsewhere.
    Retire(Target),
}

/// A stage of the new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The stage.
    pub to: String,
    /// The sub-status within it; the one held, where the stage has it too, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
}

/// One part of a stage that is split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRule {
    /// The stage of the new version.
    pub to: String,
    /// Who goes there. The sub-status is that of the old stage.
    #[serde(default)]
    pub when: Condition,
}

/// A team that tries a version before everybody else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pilot {
    /// The team's id.
    pub id: String,
    /// From when; from its publication on, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// Until when, exclusive; without end, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Where customers in stages that only the pilot has go when it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<StageMapping>,
}

/// A version as it was published.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The definition.
    pub pipeline: Arc<Pipeline>,
    /// The version that the map leads from.
    pub base: Option<u32>,
    /// Where customers in stages of the base go.
    pub map: Vec<StageMapping>,
    /// The team that alone it is for.
    pub team: Option<Pilot>,
    /// From when it is in force.
    pub in_force_from: DateTime<Utc>,
    /// The event that published it.
    pub event: Uuid,
    /// When it was published.
    pub published_at: DateTime<Utc>,
    /// Who published it.
    pub published_by: String,
}

impl Publication {
    /// Whether it is for the team (or for everybody) at an instant.
    fn is_for(&self, team: Option<&str>, at: DateTime<Utc>) -> bool {
        let for_team = self.team.as_ref().is_none_or(|pilot| {
            team == Some(pilot.id.as_str()) && pilot.until.is_none_or(|until| at < until)
        });
        for_team && self.in_force_from <= at
    }
}

/// A version that was withdrawn before it took force.
#[derive(Debug, Clone, PartialEq)]
pub struct WithdrawnVersion {
    /// As it was published.
    pub publication: Publication,
    /// When it was withdrawn.
    pub at: DateTime<Utc>,
    /// Who withdrew it.
    pub by: String,
}

/// Every version of one pipeline, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Versions {
    publications: Vec<Publication>,
    /// Those that never took force.
    withdrawn: Vec<WithdrawnVersion>,
}

/// Where a customer goes when another version takes force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MappedStage {
    /// Nowhere: its stage is there, and nothing was said of it.
    Unchanged,
    /// To this stage, in this way.
    Moved {
        /// The stage of the new version.
        to: String,
        /// The sub-status that was said for it; the one held stays, where the stage has it too, when none was.
        sub_status: Option<String>,
        /// `same`, `rename`, `merge`, `split` or `retire`: the last that was applied.
        kind: MappingKind,
    },
    /// Somebody has to choose: no rule of a split holds, or nothing was said of a stage that is gone.
    Undecided,
}

/// How a customer came to its stage in a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingKind {
    /// The stage is still there.
    Same,
    /// It has another id.
    Rename,
    /// It is one with others.
    Merge,
    /// It is several.
    Split,
    /// It is gone.
    Retire,
    /// Somebody chose.
    Manual,
}

/// Who is in a stage, or was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageOccupancy {
    /// How many stand there.
    pub standing: u64,
    /// How many stood there in a cycle that has not ended, and stand elsewhere now.
    pub passed: u64,
    /// Some of those who stand there.
    pub sample: Vec<Uuid>,
}

impl Mapping {
    /// Its kind.
    pub fn kind(&self) -> MappingKind {
        match self {
            Self::Same => MappingKind::Same,
            Self::Rename(_) => MappingKind::Rename,
            Self::Merge(_) => MappingKind::Merge,
            Self::Split { .. } => MappingKind::Split,
            Self::Retire(_) => MappingKind::Retire,
        }
    }

    /// Every stage of the new version that it names, with its path within the mapping.
    pub fn targets(&self) -> Vec<(String, &str)> {
        match self {
            Self::Same => Vec::new(),
            Self::Rename(target) | Self::Merge(target) | Self::Retire(target) => {
                vec![("to".to_owned(), &target.to)]
            }
            Self::Split { into, otherwise } => {
                let rules = into.iter().enumerate();
                let mut all: Vec<_> =
                    rules.map(|(n, rule)| (format!("into[{n}].to"), rule.to.as_str())).collect();
                all.extend(otherwise.iter().map(|to| ("otherwise".to_owned(), to.as_str())));
                all
            }
        }
    }

    /// Where one customer goes; none when somebody has to choose.
    fn apply(&self, from: &str, facts: &Facts<'_>) -> Option<Target> {
        let plain = |to: &str| Target { to: to.to_owned(), sub_status: None };
        match self {
            Self::Same => Some(plain(from)),
            Self::Rename(target) | Self::Merge(target) | Self::Retire(target) => Some(target.clone()),
            Self::Split { into, otherwise } => {
                let rule = into.iter().find(|rule| rule.when.holds(facts)).map(|rule| &rule.to);
                rule.or(otherwise.as_ref()).map(|to| plain(to))
            }
        }
    }
}

impl Versions {
    /// Adds the next version.
    pub fn add(&mut self, publication: Publication) {
        self.publications.push(publication);
    }

    /// Withdraws a version, unless it had taken force by then.
    pub fn withdraw(&mut self, version: u32, at: DateTime<Utc>, by: &str) {
        let to_come = |known: &Publication| known.pipeline.version == version && at < known.in_force_from;
        if let Some(place) = self.publications.iter().position(to_come) {
            let publication = self.publications.remove(place);
            self.withdrawn.push(WithdrawnVersion { publication, at, by: by.to_owned() });
        }
    }

    /// Every version that was not withdrawn, oldest first.
    pub fn all(&self) -> &[Publication] {
        &self.publications
    }

    /// Those that were withdrawn, in the order in which they were.
    pub fn withdrawn(&self) -> &[WithdrawnVersion] {
        &self.withdrawn
    }

    /// The number of the next version: none is used twice.
    pub fn next_number(&self) -> u32 {
        u32::try_from(self.publications.len() + self.withdrawn.len() + 1).unwrap_or(u32::MAX)
    }

    /// The versions as they were known at an instant.
    #[must_use]
    pub fn known_at(&self, known_at: DateTime<Utc>) -> Self {
        let withdrawn: Vec<WithdrawnVersion> =
            self.withdrawn.iter().filter(|one| one.at <= known_at).cloned().collect();
        let since = self.withdrawn.iter().filter(|one| one.at > known_at).map(|one| &one.publication);
        let known = self.publications.iter().chain(since).filter(|one| one.published_at <= known_at);
        let mut publications: Vec<Publication> = known.cloned().collect();
        publications.sort_by_key(|one| one.pipeline.version);
        Self { publications, withdrawn }
    }

    /// The version of that number.
    pub fn version(&self, version: u32) -> Option<&Publication> {
        self.publications.iter().find(|publication| publication.pipeline.version == version)
    }

    /// What a stage meant in a version; where that version is not known or has no such stage, in the last one that has.
    pub fn kind_of(&self, version: u32, stage: &str) -> Option<StageType> {
        let of = |known: &Publication| known.pipeline.stage(stage).map(|stage| stage.kind);
        self.version(version).and_then(of).or_else(|| self.publications.iter().rev().find_map(of))
    }

    /// The version in force for a team's customers, or for those of no team: a pilot of the team while it lasts,
    /// else the latest for everybody.
    pub fn in_force(&self, team: Option<&str>, at: DateTime<Utc>) -> Option<&Publication> {
        let mut latest = self.publications.iter().rev();
        let pilot = latest.clone().find(|known| known.team.is_some() && known.is_for(team, at));
        pilot.or_else(|| latest.find(|known| known.team.is_none() && known.is_for(team, at)))
    }

    /// The version for everybody that was published last, in force or not: what the next one is built on.
    pub fn base_of_next(&self) -> Option<&Publication> {
        self.publications.iter().rev().find(|publication| publication.team.is_none())
    }

    /// The instants at which another version takes force or a pilot ends, in order.
    pub fn changes(&self) -> Vec<DateTime<Utc>> {
        let ends = self.publications.iter().filter_map(|known| known.team.as_ref()?.until);
        let mut all: Vec<_> = self.publications.iter().map(|known| known.in_force_from).chain(ends).collect();
        all.sort_unstable();
        all
    }

    /// When another version takes force or a pilot ends next, after an instant.
    pub fn next_change(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.changes().into_iter().find(|change| *change > now)
    }

    /// Since when, up to an instant, a rule has been in force for a team's customers, or for those of no team, without a
    /// break: in one version after the other that has it just so. The instant itself where none has it then; always, where
    /// it was never otherwise: what is recorded late of the time before a pipeline is judged by its first rules.
    pub fn in_force_since(
        &self,
        team: Option<&str>,
        at: DateTime<Utc>,
        same: &impl Fn(&Pipeline) -> bool,
    ) -> DateTime<Utc> {
        let mut since = at;
        for change in self.changes().into_iter().rev().filter(|change| *change <= at) {
            if !self.in_force(team, change).is_some_and(|known| same(&known.pipeline)) {
                return since;
            }
            since = change;
        }
        DateTime::<Utc>::MIN_UTC
    }

    /// Whether a rule was not in force just so for somebody's customers at an instant.
    pub fn differs_for_some(&self, at: DateTime<Utc>, same: &impl Fn(&Pipeline) -> bool) -> bool {
        let teams = self.publications.iter().filter_map(|known| Some(known.team.as_ref()?.id.as_str()));
        let mut in_force =
            std::iter::once(None).chain(teams.map(Some)).filter_map(|team| self.in_force(team, at));
        in_force.any(|known| !same(&known.pipeline))
    }

    /// Where a customer goes that entered `stage` under one version when another is in force.
    pub fn map_stage(
        &self,
        stage: &str,
        entered_under: u32,
        in_force: u32,
        facts: &Facts<'_>,
    ) -> MappedStage {
        let Some(target) = self.version(in_force) else { return MappedStage::Undecided };
        let (back, forward) = self.route(entered_under, in_force);
        let still_there = target.pipeline.stage(stage).is_some();
        if !back.is_empty() && still_there {
            return MappedStage::Unchanged;
        }
        let mut place = Target { to: stage.to_owned(), sub_status: None };
        let mut kind = None;
        for map in back.into_iter().chain(forward) {
            let Some(step) = map.iter().find(|step| step.from == place.to) else { continue };
            match step.mapping.apply(&place.to, facts) {
                None => return MappedStage::Undecided,
                Some(next) if step.mapping.kind() != MappingKind::Same => {
                    kind = Some(step.mapping.kind());
                    place = next;
                }
                Some(_) => {}
            }
        }
        match kind {
            _ if target.pipeline.stage(&place.to).is_none() => MappedStage::Undecided,
            None => MappedStage::Unchanged,
            Some(kind) => MappedStage::Moved { to: place.to, sub_status: place.sub_status, kind },
        }
    }

    /// Whether the versions on the way say something of a stage, or the one in force does not have it: whether those
    /// who stand in it have to be looked at.
    pub fn concerns(&self, stage: &str, entered_under: u32, in_force: u32) -> bool {
        if entered_under == in_force {
            return false;
        }
        let there = self.version(in_force).is_some_and(|known| known.pipeline.stage(stage).is_some());
        let (back, forward) = self.route(entered_under, in_force);
        let mut steps = back.into_iter().chain(forward).flatten();
        !there || steps.any(|step| step.from == stage && step.mapping != Mapping::Same)
    }

    /// The maps to go through from one version to another: back out of pilots, then on towards it.
    fn route(&self, from: u32, to: u32) -> (Vec<&[StageMapping]>, Vec<&[StageMapping]>) {
        let (leaving, entering) = (self.ancestry(from), self.ancestry(to));
        let shared = leaving.iter().position(|known| entering.iter().any(|other| same(known, other)));
        let left = &leaving[..shared.unwrap_or(leaving.len())];
        let meeting = shared.map(|place| leaving[place].pipeline.version);
        let entered = entering.iter().take_while(|known| Some(known.pipeline.version) != meeting);
        let back = left.iter().map(|known| known.team.as_ref().map_or(&[][..], |pilot| &pilot.back[..]));
        let mut forward: Vec<&[StageMapping]> = entered.map(|known| &known.map[..]).collect();
        forward.reverse();
        (back.collect(), forward)
    }

    /// A version, the one it was built on, and so on to the first.
    fn ancestry(&self, version: u32) -> Vec<&Publication> {
        let first = self.version(version);
        std::iter::successors(first, |known| {
            // A version is only ever built on an earlier one, so this ends.
            self.version(known.base.filter(|base| *base < known.pipeline.version)?)
        })
        .collect()
    }
}

fn same(a: &&Publication, b: &&Publication) -> bool {
    a.pipeline.version == b.pipeline.version
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::pipeline::Endings;

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    fn stages(stages: &[&str]) -> Vec<String> {
        stages.iter().map(|&stage| stage.to_owned()).collect()
    }

    fn publication(version: u32, base: Option<u32>, ids: &[&str], map: Vec<StageMapping>) -> Publication {
        let pipeline = Pipeline { version, ..Pipeline::any_move("k", &stages(ids), &Endings::default()) };
        Publication {
            pipeline: Arc::new(pipeline),
            base,
            map,
            team: None,
            in_force_from: at(version.into()),
            event: Uuid::from_u128(version.into()),
            published_at: at(0),
            published_by: "manager:wang".to_owned(),
        }
    }

    fn retire(from: &str, to: &str) -> StageMapping {
        let target = Target { to: to.to_owned(), sub_status: None };
        StageMapping { from: from.to_owned(), mapping: Mapping::Retire(target) }
    }

    fn history(publications: Vec<Publication>) -> Versions {
        let mut versions = Versions::default();
        publications.into_iter().for_each(|publication| versions.add(publication));
        versions
    }

    fn goes(to: &str, kind: MappingKind) -> MappedStage {
        MappedStage::Moved { to: to.to_owned(), sub_status: None, kind }
    }

    #[test]
    fn a_version_for_the_future_takes_force_at_its_instant_and_not_before() {
        let versions =
            history(vec![publication(1, None, &["a"], vec![]), publication(2, Some(1), &["a"], vec![])]);
        let in_force = |at| versions.in_force(None, at).map(|known| known.pipeline.version);
        assert_eq!(in_force(at(2) - TimeDelta::microseconds(1)), Some(1));
        assert_eq!(in_force(at(2)), Some(2));
        assert_eq!(in_force(at(0)), None);
        assert_eq!(versions.changes(), [at(1), at(2)]);
    }

    #[test]
    fn a_pilot_is_in_force_for_its_team_from_its_beginning_to_its_end() {
        let pilot = Pilot { id: "north".to_owned(), from: None, until: Some(at(16)), back: Vec::new() };
        let second = Publication { team: Some(pilot), ..publication(2, Some(1), &["a", "b"], vec![]) };
        let versions = history(vec![publication(1, None, &["a"], vec![]), second]);
        let in_force = |team, at| versions.in_force(team, at).map(|known| known.pipeline.version);
        assert_eq!(in_force(None, at(3)), Some(1));
        assert_eq!(in_force(Some("south"), at(3)), Some(1));
        assert_eq!(in_force(Some("north"), at(2)), Some(2));
        assert_eq!(in_force(Some("north"), at(16) - TimeDelta::microseconds(1)), Some(2));
        assert_eq!(in_force(Some("north"), at(16)), Some(1));
    }

    #[test]
    fn maps_of_several_versions_are_gone_through_in_order() {
        let versions = history(vec![
            publication(1, None, &["a", "b"], vec![]),
            publication(2, Some(1), &["a", "c"], vec![retire("b", "c")]),
            publication(3, Some(2), &["a", "d"], vec![retire("c", "d")]),
        ]);
        let map_stage = |stage, from, to| versions.map_stage(stage, from, to, &Facts::default());
        assert_eq!(map_stage("b", 1, 3), goes("d", MappingKind::Retire));
        assert_eq!(map_stage("c", 2, 3), goes("d", MappingKind::Retire));
        assert_eq!(map_stage("a", 1, 3), MappedStage::Unchanged);
        assert_eq!(map_stage("gone", 1, 3), MappedStage::Undecided);
    }

    #[test]
    fn a_split_goes_by_its_rules_and_what_fits_none_waits() {
        let rule = |to: &str, tier: &str| SplitRule {
            to: to.to_owned(),
            when: Condition { tiers: vec![tier.to_owned()], ..Condition::default() },
        };
        let mapping = Mapping::Split { into: vec![rule("a1", "A"), rule("a", "B")], otherwise: None };
        let map = vec![StageMapping { from: "a".to_owned(), mapping }];
        let versions =
            history(vec![publication(1, None, &["a"], vec![]), publication(2, Some(1), &["a", "a1"], map)]);
        let map_stage = |tier| versions.map_stage("a", 1, 2, &Facts { tier, ..Facts::default() });
        assert_eq!(map_stage(Some("A")), goes("a1", MappingKind::Split));
        assert_eq!(map_stage(Some("B")), goes("a", MappingKind::Split));
        assert_eq!(map_stage(None), MappedStage::Undecided);
        // Who was placed under the new version is not split again.
        assert_eq!(versions.map_stage("a", 2, 2, &Facts::default()), MappedStage::Unchanged);
    }

    #[test]
    fn the_end_of_a_pilot_leads_back_by_its_own_map() {
        let pilot = Pilot { id: "n".into(), from: None, until: Some(at(9)), back: vec![retire("x", "b")] };
        let second = Publication { team: Some(pilot), ..publication(2, Some(1), &["a", "x"], vec![]) };
        let versions = history(vec![
            publication(1, None, &["a", "b"], vec![]),
            second,
            publication(3, Some(1), &["a", "c"], vec![retire("b", "c")]),
        ]);
        let map_stage = |stage, to| versions.map_stage(stage, 2, to, &Facts::default());
        assert_eq!(map_stage("x", 1), goes("b", MappingKind::Retire));
        assert_eq!(map_stage("a", 1), MappedStage::Unchanged);
        assert_eq!(map_stage("x", 3), goes("c", MappingKind::Retire));
    }
}
