//! Proofs that an entry is in the log, and that the log only ever grew (RFC 6962, section 2.1).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::checkpoint::TEXT;
use super::encoded;
use crate::app::Caller;
use crate::auth::Authority;
use crate::checkpoint_signer::SignedHead;
use crate::domain::Label;
use crate::eventstore::Position;
use crate::eventstore::ledger::{Hash, consistency_proof, inclusion_proof, root_at};
use crate::http::Query;
use crate::http::accept::accepts;
use crate::problem::Problem;
use crate::routes::AppState;

/// Which entry, in which tree.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InclusionParams {
    /// The event's id.
    event_id: Option<Uuid>,
    /// Or the entry's place in the tree, from 0: its position less one.
    index: Option<u64>,
    /// The size of the tree; that of the whole log when absent.
    size: Option<Position>,
}

/// Which two trees.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ConsistencyParams {
    /// The size of the smaller tree.
    from: Position,
    /// The size of the larger one; that of the whole log when absent.
    to: Option<Position>,
}

/// The proof that an entry is in the log. Hashes are SHA-256 in base64.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct InclusionReply {
    /// The event's id.
    event_id: Uuid,
    /// Its position in the log, from 1.
    position: Position,
    /// Its place in the tree, from 0.
    index: u64,
    /// The size of the tree.
    size: Position,
    /// The hash of the entry as a leaf: `SHA-256(0x00 || entry)`.
    #[schema(example = "tzLBxrBjE9mBd2rGnM+TjLzRJrLbG2bpYkZnYbNhzqc=")]
    leaf_hash: String,
    /// The root of the tree.
    root: String,
    /// The audit path, from the sibling of the leaf to the child of the root.
    hashes: Vec<String>,
    /// The signed note over this tree.
    checkpoint: String,
}

/// The proof that a tree extends another. Hashes are SHA-256 in base64.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ConsistencyReply {
    /// The size of the smaller tree.
    from: Position,
    /// The size of the larger one.
    to: Position,
    /// The root of the smaller tree.
    from_root: String,
    /// The root of the larger one.
    to_root: String,
    /// The proof; empty where the sizes are equal, or the smaller tree is empty.
    hashes: Vec<String>,
    /// The signed note over the larger tree.
    checkpoint: String,
}

/// Prove that an event is in the log
///
/// An RFC 6962 audit path, with the signed checkpoint that it leads to. With `Accept: text/plain` the same as a C2SP
/// tlog-proof, which is whole in itself: the entry (`GET /v1/audit/tile/entries/…`), the proof and the public key are all that
/// a verifier needs.
#[utoipa::path(
    get, path = "/v1/audit/proofs/inclusion", tag = "audit",
    params(InclusionParams),
    responses(
        (status = 200, description = "The proof.", content((InclusionReply = "application/json"), (String = "text/plain"))),
        (status = 404, description = "There is no event of this id.", body = crate::problem::document::ProblemDocument),
    )
)]
pub(super) async fn inclusion(
    State(state): State<AppState>,
    Authority(caller): Authority,
    headers: HeaderMap,
    Query(params, ..): Query<InclusionParams>,
) -> Result<Response, Problem> {
    let (position, named) = position_of(&state, &caller, &params).await?;
    let signed = signed_at(&state, &caller, "size", params.size).await?;
    let size = signed.checkpoint.size;
    if position > size {
        return Err(not_in_tree(named, size));
    }
    let store = state.checkpoint_signer.store();
    let proof = inclusion_proof(store, caller.tenant, position, size).await?;
    let hashes = encoded_all(&proof);
    let index = position - 1;
    if accepts(&headers, "text/plain") {
        let lines: String = hashes.iter().map(|hash| format!("{hash}\n")).collect();
        let text = format!("c2sp.org/tlog-proof@v1\nindex {index}\n{lines}\n{}", signed.note);
        return Ok(([(header::CONTENT_TYPE, TEXT)], text).into_response());
    }
    let record = store.records(caller.tenant, index, 1).await?.pop();
    let record = record.ok_or_else(|| not_in_tree(named, size))?;
    let reply = InclusionReply {
        event_id: record.id,
        position,
        index,
        size,
        leaf_hash: encoded(&record.leaf),
        root: encoded(&signed.checkpoint.root),
        hashes,
        checkpoint: signed.note,
    };
    Ok(Json(reply).into_response())
}

/// Prove that the log only grew
///
/// An RFC 6962 consistency proof between two sizes, with the signed checkpoint over the larger one. Anyone who kept the root of
/// the smaller one sees that nothing under it was changed. With `Accept: text/plain` the same in the form that C2SP
/// tlog-witness takes: `old` and the smaller size, the hashes, the checkpoint.
#[utoipa::path(
    get, path = "/v1/audit/proofs/consistency", tag = "audit",
    params(ConsistencyParams),
    responses(
        (status = 200, description = "The proof.", content((ConsistencyReply = "application/json"), (String = "text/plain"))),
    )
)]
pub(super) async fn consistency(
    State(state): State<AppState>,
    Authority(caller): Authority,
    headers: HeaderMap,
    Query(ConsistencyParams { from, to }, ..): Query<ConsistencyParams>,
) -> Result<Response, Problem> {
    let signed = signed_at(&state, &caller, "to", to).await?;
    let to = signed.checkpoint.size;
    if from > to {
        return Err(beyond("from", to));
    }
    let store = state.checkpoint_signer.store();
    let hashes = encoded_all(&consistency_proof(store, caller.tenant, from, to).await?);
    if accepts(&headers, "text/plain") {
        let lines: String = hashes.iter().map(|hash| format!("{hash}\n")).collect();
        let text = format!("old {from}\n{lines}\n{}", signed.note);
        return Ok(([(header::CONTENT_TYPE, TEXT)], text).into_response());
    }
    let reply = ConsistencyReply {
        from,
        to,
        from_root: encoded(&root_at(store, caller.tenant, from).await?),
        to_root: encoded(&signed.checkpoint.root),
        hashes,
        checkpoint: signed.note,
    };
    Ok(Json(reply).into_response())
}

/// The position of the entry that a request names, and the parameter that names it.
async fn position_of(
    state: &AppState,
    caller: &Caller,
    params: &InclusionParams,
) -> Result<(Position, &'static str), Problem> {
    match (params.event_id, params.index) {
        (Some(id), None) => {
            let found = state.checkpoint_signer.store().position_of(caller.tenant, id).await?;
            let position = found.ok_or_else(|| Problem::not_found("event", &id.to_string()))?;
            Ok((position, "event_id"))
        }
        (None, Some(index)) => Ok((index.saturating_add(1), "index")),
        (None, None) => Err(Problem::missing_parameter("event_id")),
        (Some(_), Some(_)) => {
            let message =
                Label::new("event_id 与 index 只能提供其一。", "Give either event_id or index, not both.");
            Err(Problem::invalid_value("index", message))
        }
    }
}

/// The signed head, or the signed note over the tree of an earlier size.
async fn signed_at(
    state: &AppState,
    caller: &Caller,
    parameter: &str,
    size: Option<Position>,
) -> Result<SignedHead, Problem> {
    let signer = &state.checkpoint_signer;
    let head = signer.sign_head(caller.tenant).await?;
    match size {
        None => Ok(head),
        Some(size) if size == head.checkpoint.size => Ok(head),
        Some(size) if size > head.checkpoint.size => Err(beyond(parameter, head.checkpoint.size)),
        Some(size) => {
            let root = root_at(signer.store(), caller.tenant, size).await?;
            Ok(signer.sign_earlier(caller.tenant, size, root).await?)
        }
    }
}

fn encoded_all(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(encoded).collect()
}

/// A size that the log does not have, or not yet.
fn beyond(parameter: &str, most: Position) -> Problem {
    let message = Label::new(format!("此处最大为 {most}。"), format!("Must be at most {most} here."));
    Problem::invalid_value(parameter, message).with("limit", most)
}

fn not_in_tree(parameter: &str, size: Position) -> Problem {
    let message = Label::new(
        format!("大小为 {size} 的树中没有这一条目。"),
        format!("The tree of size {size} does not contain this entry."),
    );
    Problem::invalid_value(parameter, message).with("size", size)
}
