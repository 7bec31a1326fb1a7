//! What auditors ask: what was changed, and proofs that nobody rewrote the log.

mod access;
mod bundle;
mod changes;
mod checkpoint;
mod erasures;
mod keys;
mod legal_holds;
mod proofs;
mod reviews;
mod rotations;
mod tiles;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use crate::eventstore::ledger::Hash;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(checkpoint::checkpoint))
        .routes(routes!(tiles::entries))
        .routes(routes!(tiles::tile))
        .routes(routes!(proofs::inclusion))
        .routes(routes!(proofs::consistency))
        .routes(routes!(keys::list))
        .routes(routes!(rotations::create))
        .routes(routes!(changes::changes))
        .routes(routes!(access::list))
        .routes(routes!(access::bundle))
        .routes(routes!(access::checkpoint))
        .routes(routes!(access::consistency))
        .routes(routes!(access::entries))
        .routes(routes!(access::inclusion))
        .routes(routes!(access::keys))
        .routes(routes!(access::tile))
        .routes(routes!(changes::export))
        .routes(routes!(erasures::list))
        .routes(routes!(erasures::show))
        .routes(routes!(legal_holds::list))
        .routes(routes!(bundle::bundle))
        .routes(routes!(reviews::review))
}

/// Bytes, as the description of the service has them.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it is a description only: handlers answer bytes")]
struct Octets(Vec<u8>);

/// A document on a line of its own: a CloudEvents document or a record of OCSF, by the format that was asked for.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "it is a description only: handlers write lines")]
struct DocumentLine(Value);

/// A hash as C2SP writes it: base64 with padding.
fn encoded(hash: &Hash) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(hash)
}
