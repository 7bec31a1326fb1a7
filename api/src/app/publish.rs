//! Publishing a pipeline, and its next versions.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use waymark_domain::pipeline::event::Published;
use waymark_domain::pipeline::version::{MappingKind, Pilot, Proposal, StageMapping, StageOccupancy};
use waymark_domain::pipeline::{Pipeline, PipelineEvent, changed_types};
use waymark_domain::refusal::{Code, Refusal, Violation};
use waymark_domain::{Label, tags};
use waymark_eventstore::{Append, Position, Query, StoreError, TenantId};

use super::answer::Request;
use super::execute::{Committed, Decision, Freshness, Plan};
use super::receipts::{StoredOutcome, store_error};
use super::{App, AppError, BatchError, Caller, CommandAnswer, CommandMeta};

/// How long a publication waits for the read model that says who is in which stage.
const OCCUPANTS_WITHIN: Duration = Duration::from_secs(10);
/// The most versions that a pipeline has.
const MOST_VERSIONS: u32 = 65_535;

/// The next version of a pipeline, as it is asked for.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// The definition, as a client gives it.
    pub definition: Value,
    /// When it takes force; at once when absent.
    pub effective_from: Option<DateTime<Utc>>,
    /// Where customers in stages of the version before go.
    pub map: Vec<StageMapping>,
    /// The team that alone it is for.
    pub team: Option<Pilot>,
}

/// What the version would do, or does, to the customers of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AffectedStage {
    /// The stage of the version before.
    pub stage: String,
    /// Who is in it, or was.
    pub occupants: StageOccupancy,
    /// How they go; none where nothing is said and the stage is gone.
    pub kind: Option<MappingKind>,
    /// Where they go: several for a split.
    pub to: Vec<String>,
}

/// What a version would do.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The definition, where it is one.
    pub pipeline: Option<Pipeline>,
    /// The version that the map leads from.
    pub base: u32,
    /// What would break.
    pub violations: Vec<Violation>,
    /// What is permitted but unwise.
    pub warnings: Vec<Violation>,
    /// Whether it says what the version that it follows says.
    pub unchanged: bool,
    /// Whom it concerns, stage by stage.
    pub affected: Vec<AffectedStage>,
}

impl App {
    /// Publishes the first version of a pipeline.
    ///
    /// # Errors
    /// When there is a pipeline of that key already, or the log cannot take it.
    pub async fn publish_pipeline(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        pipeline: Pipeline,
    ) -> Result<CommandAnswer, AppError> {
        let published = Published { pipeline, effective_from: None, base: None, map: Vec::new(), team: None };
        self.run_single(Request { caller, meta }, &FirstVersion { published }).await
    }

    /// Publishes the next version of a pipeline.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), there is no such pipeline, or the log cannot take it.
    pub async fn publish_version(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        key: &str,
        new: &NewVersion,
    ) -> Result<CommandAnswer, AppError> {
        self.run_single(Request { caller, meta }, &NextVersion { key, new }).await
    }

    /// Publishes the next version of a pipeline that permits any move, which has all stages of the version before and some more:
    /// nobody has to go anywhere, and it is judged no more strictly than the first version, which a file made.
    ///
    /// # Errors
    /// When there is no such pipeline, others keep changing it, or the log cannot take it.
    pub(crate) async fn publish_extended(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        pipeline: Pipeline,
    ) -> Result<CommandAnswer, AppError> {
        self.run_single(Request { caller, meta }, &ExtendedVersion { pipeline }).await
    }

    /// What a next version would do, and what would break, without publishing it.
    ///
    /// # Errors
    /// When there is no such pipeline, or the log or a read model cannot be read.
    pub async fn preview_version(
        &self,
        caller: &Caller,
        key: &str,
        new: &NewVersion,
    ) -> Result<Preview, AppError> {
        self.refresh_definitions(caller.tenant).await?;
        let versions = self.pipelines.versions(caller.tenant, key).await?;
        let missing = || AppError::NotFound { what: "pipeline".into(), id: key.to_owned() };
        let base = versions.base_of_next().ok_or_else(missing)?;
        let next = versions.next_number();
        let none = |violations| Preview {
            pipeline: None,
            base: base.pipeline.version,
            violations,
            warnings: Vec::new(),
            unchanged: false,
            affected: Vec::new(),
        };
        if next > MOST_VERSIONS {
            return Ok(none(vec![too_many_versions()]));
        }
        let pipeline = match Pipeline::parse(key, next, &new.definition) {
            Ok(pipeline) => pipeline,
            Err(refusal) => return Ok(none(refusal.violations)),
        };
        let occupants = self.occupants(caller.tenant, &base.pipeline).await?;
        let in_pools = self.projections.board(caller.tenant).await?.pool_occupants(key).await?;
        let proposal = Proposal {
            base,
            pipeline: &pipeline,
            map: &new.map,
            effective_from: new.effective_from,
            team: new.team.as_ref(),
            occupants: &occupants,
            in_pools: &in_pools,
            now: (self.clock)(),
        };
        let affected = proposal.affected().into_iter().map(|stage| AffectedStage {
            stage: stage.stage.to_owned(),
            occupants: stage.occupants,
            kind: stage.kind,
            to: stage.to.into_iter().map(str::to_owned).collect(),
        });
        let company = self.companies.now(caller.tenant).await?;
        let team = new.team.as_ref().filter(|pilot| !company.people.teams.contains_key(&pilot.id));
        let violations = [proposal.violations(), team.map(no_team).into_iter().collect()].concat();
        let affected = affected.collect();
        let warnings = [changed_types(&base.pipeline, &pipeline), pipeline.warnings()].concat();
        let said_before = Pipeline { version: base.pipeline.version, ..pipeline.clone() };
        let alone = new.map.is_empty() && new.team.is_none() && new.effective_from.is_none();
        // After a pilot's version, one for everybody says more than its words.
        let newest = versions.all().last().is_some_and(|last| last.pipeline.version == base.pipeline.version);
        let unchanged = alone && newest && said_before == *base.pipeline;
        let base = base.pipeline.version;
        Ok(Preview { base, violations, warnings, unchanged, affected, pipeline: Some(pipeline) })
    }

    /// Who is in which stage, as of now.
    async fn occupants(
        &self,
        tenant: TenantId,
        pipeline: &Pipeline,
    ) -> Result<BTreeMap<String, StageOccupancy>, AppError> {
        let head = self.store.head(tenant).await?.position;
        self.projections.wait_for(tenant, "dwell", head, OCCUPANTS_WITHIN).await?;
        self.projections.wait_for(tenant, "board", head, OCCUPANTS_WITHIN).await?;
        Ok(self.projections.dwell(tenant).await?.occupants(pipeline).await?.0)
    }

    /// A version to be appended, unless anything was published of the pipeline after a position.
    fn version_plan(
        &self,
        request: Request<'_>,
        published: Published,
        read_to: Position,
        mut resource: Map<String, Value>,
    ) -> Result<Plan<()>, BatchError> {
        let caller = request.caller;
        let (key, version) = (published.pipeline.key.clone(), published.pipeline.version);
        resource.insert("key".to_owned(), Value::String(key.clone()));
        let event = PipelineEvent::Published(published);
        let draft = self.pipeline_draft(caller, &key, &event, (self.clock)())?;
        let outcome = StoredOutcome::Done {
            status: 201,
            version: u64::from(version),
            events: vec![(draft.id, event.event_type().to_owned())],
            resource,
        };
        let append = Append {
            condition: Some(Query::tag(tags::pipeline(&key)).none_after(read_to)),
            ..Append::new(caller.tenant, vec![draft])
        };
        Ok(Plan { append, read_to, outcomes: vec![outcome], staged: () })
    }
}

/// The first version of a pipeline.
struct FirstVersion {
    published: Published,
}

impl Decision for FirstVersion {
    type Staged = ();

    /// It is believed that there is no pipeline of that key; only who meets one reads the log.
    fn first_freshness(&self, _: &App, _: &Caller) -> Freshness {
        Freshness::Cached
    }

    async fn plan(
        &self,
        app: &App,
        request: Request<'_>,
        freshness: Freshness,
    ) -> Result<Plan<()>, BatchError> {
        let (tenant, key) = (request.caller.tenant, &self.published.pipeline.key);
        if freshness == Freshness::Current {
            app.refresh_definitions(tenant).await?;
            if app.pipelines.versions(tenant, key).await.is_ok() {
                return Err(exists(key).into());
            }
        }
        app.version_plan(request, self.published.clone(), 0, Map::new())
    }

    async fn committed(&self, app: &App, request: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        app.pipelines.folds().current(request.caller.tenant).await.map(drop)
    }

    fn failure(&self, error: StoreError) -> AppError {
        too_large(error)
    }
}

/// The next version of a pipeline.
struct NextVersion<'a> {
    key: &'a str,
    new: &'a NewVersion,
}

impl Decision for NextVersion<'_> {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let head = app.store.head(request.caller.tenant).await?.position;
        let preview = app.preview_version(request.caller, self.key, self.new).await?;
        Refusal::require_all([preview.violations])?;
        if preview.unchanged {
            return Ok(unchanged(request, self.key, preview.base, head));
        }
        let Some(pipeline) = preview.pipeline else { return Err(AppError::Contention.into()) };
        let published = Published {
            pipeline,
            effective_from: self.new.effective_from,
            base: Some(preview.base),
            map: self.new.map.clone(),
            team: self.new.team.clone(),
        };
        let customers: u64 = preview.affected.iter().map(|stage| stage.occupants.standing).sum();
        let resource = Map::from_iter([("customers".to_owned(), customers.into())]);
        app.version_plan(request, published, head, resource)
    }

    async fn committed(&self, app: &App, request: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        app.pipelines.folds().current(request.caller.tenant).await.map(drop)
    }

    fn failure(&self, error: StoreError) -> AppError {
        too_large(error)
    }
}

/// Nothing is published where nothing is said that was not said before: the answer names the version that says it.
fn unchanged(request: Request<'_>, key: &str, version: u32, read_to: Position) -> Plan<()> {
    let key = Value::String(key.to_owned());
    let resource = Map::from_iter([("key".to_owned(), key), ("unchanged".to_owned(), true.into())]);
    let version = u64::from(version);
    let outcome = StoredOutcome::Done { status: 200, version, events: Vec::new(), resource };
    let append = Append::new(request.caller.tenant, Vec::new());
    Plan { append, read_to, outcomes: vec![outcome], staged: () }
}

/// The next version of a pipeline, with further stages.
struct ExtendedVersion {
    pipeline: Pipeline,
}

impl Decision for ExtendedVersion {
    type Staged = ();

    async fn plan(&self, app: &App, request: Request<'_>, _: Freshness) -> Result<Plan<()>, BatchError> {
        let tenant = request.caller.tenant;
        let head = app.store.head(tenant).await?.position;
        app.refresh_definitions(tenant).await?;
        let versions = app.pipelines.versions(tenant, &self.pipeline.key).await?;
        let base = versions.base_of_next().filter(|base| base.pipeline.version + 1 == self.pipeline.version);
        // Somebody else published one meanwhile.
        let Some(base) = base else { return Err(AppError::Contention.into()) };
        let published = Published {
            // Pilots and versions that were withdrawn have numbers, too.
            pipeline: Pipeline { version: versions.next_number(), ..self.pipeline.clone() },
            effective_from: None,
            base: Some(base.pipeline.version),
            map: Vec::new(),
            team: None,
        };
        app.version_plan(request, published, head, Map::new())
    }

    async fn committed(&self, app: &App, request: Request<'_>, _: Committed<()>) -> Result<(), AppError> {
        app.pipelines.folds().current(request.caller.tenant).await.map(drop)
    }

    fn failure(&self, error: StoreError) -> AppError {
        too_large(error)
    }
}

/// What requests call the definition is the pipeline in the event.
fn too_large(error: StoreError) -> AppError {
    match error {
        StoreError::TooLarge { field, bytes, most } => {
            let field = field.replacen("pipeline", "definition", 1);
            StoreError::TooLarge { field, bytes, most }.into()
        }
        other => store_error(other),
    }
}

fn exists(key: &str) -> Refusal {
    Refusal::from_code(
        Code::PipelineExists,
        "key",
        Label::new(format!("已有销售流程“{key}”。"), format!("There is a pipeline “{key}” already.")),
        Label::new("换一个 key，或读取现有流程。", "Choose another key, or read the one there is."),
    )
}

/// A pilot of a team that does not exist would be tried by nobody.
fn no_team(pilot: &Pilot) -> Violation {
    let team = &pilot.id;
    Violation::new(
        Code::UnknownTeam,
        "team.id",
        Label::new(format!("没有团队“{team}”。"), format!("There is no team {team:?}.")),
        Label::new("请先设置该团队，或填写现有团队。", "Set the team up first, or name one that there is."),
    )
}

fn too_many_versions() -> Violation {
    Violation::new(
        Code::TooManyItems,
        "definition",
        Label::new("该流程的版本已达上限。", "The pipeline has as many versions as it can have."),
        Label::new("请新建一个流程。", "Make a new pipeline."),
    )
}
