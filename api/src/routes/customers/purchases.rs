//! What a customer bought, and its points of a loyalty programme.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::Amount;
use super::merged::elsewhere;
use crate::auth::Authority;
use crate::domain::customer::command::{
    Command as DomainCommand, RecordPoints, RecordTransaction, VoidTransaction,
};
use crate::domain::customer::event::{PointsKind, TransactionKind};
use crate::http::answer::{Accepted, AsOfResponse};
use crate::http::{AsOfParams, Command, Id, Instant, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::board::PurchasesReport;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// The kind of a transaction.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TransactionWord {
    /// The customer ordered.
    Order,
    /// A contract was signed.
    Contract,
    /// Money came in.
    Payment,
}

impl From<TransactionWord> for TransactionKind {
    fn from(word: TransactionWord) -> Self {
        match word {
            TransactionWord::Order => Self::Order,
            TransactionWord::Contract => Self::Contract,
            TransactionWord::Payment => Self::Payment,
        }
    }
}

/// An order, a contract or a payment.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "kind": "order", "reference": "SO-2026-118", "amount": {"amount": "12800.00", "currency": "CNY"},
    "effective_at": "2026-03-01T01:30:00Z"
}))]
pub(crate) struct NewTransaction {
    /// Which of the three.
    kind: TransactionWord,
    /// Its number in the system it comes from; never text about the person. The same number of the same kind is refused
    /// with 409 `transaction-known`.
    reference: Option<String>,
    /// What it is worth: more than 0.
    amount: Amount,
    /// When it happened; now when absent.
    effective_at: Option<Instant>,
    /// What is said about it. Personal data: unreadable once the customer is erased.
    note: Option<String>,
}

impl From<NewTransaction> for CommandRequest {
    fn from(body: NewTransaction) -> Self {
        let NewTransaction { kind, reference, amount, effective_at, note } = body;
        let (kind, amount) = (kind.into(), amount.into());
        Self {
            command: DomainCommand::RecordTransaction(RecordTransaction { kind, reference, amount, note }),
            effective_at: effective_at.map(|instant| instant.0),
        }
    }
}

/// Record a transaction
///
/// An order, a contract or a payment, with its amount and date. Rules take it for a signal of the kind `order`, `signed` or
/// `paid`, so do not report that signal as well. The event's id is the transaction's.
#[utoipa::path(
    post, path = "/v1/customers/{id}/transactions", tag = "purchases", request_body = NewTransaction,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Recorded.", body = Accepted),
        (status = 409, description = "`transaction-known`: its number is on record.", body = ProblemDocument),
    )
)]
pub(super) async fn record(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<NewTransaction>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}

/// Why a transaction does not count.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"transaction": "01930000-0000-7000-8000-000000000000", "reason": "booked twice"}))]
pub(super) struct TransactionVoid {
    /// The transaction, by the id of the event that recorded it.
    transaction: Uuid,
    /// Why. Personal data: unreadable once the customer is erased.
    reason: String,
}

impl From<TransactionVoid> for CommandRequest {
    fn from(body: TransactionVoid) -> Self {
        let TransactionVoid { transaction, reason } = body;
        Self::now(DomainCommand::VoidTransaction(VoidTransaction { transaction, reason }))
    }
}

/// Void a transaction
///
/// It was recorded by mistake, or did not come about. What was known before stays as it was known.
#[utoipa::path(
    post, path = "/v1/customers/{id}/transaction-voids", tag = "purchases", request_body = TransactionVoid,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Voided.", body = Accepted),
        (status = 409, description = "`already-voided`.", body = ProblemDocument),
        (status = 422, description = "`unknown-transaction`.", body = ProblemDocument),
    )
)]
pub(super) async fn void(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<TransactionVoid>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}

/// The kind of an entry of points.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PointsWord {
    /// Points were earned.
    Earned,
    /// Points were spent.
    Spent,
    /// A reward was given, with or without points.
    Reward,
    /// A recommendation brought another customer.
    Referral,
}

/// Points, a reward or a recommendation.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"kind": "earned", "points": 128, "note": "spring campaign"}))]
pub(crate) struct NewPoints {
    /// What changes the account.
    kind: PointsWord,
    /// How many points: at least 1 for `earned` and `spent`; none when absent.
    points: Option<u32>,
    /// What was given, as a code: required for `reward`, possible for `spent`.
    reward: Option<String>,
    /// For `referral`: the customer that came by the recommendation.
    referred: Option<Uuid>,
    /// For `earned`: the transaction that they were earned by.
    transaction: Option<Uuid>,
    /// When; now when absent.
    effective_at: Option<Instant>,
    /// What is said about it. Personal data: unreadable once the customer is erased.
    note: Option<String>,
}

impl From<NewPoints> for CommandRequest {
    fn from(body: NewPoints) -> Self {
        let NewPoints { kind, points, reward, referred, transaction, effective_at, note } = body;
        let kind = match kind {
            PointsWord::Earned => PointsKind::Earned,
            PointsWord::Spent => PointsKind::Spent,
            PointsWord::Reward => PointsKind::Reward,
            PointsWord::Referral => PointsKind::Referral,
        };
        let points = points.unwrap_or_default();
        Self {
            command: DomainCommand::RecordPoints(RecordPoints {
                kind,
                points,
                reward,
                referred,
                transaction,
                note,
            }),
            effective_at: effective_at.map(|instant| instant.0),
        }
    }
}

/// Record points, a reward or a referral
///
/// The balance is at no instant less than zero: spending more than is available from its effective time on is refused with
/// `available`.
#[utoipa::path(
    post, path = "/v1/customers/{id}/points", tag = "purchases", request_body = NewPoints,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Recorded.", body = Accepted),
        (status = 409, description = "`insufficient-points` with `available`, or `already-referred`.", body = ProblemDocument),
    )
)]
pub(super) async fn points(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<NewPoints>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}

/// Get a customer's purchases
///
/// Its orders, contracts and payments with their sums, and its account of points, as they stood and as they were known. What was
/// bought under a record that was merged into this one is among them.
#[utoipa::path(
    get, path = "/v1/customers/{id}/purchases", tag = "purchases",
    params(("id" = Uuid, Path, description = "The customer."), AsOfParams),
    responses(
        (status = 200, description = "The purchases and points, newest first.", body = PurchasesReport),
        (status = 308, description = "The customer was merged as of that instant: `Location` names the survivor's purchases."),
    )
)]
pub(super) async fn purchases(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    OriginalUri(uri): OriginalUri,
    Query(as_of, ..): Query<AsOfParams>,
) -> Result<Response, Problem> {
    let folded = state.app.customer_state(&caller, customer).await?;
    if let Some(redirect) = elsewhere(&state, &caller, &folded, &as_of, ("/purchases", &uri)).await? {
        return Ok(redirect);
    }
    let at = as_of.at(&state, &caller, "board").await?;
    let mut report = state.app.projections.board(caller.tenant).await?.purchases(customer, &at).await?;
    let mut viewer = state.app.viewer(&caller).await?;
    for entry in &mut report.entries {
        if let Some(referred) = entry.referred
            && !viewer.is_visible(referred).await?
        {
            entry.referred = None;
        }
    }
    Ok(AsOfResponse { position: report.position, body: report }.into_response())
}
