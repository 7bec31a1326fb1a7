//! Pools and their customers.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Authority;
use crate::domain::pool::{Pool, PoolKind};
use crate::domain::{Language, Owner};
use crate::http::answer::{AsOfResponse, List};
use crate::http::language::RequestedLanguage;
use crate::http::{AsOfParams, ConsistencyParams, Key, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::board::{CustomerFilter, CustomerList};
use crate::routes::customers::list::found;
use crate::routes::{AppState, known};

/// A pool.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PoolReply {
    /// Names the pool.
    #[schema(example = "customer_pool")]
    key: String,
    /// `customer_pool` or `lead_pool`.
    #[schema(value_type = String, example = "customer_pool")]
    kind: PoolKind,
    /// The name, in the requested language.
    name: String,
    /// The IANA zone whose local date a claim counts on.
    #[schema(example = "Asia/Shanghai")]
    timezone: String,
    /// How many claims a rep has per local date.
    #[schema(example = 3)]
    claims_per_day: u32,
    /// How many of them the caller has left today; null for those who are no rep.
    #[schema(example = 2)]
    claims_left: Option<u32>,
    /// The pipelines whose customers begin here unless an owner is given.
    default_of: Vec<String>,
    /// How many customers are in it.
    customers: u64,
}

impl PoolReply {
    fn of(pool: &Pool, language: Language, customers: u64) -> Self {
        Self {
            key: pool.key.clone(),
            kind: pool.kind,
            name: pool.name.text(language).to_owned(),
            timezone: pool.timezone.name().to_owned(),
            claims_per_day: pool.claims_per_day,
            claims_left: None,
            default_of: Vec::new(),
            customers,
        }
    }
}

/// List pools
#[utoipa::path(
    get, path = "/v1/pools", tag = "ownership",
    params(ConsistencyParams, Page),
    responses((status = 200, description = "Every pool of every pipeline.", body = List<PoolReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    RequestedLanguage(language): RequestedLanguage,
    Query(consistency, page, ..): Query<ConsistencyParams, Page>,
) -> Result<AsOfResponse<List<PoolReply>>, Problem> {
    consistency.wait(&state, &caller, "board").await?;
    let visibility = state.app.visibility(&caller).await?;
    let (counts, position) =
        state.app.projections.customer_list(caller.tenant).await?.pools(&visibility).await?;
    state.app.refresh_definitions(caller.tenant).await?;
    let pipelines = state.app.pipelines.latest(caller.tenant).await?;
    let mut pools: BTreeMap<&str, PoolReply> = BTreeMap::new();
    for pipeline in pipelines.values() {
        for pool in &pipeline.pools {
            let customers = counts.get(&pool.key).copied().unwrap_or(0);
            let reply = pools.entry(&pool.key).or_insert_with(|| PoolReply::of(pool, language, customers));
            if reply.claims_left.is_none() {
                reply.claims_left = state.app.claims_left(&caller, pool).await?;
            }
            reply.default_of.extend(pool.default.then(|| pipeline.key.clone()));
        }
    }
    let body = List::paged(pools.into_values().collect(), &page, |pool: &PoolReply| pool.key.clone())?;
    Ok(AsOfResponse { position, body })
}

/// Which of a pool's customers.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PoolCustomersParams {
    /// The current stage; several values are separated by commas, here and below.
    stage: Option<String>,
    /// The sub-status that a journey of theirs stands in now.
    sub_status: Option<String>,
}

/// List a pool's customers
///
/// Contacts are masked for reps until the customer is claimed. With `effective_at` or `known_at`, those who were in the pool as of
/// that instant. The response contains both times.
#[utoipa::path(
    get, path = "/v1/pools/{key}/customers", tag = "ownership",
    params(("key" = String, Path, description = "The pool."), PoolCustomersParams, Page, AsOfParams),
    responses(
        (status = 200, description = "A page of customers.", body = CustomerList),
        (status = 404, description = "There is no such pool.", body = ProblemDocument),
    )
)]
pub(super) async fn customers(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    RequestedLanguage(language): RequestedLanguage,
    Query(which, page, as_of, _): Query<PoolCustomersParams, Page, AsOfParams>,
) -> Result<AsOfResponse<CustomerList>, Problem> {
    let at = as_of.at(&state, &caller, "board").await?;
    let pipelines = state.app.pipelines.latest(caller.tenant).await?;
    if !pipelines.values().any(|pipeline| pipeline.pool(&key).is_some()) {
        return Err(Problem::not_found("pool", &key));
    }
    let filter = CustomerFilter {
        owner: Some(Owner::Pool(key)),
        stage: known::stages(&state, &caller, None, which.stage).await?,
        sub_status: known::sub_statuses(&state, &caller, which.sub_status).await?,
        ..CustomerFilter::default()
    };
    found(&state, &caller, language, &filter, &page, (&as_of, &at)).await
}
