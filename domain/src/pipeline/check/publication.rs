//! Judges the publication of a next version: whether everybody whom it concerns has a place to go.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::automations::condition_refers;
use super::dangling_reference;
use crate::Label;
use crate::instant;
use crate::pipeline::version::{Mapping, MappingKind, Pilot, Publication, StageMapping, StageOccupancy};
use crate::pipeline::{Pipeline, Stage};
use crate::pool::Pool;
use crate::refusal::{Code, Violation};

/// A version that is about to be published.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// The version for everybody that was published last.
    pub base: &'a Publication,
    /// The new definition.
    pub pipeline: &'a Pipeline,
    /// Where customers in stages of the base go.
    pub map: &'a [StageMapping],
    /// From when it is in force; at once when absent.
    pub effective_from: Option<DateTime<Utc>>,
    /// The team that alone it is for.
    pub team: Option<&'a Pilot>,
    /// Who is, or was, in which stage.
    pub occupants: &'a BTreeMap<String, StageOccupancy>,
    /// How many customers each pool holds.
    pub in_pools: &'a BTreeMap<String, u64>,
    /// The instant of publishing.
    pub now: DateTime<Utc>,
}

/// What a version does to the customers in a stage of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected<'a> {
    /// The stage.
    pub stage: &'a str,
    /// Who is in it, or was.
    pub occupants: StageOccupancy,
    /// How they go; none where nothing is said and the stage is gone.
    pub kind: Option<MappingKind>,
    /// Where they go: several for a split.
    pub to: Vec<&'a str>,
}

impl<'a> Proposal<'a> {
    /// What would break: every reference that leads nowhere, every stage whose customers have no place to go, and
    /// instants that do not follow one another.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = self.instants();
        found.extend(references(self.map, &self.base.pipeline, self.pipeline, "map"));
        found.extend(self.unmapped());
        found.extend(self.pools_in_use());
        if let Some(pilot) = self.team {
            found.extend(references(&pilot.back, self.pipeline, &self.base.pipeline, "team.back"));
            found.extend(self.without_way_back(pilot));
        }
        found
    }

    /// Whom it concerns, in the order of the base's stages: those in stages that go, or of which the map says more
    /// than that they stay.
    pub fn affected(&self) -> Vec<Affected<'a>> {
        let stages = self.base.pipeline.stages.iter();
        stages.filter_map(|stage| self.effect(stage)).collect()
    }

    fn effect(&self, stage: &'a Stage) -> Option<Affected<'a>> {
        let said = self.map.iter().find(|step| step.from == stage.id).map(|step| &step.mapping);
        let said = said.filter(|mapping| **mapping != Mapping::Same);
        if said.is_none() && self.pipeline.stage(&stage.id).is_some() {
            return None;
        }
        let to: BTreeSet<&str> = said.into_iter().flat_map(Mapping::targets).map(|(_, to)| to).collect();
        Some(Affected {
            stage: &stage.id,
            occupants: self.occupants.get(&stage.id).cloned().unwrap_or_default(),
            kind: said.map(Mapping::kind),
            to: to.into_iter().collect(),
        })
    }

    fn unmapped(&self) -> Vec<Violation> {
        let gone = self.affected().into_iter().filter(|affected| affected.kind.is_none());
        let met = gone.filter(|affected| affected.occupants.standing + affected.occupants.passed > 0);
        met.map(|affected| {
            let StageOccupancy { standing, passed, .. } = affected.occupants;
            let stage = affected.stage;
            Violation::new(
                Code::StageMapMissing,
                "map",
                Label::new(
                    format!("状态“{stage}”被删除，但有{standing}个客户在其中、{passed}个进行中的客户曾在其中。"),
                    format!(
                        "The stage {stage:?} is gone, yet {standing} customers stand in it and {passed} passed it \
                         in a cycle under way."
                    ),
                ),
                Label::new(
                    format!("请在map中说明“{stage}”的客户去向（rename、merge、split或retire）。"),
                    format!("Specify in map where customers in {stage:?} go (rename, merge, split or retire)."),
                ),
            )
            .with("stage", stage)
            .with("standing", standing)
            .with("passed", passed)
        })
        .collect()
    }

    /// Customers in a pool that goes could be neither claimed nor found. A pilot's customers have owners.
    fn pools_in_use(&self) -> Vec<Violation> {
        let gone = |pool: &&Pool| self.pipeline.pool(&pool.key).is_none();
        let gone = self.base.pipeline.pools.iter().filter(gone).filter(|_| self.team.is_none());
        let held = gone.filter_map(|pool| Some((pool, *self.in_pools.get(&pool.key)?)));
        held.filter(|(_, customers)| *customers > 0)
            .map(|(pool, customers)| {
                let key = &pool.key;
                Violation::new(
                    Code::PoolInUse,
                    "pools",
                    Label::new(
                        format!("公海“{key}”被删除，但其中还有{customers}个客户。"),
                        format!("The pool {key:?} is gone, yet {customers} customers are in it."),
                    ),
                    Label::new(
                        format!("请保留标识“{key}”（名称可以修改），或先把其中的客户转入其他公海。"),
                        format!("Keep the key {key:?} (its name may change), or first move its customers to another pool."),
                    ),
                )
                .with("pool", key.as_str())
                .with("customers", customers)
            })
            .collect()
    }

    /// When a pilot ends, the stages that it alone has are gone.
    fn without_way_back(&self, pilot: &Pilot) -> Vec<Violation> {
        let lost = |stage: &&Stage| {
            self.base.pipeline.stage(&stage.id).is_none()
                && !pilot.back.iter().any(|step| step.from == stage.id)
        };
        let stages = self.pipeline.stages.iter().filter(lost).filter(|_| pilot.until.is_some());
        let violation = |stage: &Stage| {
            let id = &stage.id;
            Violation::new(
                Code::StageMapMissing,
                "team.back",
                Label::new(
                    format!("试点结束后没有状态“{id}”。"),
                    format!("The stage {id:?} does not exist after the pilot ends."),
                ),
                Label::new(
                    format!("请在team.back中说明“{id}”的客户去向。"),
                    format!("Specify in team.back where customers in {id:?} go."),
                ),
            )
            .with("stage", id.as_str())
        };
        stages.map(violation).collect()
    }

    fn instants(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        let from = self.team.and_then(|pilot| pilot.from);
        let (field, from) =
            if from.is_some() { ("team.from", from) } else { ("effective_from", self.effective_from) };
        let earliest = match self.team {
            None => self.base.in_force_from.max(self.now),
            Some(_) => self.now,
        };
        if from.unwrap_or(self.now) < earliest {
            found.push(too_early(field, earliest));
        }
        if self.team.is_some_and(|pilot| pilot.from.is_some()) && self.effective_from.is_some() {
            found.push(Violation::new(
                Code::InvalidValue,
                "effective_from",
                Label::new("试点的开始时间给出了两次。", "The start of the pilot is given twice."),
                Label::new("请只填写team.from。", "Use team.from only."),
            ));
        }
        if let Some(until) = self.team.and_then(|pilot| pilot.until) {
            let begins = from.unwrap_or(self.now);
            if until <= begins {
                found.push(too_early("team.until", begins));
            }
        }
        found
    }
}

/// Stages that mean something else from now on, as warnings: what a stage means is its type.
pub fn changed_types(base: &Pipeline, next: &Pipeline) -> Vec<Violation> {
    let changed = next.stages.iter().enumerate().filter_map(|(n, stage)| {
        let before = base.stage(&stage.id).filter(|before| before.kind != stage.kind)?;
        Some((n, stage, before))
    });
    changed
        .map(|(n, stage, before)| {
            let (id, from, to) = (&stage.id, before.kind.as_str(), stage.kind.as_str());
            Violation::new(
                Code::StageTypeChanged,
                format!("stages[{n}].type"),
                Label::new(
                    format!("状态“{id}”的类型由{from}变为{to}，曾在其中的客户今后按新类型统计。"),
                    format!(
                        "The type of the stage {id:?} changes from {from} to {to}: from now on, customers who are or were \
                         in it count by the new type."
                    ),
                ),
                Label::new(
                    "如果含义不同，请新建状态，并在map中说明客户去向。",
                    "If it means something else, add a stage and specify in map where customers go.",
                ),
            )
            .with("from", from)
            .with("to", to)
        })
        .collect()
}

fn too_early(field: &str, earliest: DateTime<Utc>) -> Violation {
    Violation::new(
        Code::EffectiveFromTooEarly,
        field,
        Label::new(
            "该时间早于现在，或早于前一版本的生效时间。",
            "The time is before now, or before the previous version takes effect.",
        ),
        Label::new(
            format!("请填写不早于{}的时间，或省略以立即生效。", instant::text(earliest)),
            format!(
                "Enter a time not before {}, or omit it to take effect immediately.",
                instant::text(earliest)
            ),
        ),
    )
    .with_instant("earliest", earliest)
}

/// What the steps of a map refer to: stages of the one definition, and of the other.
fn references(map: &[StageMapping], from: &Pipeline, to: &Pipeline, field: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (n, step) in map.iter().enumerate() {
        let path = format!("{field}[{n}]");
        if from.stage(&step.from).is_none() {
            found.push(dangling_reference(format!("{path}.from"), &step.from));
        }
        if !seen.insert(&step.from) {
            found.push(Violation::new(
                Code::DuplicateId,
                format!("{path}.from"),
                Label::new(format!("“{}”出现两次。", step.from), format!("{:?} appears twice.", step.from)),
                Label::new("每个状态只能映射一次。", "Each stage may be mapped only once."),
            ));
        }
        if step.mapping == Mapping::Same && to.stage(&step.from).is_none() {
            found.push(dangling_reference(format!("{path}.from"), &step.from));
        }
        for (target, stage) in step.mapping.targets() {
            if to.stage(stage).is_none() {
                found.push(dangling_reference(format!("{path}.{target}"), stage));
            }
        }
        found.extend(finer(step, from, to, &path));
    }
    found
}

/// Sub-statuses that a step names: of the stage entered, and in a split of the stage left.
fn finer(step: &StageMapping, from: &Pipeline, to: &Pipeline, path: &str) -> Vec<Violation> {
    match &step.mapping {
        Mapping::Same => Vec::new(),
        Mapping::Rename(target) | Mapping::Merge(target) | Mapping::Retire(target) => {
            let known = |sub: &String| {
                to.stage(&target.to)
                    .is_none_or(|stage| stage.sub_statuses.iter().any(|known| known.id == *sub))
            };
            let unknown = target.sub_status.as_ref().filter(|sub| !known(sub));
            unknown.map(|sub| dangling_reference(format!("{path}.sub_status"), sub)).into_iter().collect()
        }
        Mapping::Split { into, .. } => {
            let stages = [step.from.clone()];
            let rules = into.iter().enumerate();
            let of = |(n, rule): (usize, &crate::pipeline::version::SplitRule)| {
                condition_refers(from, &rule.when, &stages, &format!("{path}.into[{n}].when"))
            };
            rules.flat_map(of).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::pipeline::Endings;

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    fn pipeline(version: u32, stages: &[&str]) -> Pipeline {
        let stages: Vec<String> = stages.iter().map(|&stage| stage.to_owned()).collect();
        Pipeline { version, ..Pipeline::any_move("k", &stages, &Endings::default()) }
    }

    /// The codes and fields of what breaks when `a, b, c` become `a, d`, with customers in the stages named.
    fn broken(
        map: &serde_json::Value,
        team: Option<serde_json::Value>,
        standing: &[&str],
    ) -> Vec<(String, String)> {
        let base = Publication {
            pipeline: Arc::new(pipeline(1, &["a", "b", "c"])),
            base: None,
            map: Vec::new(),
            team: None,
            in_force_from: day(1),
            event: Uuid::nil(),
            published_at: day(1),
            published_by: "manager:wang".to_owned(),
        };
        let next = pipeline(2, &["a", "d"]);
        let map = StageMapping::parse_all(map).unwrap();
        let team = team.map(|team| Pilot::parse(&team).unwrap());
        let one = StageOccupancy { standing: 1, ..StageOccupancy::default() };
        let occupants = standing.iter().map(|&stage| (stage.to_owned(), one.clone())).collect();
        let proposal = Proposal {
            base: &base,
            pipeline: &next,
            map: &map,
            effective_from: None,
            team: team.as_ref(),
            occupants: &occupants,
            in_pools: &BTreeMap::new(),
            now: day(5),
        };
        proposal.violations().into_iter().map(|v| (v.code.into_owned(), v.field)).collect()
    }

    fn pairs(pairs: &[(Code, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(code, field)| (code.as_str().to_owned(), (*field).to_owned())).collect()
    }

    #[test]
    fn a_stage_that_goes_needs_a_map_only_where_somebody_is_or_was_in_it() {
        assert_eq!(broken(&json!([]), None, &["a"]), []);
        assert_eq!(broken(&json!([]), None, &["a", "b"]), pairs(&[(Code::StageMapMissing, "map")]));
        assert_eq!(broken(&json!([{"from": "b", "kind": "retire", "to": "d"}]), None, &["b"]), []);
    }

    #[test]
    fn a_pool_goes_only_when_nobody_is_in_it_and_a_changed_type_is_said() {
        let published = |pipeline| Publication {
            pipeline: Arc::new(pipeline),
            base: None,
            map: Vec::new(),
            team: None,
            in_force_from: day(1),
            event: Uuid::nil(),
            published_at: day(1),
            published_by: "manager:wang".to_owned(),
        };
        let base = published(pipeline(1, &["a"]));
        let key = base.pipeline.pools[0].key.clone();
        let mut next = pipeline(2, &["a"]);
        next.pools[0].key = "renamed".to_owned();
        next.stages[0].kind = crate::pipeline::StageType::Lost;
        let broken = |customers: u64| {
            let in_pools = BTreeMap::from([(key.clone(), customers)]);
            let occupants = BTreeMap::new();
            let proposal = Proposal {
                base: &base,
                pipeline: &next,
                map: &[],
                effective_from: None,
                team: None,
                occupants: &occupants,
                in_pools: &in_pools,
                now: day(5),
            };
            proposal.violations().into_iter().map(|v| (v.code.into_owned(), v.field)).collect::<Vec<_>>()
        };
        assert_eq!(broken(0), []);
        assert_eq!(broken(1), pairs(&[(Code::PoolInUse, "pools")]));
        let warned = changed_types(&base.pipeline, &next);
        assert_eq!((warned.len(), warned[0].field.as_str()), (1, "stages[0].type"));
        assert_eq!(changed_types(&base.pipeline, &base.pipeline), []);
    }

    #[test]
    fn a_map_leads_from_stages_that_were_to_stages_that_are() {
        let map = json!([
            {"from": "x", "kind": "retire", "to": "d"},
            {"from": "b", "kind": "rename", "to": "b"},
            {"from": "b", "kind": "merge", "to": "a"},
            {"from": "c", "kind": "split", "into": [{"to": "y"}], "otherwise": "z"},
            {"from": "a", "kind": "split", "into": [{"to": "a", "when": {"sub_statuses": ["none"]}}]},
        ]);
        let expected = pairs(&[
            (Code::DanglingReference, "map[0].from"),
            (Code::DanglingReference, "map[1].to"),
            (Code::DuplicateId, "map[2].from"),
            (Code::DanglingReference, "map[3].into[0].to"),
            (Code::DanglingReference, "map[3].otherwise"),
            (Code::DanglingReference, "map[4].into[0].when.sub_statuses[0]"),
        ]);
        assert_eq!(broken(&map, None, &[]), expected);
    }

    #[test]
    fn a_pilot_that_ends_says_where_its_own_stages_lead_and_ends_after_it_begins() {
        let team = |until: &str, back| json!({"id": "north", "until": until, "back": back});
        let late = "1970-02-01T00:00:00Z";
        assert_eq!(
            broken(&json!([]), Some(team(late, json!([]))), &[]),
            pairs(&[(Code::StageMapMissing, "team.back")])
        );
        let back = json!([{"from": "d", "kind": "merge", "to": "a"}]);
        assert_eq!(broken(&json!([]), Some(team(late, back.clone())), &[]), []);
        assert_eq!(
            broken(&json!([]), Some(team("1970-01-02T00:00:00Z", back)), &[]),
            pairs(&[(Code::EffectiveFromTooEarly, "team.until")])
        );
        assert_eq!(broken(&json!([]), Some(json!("north")), &[]), []);
    }

    #[test]
    fn an_ill_formed_map_or_team_is_refused_by_its_paths() {
        let fields =
            |refusal: crate::Refusal| refusal.violations.into_iter().map(|v| v.field).collect::<Vec<_>>();
        let map = json!([{"from": "a", "kind": "vanish"}, {"kind": "retire"}, {"from": "a", "kind": "split"},
            {"from": "a", "kind": "split", "into": [{"to": "a", "when": {"reasons": ["x"]}}]}, 7]);
        let refused = fields(StageMapping::parse_all(&map).unwrap_err());
        assert!(
            [
                "map[0].kind",
                "map[1].from",
                "map[1].to",
                "map[2].into",
                "map[3].into[0].when.reasons",
                "map[4]"
            ]
            .iter()
            .all(|path| refused.iter().any(|field| field == path)),
            "{refused:?}"
        );
        let team = json!({"id": "", "from": "soon", "surprise": 1});
        assert_eq!(fields(Pilot::parse(&team).unwrap_err()), ["team.id", "team.from", "team.surprise"]);
    }
}
