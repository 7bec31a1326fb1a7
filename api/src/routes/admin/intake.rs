//! How leads are scored and assigned.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::company::CompanyCommand;
use crate::domain::intake::{AssignmentRule, Intake, Method, Weights};
use crate::http::answer::Accepted;
use crate::http::{Command, ConsistencyParams, Query, RepName};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// What each factor of a score is worth, from 0 to 100.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
struct WeightsBody {
    /// That a way to reach the person was left.
    contact: u32,
    /// What a kind of it adds beside: `phone`, `email` or `wechat`.
    #[serde(default)]
    contacts: BTreeMap<String, u32>,
    /// That a product of interest was chosen.
    product: u32,
    /// The custom fields that name such a product.
    product_fields: BTreeSet<String>,
    /// What a source or a channel is worth, by its name; nothing where it is not listed.
    channels: BTreeMap<String, u32>,
    /// What a custom field that is filled in is worth.
    #[serde(default)]
    fields: BTreeMap<String, u32>,
    /// What each further touch is worth.
    touch: u32,
}

/// How one of several reps is chosen.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AssignmentMethod)]
enum MethodName {
    /// The one who has waited longest.
    RoundRobin,
    /// The one who owns the fewest open customers.
    LeastOpen,
    /// The one who is furthest behind its share.
    Weighted,
}

/// Which leads go to which team. All that is given must hold.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(as = AssignmentRule)]
struct RuleBody {
    /// The rule's id, as reasons name it.
    id: String,
    /// The team.
    team: String,
    /// Any of these sources or channels.
    #[serde(default)]
    sources: BTreeSet<String>,
    /// Any of these regions.
    #[serde(default)]
    regions: BTreeSet<String>,
    /// From this score on.
    #[serde(default)]
    min_score: u32,
    /// Up to this score.
    max_score: Option<u32>,
    /// How one of the team is chosen; as for all where absent.
    method: Option<MethodName>,
}

/// How leads are scored and assigned.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "weights": {"contact": 30, "product": 30, "product_fields": ["product"], "channels": {"referral": 40}, "touch": 10},
    "threshold": 60, "method": "round_robin",
    "rules": [{"id": "referrals", "team": "north", "sources": ["referral"]}]
}))]
pub(super) struct IntakeBody {
    /// What each factor is worth.
    weights: WeightsBody,
    /// The score from which a lead is assigned at once; below, it waits in the lead pool.
    threshold: u32,
    /// To which team a lead goes: the first rule that holds. Where none does, to any rep of any team.
    #[serde(default)]
    rules: Vec<RuleBody>,
    /// How one of a team is chosen where a rule does not say.
    method: MethodName,
    /// How many open customers a rep owns at most before leads go to others.
    holding_cap: Option<u32>,
    /// The share of a rep beside others, by id, for the method `weighted`; 1 where absent.
    #[serde(default)]
    shares: BTreeMap<String, u32>,
}

/// How leads are scored and assigned, with the version of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct IntakeReply {
    /// How often it was set; 0 where these are the values that hold where nobody set any.
    version: u32,
    /// What each factor is worth.
    weights: WeightsBody,
    /// The score from which a lead is assigned at once; below, it waits in the lead pool.
    threshold: u32,
    /// To which team a lead goes: the first rule that holds. Where none does, to any rep of any team.
    rules: Vec<RuleBody>,
    /// How one of a team is chosen where a rule does not say.
    method: MethodName,
    /// How many open customers a rep owns at most before leads go to others.
    holding_cap: Option<u32>,
    /// The share of a rep beside others, by id, for the method `weighted`; 1 where absent.
    shares: BTreeMap<String, u32>,
}

impl From<MethodName> for Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::RoundRobin => Self::RoundRobin,
            MethodName::LeastOpen => Self::LeastOpen,
            MethodName::Weighted => Self::Weighted,
        }
    }
}

impl From<Method> for MethodName {
    fn from(method: Method) -> Self {
        match method {
            Method::RoundRobin => Self::RoundRobin,
            Method::LeastOpen => Self::LeastOpen,
            Method::Weighted => Self::Weighted,
        }
    }
}

impl From<IntakeBody> for Intake {
    fn from(body: IntakeBody) -> Self {
        let WeightsBody { contact, contacts, product, product_fields, channels, fields, touch } =
            body.weights;
        let rule = |rule: RuleBody| AssignmentRule {
            id: rule.id,
            team: rule.team,
            sources: rule.sources,
            regions: rule.regions,
            min_score: rule.min_score,
            max_score: rule.max_score,
            method: rule.method.map(Into::into),
        };
        let rep = |(name, share): (String, u32)| {
            (RepName::parse(&name).map(RepName::into_id).unwrap_or(name), share)
        };
        Self {
            weights: Weights { contact, contacts, product, product_fields, channels, fields, touch },
            threshold: body.threshold,
            rules: body.rules.into_iter().map(rule).collect(),
            method: body.method.into(),
            holding_cap: body.holding_cap,
            shares: body.shares.into_iter().map(rep).collect(),
        }
    }
}

impl IntakeReply {
    fn of(version: u32, intake: Intake) -> Self {
        let Weights { contact, contacts, product, product_fields, channels, fields, touch } = intake.weights;
        let rule = |rule: AssignmentRule| RuleBody {
            id: rule.id,
            team: rule.team,
            sources: rule.sources,
            regions: rule.regions,
            min_score: rule.min_score,
            max_score: rule.max_score,
            method: rule.method.map(Into::into),
        };
        Self {
            version,
            weights: WeightsBody { contact, contacts, product, product_fields, channels, fields, touch },
            threshold: intake.threshold,
            rules: intake.rules.into_iter().map(rule).collect(),
            method: intake.method.into(),
            holding_cap: intake.holding_cap,
            shares: intake.shares,
        }
    }
}

/// Set how leads are scored and assigned
///
/// Replaces the settings as a whole, for leads from now on.
#[utoipa::path(
    post, path = "/v1/admin/intake", tag = "admin", request_body = IntakeBody,
    responses(
        (status = 200, description = "Saved.", body = Accepted),
        (status = 422, description = "A value is out of range, or a rule names no team.", body = ProblemDocument),
    )
)]
pub(super) async fn set(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Command { body, meta }: Command<IntakeBody>,
) -> Result<Accepted, Problem> {
    let command = CompanyCommand::SetIntake(body.into());
    Ok(state.app.configure(&caller, &meta, &command, Map::new()).await?.into())
}

/// Get how leads are scored and assigned
#[utoipa::path(
    get, path = "/v1/admin/intake", tag = "admin", params(ConsistencyParams),
    responses((status = 200, description = "The settings in force.", body = IntakeReply))
)]
pub(super) async fn read(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(consistency, ..): Query<ConsistencyParams>,
) -> Result<Json<IntakeReply>, Problem> {
    consistency.defined(&state, &caller).await?;
    let company = state.app.companies.now(caller.tenant).await?;
    let (version, intake) = company.intake.clone().unwrap_or_default();
    Ok(Json(IntakeReply::of(version, intake)))
}
