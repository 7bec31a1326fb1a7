//! After another version of a pipeline took force: every customer whom it concerns gets its place in it.
//!
//! The read model says who may be concerned, the log decides. Each customer is a command of its own under the
//! condition of its own history, so the work can stop and begin again anywhere: who has a place is found to have it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waymark_domain::Actor;
use waymark_domain::customer::Command;
use waymark_domain::customer::command::Migrate;
use waymark_domain::people::Visibility;
use waymark_domain::pipeline::version::{Publication, Versions};
use waymark_domain::refusal::Code;
use waymark_eventstore::{Position, TenantId};
use waymark_projections::board::StageGroup;
use waymark_projections::runtime::Duty;

use super::{App, AppError, Caller, CommandMeta, CustomerCommand};
use crate::rounds::{Rounds, SOON, known_head};

/// How many customers are read at a time.
const BATCH: u32 = 500;
/// How many of them are under way at once: their appends are committed together.
const AT_ONCE: usize = 64;
/// How many waiting customers are named of each group.
const SAMPLE: u32 = 20;
/// How often it looks again at pipelines that it is done with, while something happens: corrections and other owners may bring customers back
/// to stages of earlier versions.
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);

/// Customers who stand in a stage of another version than the one in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// The stage, its version, and how many there are.
    pub group: StageGroup,
    /// Some of them.
    pub sample: Vec<Uuid>,
}

/// How far a pipeline's customers have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The version in force for everybody.
    pub version: u32,
    /// Those who are still to be moved, or wait for somebody to choose.
    pub remaining: Vec<Remaining>,
    /// How far the read model had come that says so.
    pub position: Position,
}

/// The versions that are in force for anybody at an instant: the one for everybody, and the pilots under way.
fn in_force(versions: &Versions, at: DateTime<Utc>) -> BTreeSet<u32> {
    let teams = versions.all().iter().filter_map(|known| Some(known.team.as_ref()?.id.as_str()));
    let everybody = std::iter::once(None);
    let found = everybody.chain(teams.map(Some)).filter_map(|team| versions.in_force(team, at));
    found.map(|publication| publication.pipeline.version).collect()
}

impl App {
    /// How far the customers of a pipeline that the caller sees have come to their places in the version in force.
    ///
    /// # Errors
    /// When there is no such pipeline, or the log or a read model cannot be read.
    pub async fn migration_status(&self, caller: &Caller, key: &str) -> Result<MigrationStatus, AppError> {
        let tenant = caller.tenant;
        let visibility = self.visibility(caller).await?;
        let versions = self.pipelines.versions(tenant, key).await?;
        let version = self.pipelines.find(tenant, key, None).await?.version;
        let active = in_force(&versions, (self.clock)());
        let (groups, position) = self.projections.board(tenant).await?.stage_groups(key, &visibility).await?;
        let mut remaining = Vec::new();
        for group in groups {
            let foreign = !active.contains(&group.version) || group.version == version;
            if foreign && versions.concerns(&group.stage, group.version, version) {
                let sample = self
                    .projections
                    .board(tenant)
                    .await?
                    .of_group(key, &group, Uuid::nil(), SAMPLE, &visibility)
                    .await?;
                remaining.push(Remaining { group, sample });
            }
        }
        Ok(MigrationStatus { version, remaining, position })
    }

    /// Gives every customer of a pipeline its place in the version in force for it, batch by batch. Returns how many
    /// were moved.
    async fn migrate(&self, tenant: TenantId, key: &str, versions: &Versions) -> Result<u64, AppError> {
        let active = in_force(versions, (self.clock)());
        let (groups, _) =
            self.projections.board(tenant).await?.stage_groups(key, &Visibility::Everything).await?;
        let concerned = |group: &StageGroup| {
            active.iter().any(|version| versions.concerns(&group.stage, group.version, *version))
        };
        let mut moved = 0;
        for group in groups.iter().filter(|group| concerned(group)) {
            let mut after = Uuid::nil();
            loop {
                let everybody = Visibility::Everything;
                let batch = self
                    .projections
                    .board(tenant)
                    .await?
                    .of_group(key, group, after, BATCH, &everybody)
                    .await?;
                let Some(last) = batch.last() else { break };
                after = *last;
                moved += self.migrate_batch(tenant, key, versions, &batch).await?;
            }
        }
        Ok(moved)
    }

    async fn migrate_batch(
        &self,
        tenant: TenantId,
        key: &str,
        versions: &Versions,
        customers: &[Uuid],
    ) -> Result<u64, AppError> {
        let causation_id = versions.all().last().map(|publication| publication.event);
        let mut moved = 0;
        for some in customers.chunks(AT_ONCE) {
            let mut tasks = JoinSet::new();
            for &customer in some {
                let (app, key) = (self.clone(), key.to_owned());
                tasks.spawn(async move { app.migrate_one(tenant, key, customer, causation_id).await });
            }
            while let Some(ended) = tasks.join_next().await {
                moved += u64::from(ended.map_err(|error| AppError::Unreadable(error.to_string()))??);
            }
        }
        Ok(moved)
    }

    /// Whether the customer was moved: not when it has its place already, or waits for somebody to choose.
    async fn migrate_one(
        &self,
        tenant: TenantId,
        key: String,
        customer: Uuid,
        causation_id: Option<Uuid>,
    ) -> Result<bool, AppError> {
        let actor = Actor::new("system:migration", []);
        let caller = Caller { tenant, actor, via: None, origin: Some("rule"), endpoint: None };
        let meta = CommandMeta { causation_id, ..CommandMeta::default() };
        let command = Command::Migrate(Migrate { pipeline: Some(key), to: None });
        let command = CustomerCommand::on(customer, command, None);
        let settled = [Code::NothingToMigrate, Code::MigrationUndecided, Code::CustomerErased];
        match self.execute(&caller, &meta, &command).await {
            Ok(_) => Ok(true),
            Err(AppError::Refused(refusal)) if settled.iter().any(|code| refusal.code == code.as_str()) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// What the migrator was done with: the versions in force, and when it looked.
type MigrationState = (BTreeMap<String, BTreeSet<u32>>, DateTime<Utc>);

/// Watches which versions are in force, and moves customers when others take force.
pub struct Migrator {
    app: App,
    done: HashMap<TenantId, MigrationState>,
}

impl Migrator {
    /// A migrator that has looked at nothing yet.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { app, done: HashMap::new() }
    }

    /// Works until the token is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let what = "customers could not be brought to a new version";
        let mut rounds = Rounds::new(&self.app, Duty::Upkeep, what).kept_as("versions");
        while let Some(tenants) = rounds.next(&stop).await {
            for tenant in tenants {
                let Some(looked) = stop.run_until_cancelled(self.look(tenant)).await else { return };
                rounds.looked(tenant, &looked);
            }
        }
    }

    /// Moves a tenant's customers, if other versions are in force than when it was last done. Returns when to look again,
    /// if nothing happens before.
    ///
    /// # Errors
    /// When the log or a read model cannot be read or written. What is not done is done the next time.
    pub async fn look(&mut self, tenant: TenantId) -> Result<Option<DateTime<Utc>>, AppError> {
        // What another process has just published is known as well.
        self.app.refresh_definitions_to(tenant, known_head(&self.app, tenant)).await?;
        let known = self.app.pipelines.in_force(tenant, None).await?.versions;
        let now = (self.app.clock)();
        let change = known.values().filter_map(|versions| versions.next_change(now)).min();
        let several = known.iter().filter(|(_, versions)| versions.all().len() > 1);
        let signature: BTreeMap<String, BTreeSet<u32>> =
            several.map(|(key, versions)| (key.clone(), in_force(versions, now))).collect();
        if signature.is_empty() {
            return Ok(change);
        }
        if let Some((before, at)) = self.done.get(&tenant)
            && *before == signature
            && now - *at < AGAIN_AFTER
        {
            // Something has happened since.
            return Ok(change.into_iter().chain([*at + AGAIN_AFTER]).min());
        }
        // Who moved before the version took force is found once the read model has come that far.
        let newest = self.app.store.head(tenant).await?.position;
        let (_, read) =
            self.app.projections.board(tenant).await?.stage_groups("", &Visibility::Everything).await?;
        for key in signature.keys() {
            let Some(versions) = known.get(key) else { continue };
            let moved = self.app.migrate(tenant, key, &Arc::clone(versions)).await?;
            if moved > 0 {
                tracing::info!(%tenant, pipeline = %key, moved, "customers have their places in the new version");
            }
        }
        if read < newest {
            return Ok(Some(now + SOON));
        }
        self.done.insert(tenant, (signature, now));
        Ok(change)
    }
}

/// The definition, when it is in force for anybody at an instant.
#[must_use]
pub(crate) fn is_in_force(versions: &Versions, publication: &Publication, at: DateTime<Utc>) -> bool {
    in_force(versions, at).contains(&publication.pipeline.version)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::http::testing::Bench;

    fn label(text: &str) -> Value {
        json!({"zh": format!("{text}（中）"), "en": text})
    }

    /// A pipeline of these open stages, in which any move is permitted.
    fn definition(open: &[&str]) -> Value {
        let stage = |id: &str, kind: &str| {
            json!({
                "id": id, "type": kind, "name": label(id),
                "entry_criterion": {"action": label("asked"), "result": label("answered")},
                "next_action": {"what": label("ring"), "role": "rep", "deadline_seconds": 86_400},
            })
        };
        let mut stages: Vec<Value> = open.iter().map(|id| stage(id, "open")).collect();
        stages.push(stage("signed", "won"));
        let pool = json!({
            "key": "pool", "kind": "customer_pool", "name": label("pool"), "timezone": "Asia/Shanghai",
            "default": true,
        });
        json!({
            "kind": "sales", "name": label("ours"), "entry_stage": open[0], "stages": stages,
            "transitions": "any", "pools": [pool],
        })
    }

    async fn stage(bench: &Bench, key: &str, customer: &str) -> Value {
        let answer = bench.get(key, &format!("/v1/customers/{customer}")).await;
        answer.json()["journeys"][0]["stage"].clone()
    }

    async fn moves_by(bench: &Bench, key: &str, customer: &str, version: u32) -> u16 {
        let path = format!("/v1/customers/{customer}/transitions");
        let body = json!({"to": "asked", "expected_pipeline_version": version});
        bench.post(key, &path, &body).await.status.as_u16()
    }

    #[tokio::test]
    async fn a_teams_customers_are_in_its_pilot_while_it_lasts_and_come_back_when_it_ends() {
        let bench = Bench::new().await;
        let admin = bench.key("admin:root", &[crate::domain::Role::Admin]).await;
        let north = json!({"key": "north", "name": {"zh": "北区", "en": "North"}, "members": ["li"]});
        assert_eq!(bench.post(&admin, "/v1/admin/teams", &north).await.status, 200);
        let body = json!({"key": "ours", "definition": definition(&["asked", "waiting"])});
        assert_eq!(bench.post(&admin, "/v1/pipelines", &body).await.status, 201);
        let of =
            |rep: &str| json!({"pipeline": "ours", "stage": "waiting", "owner": {"kind": "rep", "id": rep}});
        let mine = bench.register(&admin, &of("li")).await;
        let other = bench.register(&admin, &of("zhao")).await;
        bench.catch_up().await;
        let pilot = json!({
            "definition": definition(&["asked", "tried"]),
            "map": [{"from": "waiting", "kind": "rename", "to": "tried"}],
            "team": {
                "id": "north", "from": "2026-03-03T08:00:00Z", "until": "2026-03-17T08:00:00Z",
                "back": [{"from": "tried", "kind": "rename", "to": "waiting"}],
            },
        });
        let published = bench.post(&admin, "/v1/pipelines/ours/versions", &pilot).await;
        assert_eq!(published.status, 201, "{}", published.text);

        bench.migrate().await;
        assert_eq!(stage(&bench, &admin, &mine).await, "waiting", "the pilot has not begun");
        bench.later(24);
        bench.migrate().await;
        assert_eq!(stage(&bench, &admin, &mine).await, "tried");
        assert_eq!(stage(&bench, &admin, &other).await, "waiting", "the pilot is not for everybody");
        assert_eq!(moves_by(&bench, &admin, &mine, 1).await, 409);
        assert_eq!(moves_by(&bench, &admin, &other, 2).await, 409);
        assert_eq!(moves_by(&bench, &admin, &other, 1).await, 200);

        bench.later(14 * 24 - 1);
        bench.migrate().await;
        assert_eq!(stage(&bench, &admin, &mine).await, "tried", "the last hour of the pilot");
        bench.later(1);
        bench.migrate().await;
        assert_eq!(stage(&bench, &admin, &mine).await, "waiting");
        assert_eq!(moves_by(&bench, &admin, &mine, 1).await, 200);
    }

    #[tokio::test]
    async fn looking_again_moves_nobody_twice() {
        let bench = Bench::new().await;
        let admin = bench.key("admin:root", &[crate::domain::Role::Admin]).await;
        let body = json!({"key": "ours", "definition": definition(&["asked", "waiting"])});
        assert_eq!(bench.post(&admin, "/v1/pipelines", &body).await.status, 201);
        let customer = bench.register(&admin, &json!({"pipeline": "ours", "stage": "waiting"})).await;
        bench.catch_up().await;
        let next = json!({
            "definition": definition(&["asked"]),
            "map": [{"from": "waiting", "kind": "retire", "to": "asked"}],
        });
        assert_eq!(bench.post(&admin, "/v1/pipelines/ours/versions", &next).await.status, 201);
        for _ in 0..3 {
            bench.migrate().await;
        }
        assert_eq!(stage(&bench, &admin, &customer).await, "asked");
        let events = bench.get(&admin, &format!("/v1/events?customer={customer}")).await.json();
        let types: Vec<&Value> = events["items"].as_array().unwrap().iter().map(|e| &e["type"]).collect();
        assert_eq!(types, ["customer.registered", "customer.stage_migrated"]);
    }
}
