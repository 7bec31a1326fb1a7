//! The versions of a pipeline: publishing the next one, trying it out first, and listing them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::map::{StageMap, Trial, TrialPeriod};
use crate::app::{AffectedStage, NewVersion, Preview, is_in_force};
use crate::auth::Authority;
use crate::domain::Language;
use crate::domain::pipeline::changed_types;
use crate::domain::pipeline::version::{MappingKind, Pilot, Publication, StageMapping, WithdrawnVersion};
use crate::http::answer::{Accepted, List};
use crate::http::language::RequestedLanguage;
use crate::http::{Command, ConsistencyParams, Instant, Key, Page, Query};
use crate::problem::Problem;
use crate::problem::document::{ProblemDocument, ViolationDocument};
use crate::routes::AppState;

/// The next version of a pipeline.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "definition": {"kind": "sales"}, "effective_from": "2026-03-01T00:00:00+08:00",
    "map": [{"from": "paused", "kind": "retire", "to": "to_reactivate"}], "dry_run": true
}))]
pub(super) struct NextVersion {
    /// The complete definition, conforming to `GET /v1/pipeline-schema`.
    #[schema(value_type = Object)]
    definition: Value,
    /// When it takes effect; immediately when absent.
    effective_from: Option<Instant>,
    /// The stage mapping: `{from, kind, to?, sub_status?, into?, otherwise?}` with the kinds `same`, `rename`, `merge`,
    /// `split` and `retire`. Required for every removed stage that has customers, or had them in open cycles. A split
    /// has `into`, a list of `{to, when?}`; customers that match no condition go to `otherwise`, or without it wait
    /// until a manager chooses.
    #[schema(value_type = Option<Vec<StageMap>>)]
    map: Option<Value>,
    /// The pilot team: an id, or `{id, from?, until?, back?}`, where `back` is the stage mapping for the end of the
    /// pilot.
    #[schema(value_type = Option<Trial>)]
    team: Option<Value>,
    /// Dry run: report which customers would be affected and what would break.
    #[serde(default)]
    dry_run: bool,
}

impl NextVersion {
    fn read(&self) -> Result<NewVersion, Problem> {
        let map = self.map.as_ref().map(StageMapping::parse_all).transpose()?;
        let team = self.team.as_ref().map(Pilot::parse).transpose()?;
        Ok(NewVersion {
            definition: self.definition.clone(),
            effective_from: self.effective_from.map(|instant| instant.0),
            map: map.unwrap_or_default(),
            team,
        })
    }
}

/// The effect of a version on the customers of one stage.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct AffectedReply {
    /// The stage of the previous version.
    stage: String,
    /// The number of customers in it.
    standing: u64,
    /// The number of customers that were in it in an open cycle and are elsewhere now.
    passed: u64,
    /// `rename`, `merge`, `split` or `retire`; null if the stage was removed without a mapping.
    #[schema(value_type = Option<String>)]
    kind: Option<MappingKind>,
    /// The target stages: several for a split.
    to: Vec<String>,
    /// A sample of the customers in it.
    sample: Vec<Uuid>,
}

impl From<AffectedStage> for AffectedReply {
    fn from(affected: AffectedStage) -> Self {
        Self {
            stage: affected.stage,
            standing: affected.occupants.standing,
            passed: affected.occupants.passed,
            kind: affected.kind,
            to: affected.to,
            sample: affected.occupants.sample,
        }
    }
}

/// What a version would do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PreviewReply {
    /// Always true: nothing was published.
    dry_run: bool,
    /// The pipeline.
    pipeline: String,
    /// The number that the version would have; null where the definition is not usable.
    version: Option<u32>,
    /// The version that the map leads from.
    base: u32,
    /// What would break: with any of these the version is refused.
    violations: Vec<ViolationDocument>,
    /// What is permitted but unwise, and stages whose type changes.
    warnings: Vec<ViolationDocument>,
    /// Whether it says exactly what the present version says: publishing it would make no new version.
    unchanged: bool,
    /// Whom it concerns, stage by stage.
    affected: Vec<AffectedReply>,
    /// How many customers would get another stage.
    customers: u64,
}

impl PreviewReply {
    fn of(key: String, preview: Preview, language: Language) -> Self {
        let documents = |violations: &[crate::domain::Violation]| {
            violations.iter().map(|violation| ViolationDocument::of(violation, language)).collect()
        };
        Self {
            dry_run: true,
            pipeline: key,
            version: preview.pipeline.as_ref().map(|pipeline| pipeline.version),
            base: preview.base,
            violations: documents(&preview.violations),
            warnings: documents(&preview.warnings),
            unchanged: preview.unchanged,
            customers: preview.affected.iter().map(|stage| stage.occupants.standing).sum(),
            affected: preview.affected.into_iter().map(AffectedReply::from).collect(),
        }
    }
}

/// What a dry run says, or a definition that is in force already.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is the description of answers that are made one by one")]
enum NothingPublished {
    /// What would happen.
    Preview(Box<PreviewReply>),
    /// The present version says the same.
    Unchanged(Box<Accepted>),
}

/// Publish a pipeline version
///
/// Versions are immutable. When the version takes effect, customers in mapped stages are migrated automatically: their
/// stay continues, and nothing counts as a transition. `warnings` in the response lists what is permitted but not
/// recommended, and stages whose type changes. A pool with customers in it cannot be removed. A definition that says what
/// the present version says makes no new version: the answer is 200 with `unchanged`. With `dry_run` nothing is published; the response shows which customers would be affected and what
/// would break.
#[utoipa::path(
    post, path = "/v1/pipelines/{key}/versions", tag = "pipelines", request_body = NextVersion,
    params(("key" = String, Path, description = "The pipeline.")),
    responses(
        (status = 200, description = "Dry run: what would happen; or, of a definition that is in force already, as 201 with `unchanged`.", body = NothingPublished),
        (status = 201, description = "Published.", body = Accepted),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
        (status = 422, description = "The definition is invalid, or customers would be left without a stage; `violations` lists every reason.", body = ProblemDocument),
    )
)]
pub(super) async fn publish(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    RequestedLanguage(language): RequestedLanguage,
    command: Command<NextVersion>,
) -> Result<Response, Problem> {
    let new = command.body.read()?;
    if command.body.dry_run {
        let preview = state.app.preview_version(&caller, &key, &new).await?;
        return Ok((StatusCode::OK, Json(PreviewReply::of(key, preview, language))).into_response());
    }
    let mut accepted: Accepted = state.app.publish_version(&caller, &command.meta, &key, &new).await?.into();
    let versions = state.app.pipelines.versions(caller.tenant, &key).await?;
    let find = |version: u64| versions.all().iter().find(|one| u64::from(one.pipeline.version) == version);
    let published = find(accepted.version);
    let base = published.and_then(|one| find(one.base?.into())).filter(|_| !accepted.events.is_empty());
    let changed = base.zip(published).map(|(base, new)| changed_types(&base.pipeline, &new.pipeline));
    let unwise = published.map(|one| one.pipeline.warnings());
    let warnings = [changed.unwrap_or_default(), unwise.unwrap_or_default()].concat();
    let warnings: Vec<_> = warnings.iter().map(|warning| ViolationDocument::of(warning, language)).collect();
    accepted.resource.insert("warnings".to_owned(), serde_json::to_value(warnings).unwrap_or_default());
    if published.is_some_and(|one| one.team.is_some()) {
        accepted.resource.insert("pilot".to_owned(), format!("{key}@{}", accepted.version).into());
    }
    Ok(accepted.into_response())
}

/// A summary of a pipeline version.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct VersionReply {
    /// The version number.
    version: u32,
    /// The version that its mapping starts from; null for the first.
    base: Option<u32>,
    /// When it takes effect.
    effective_from: DateTime<Utc>,
    /// Whether it is in effect now, for all teams or for its pilot team.
    in_force: bool,
    /// The pilot team; null if it applies to all teams.
    #[schema(value_type = Option<TrialPeriod>)]
    team: Option<Pilot>,
    /// The stage mapping from the base version.
    #[schema(value_type = Vec<StageMap>)]
    map: Vec<StageMapping>,
    /// The ids of its stages, in order.
    stages: Vec<String>,
    /// When it was published.
    published_at: DateTime<Utc>,
    /// The publisher.
    published_by: String,
    /// When it was withdrawn before it took effect, which it never does then; null otherwise.
    withdrawn_at: Option<DateTime<Utc>>,
    /// Who withdrew it; null likewise.
    withdrawn_by: Option<String>,
}

impl VersionReply {
    fn of(publication: &Publication, in_force: bool) -> Self {
        Self {
            withdrawn_at: None,
            withdrawn_by: None,
            version: publication.pipeline.version,
            base: publication.base,
            effective_from: publication.in_force_from,
            in_force,
            team: publication.team.clone(),
            map: publication.map.clone(),
            stages: publication.pipeline.stages.iter().map(|stage| stage.id.clone()).collect(),
            published_at: publication.published_at,
            published_by: publication.published_by.clone(),
        }
    }
}

/// List pipeline versions
#[utoipa::path(
    get, path = "/v1/pipelines/{key}/versions", tag = "pipelines",
    params(("key" = String, Path, description = "The pipeline."), Page, ConsistencyParams),
    responses(
        (status = 200, description = "Every version, oldest first, those that were withdrawn included.", body = List<VersionReply>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(page, consistency, ..): Query<Page, ConsistencyParams>,
) -> Result<Json<List<VersionReply>>, Problem> {
    consistency.defined(&state, &caller).await?;
    let versions = state.app.pipelines.versions(caller.tenant, &key).await?;
    let now = (state.app.clock)();
    let reply = |known: &Publication| VersionReply::of(known, is_in_force(&versions, known, now));
    let withdrawn = |one: &WithdrawnVersion| VersionReply {
        withdrawn_at: Some(one.at),
        withdrawn_by: Some(one.by.clone()),
        ..VersionReply::of(&one.publication, false)
    };
    let all = versions.all().iter().map(reply).chain(versions.withdrawn().iter().map(withdrawn));
    Ok(Json(List::paged(all.collect(), &page, |one| format!("{:010}", one.version))?))
}
