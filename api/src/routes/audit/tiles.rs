//! The tree and the entries under it as files that never change: C2SP tlog-tiles.

use std::io::Write as _;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Octets;
use crate::app::{AppError, Caller};
use crate::auth::Authority;
use crate::domain::Label;
use crate::eventstore::ledger::{TILE_WIDTH, TilePlace, tile_hashes};
use crate::eventstore::{Entry, Position};
use crate::http::accept::accepts_coding;
use crate::problem::Problem;
use crate::routes::AppState;

/// What is there does not change, and is for its caller alone.
const IMMUTABLE: &str = "private, max-age=31536000, immutable";
/// The highest level that the format knows. A log of 2^63 entries has none above 7.
const HIGHEST_LEVEL: u8 = 63;

/// Get a tile of the Merkle tree
///
/// C2SP tlog-tiles: up to 256 SHA-256 hashes of 32 bytes each, one after the other. At level 0 they are those of leaves, above
/// it the roots of whole tiles of the level below. `index` has groups of three digits, all but the last behind an `x`
/// (`x001/x234/067`), followed by `.p/` and the width for a partial tile. What was answered once never changes.
#[utoipa::path(
    get, path = "/v1/audit/tile/{level}/{*index}", tag = "audit",
    params(
        ("level" = u8, Path, maximum = 63, description = "The level; 0 is that of the leaves."),
        ("index" = String, Path, description = "The place in the level, such as `x001/234` or `067.p/8`.", example = "000.p/1"),
    ),
    responses(
        (status = 200, description = "The hashes.", body = Octets, content_type = "application/octet-stream",
            headers(("Cache-Control" = String, description = "`immutable`."))),
    )
)]
pub(super) async fn tile(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Path((level, path)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let number: u8 = level.parse().ok().filter(|number| *number <= HIGHEST_LEVEL).ok_or_else(bad_level)?;
    if number.to_string() != level {
        return Err(bad_level());
    }
    let TilePlace { index, width } = TilePlace::from_path(&path).ok_or_else(bad_index)?;
    let size = state.app.store.head(caller.tenant).await?.position;
    let store = state.checkpoint_signer.store();
    let hashes = tile_hashes(store, caller.tenant, (number, index, width), size).await?;
    let hashes = hashes.ok_or_else(|| Problem::not_found("tile", &format!("{level}/{path}")))?;
    Ok(immutable(hashes.concat(), None))
}

/// Get the entries under a tile
///
/// C2SP tlog-tiles: the entries whose hashes are in the tile of the same place at level 0, each behind its length in two bytes,
/// the more significant first. An entry is the CloudEvents document as it was hashed, byte for byte, with personal fields as
/// they were sealed. Compressed where the client accepts `gzip`. What was answered once never changes.
#[utoipa::path(
    get, path = "/v1/audit/tile/entries/{*index}", tag = "audit",
    params(("index" = String, Path, description = "The place, such as `x001/234` or `067.p/8`.", example = "000.p/1")),
    responses(
        (status = 200, description = "The entries.", body = Octets, content_type = "application/octet-stream",
            headers(
                ("Cache-Control" = String, description = "`immutable`."),
                ("Content-Encoding" = String, description = "`gzip` where the client accepts it."),
            )),
    )
)]
pub(super) async fn entries(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = TilePlace::from_path(&path).ok_or_else(bad_index)?;
    let entries = read(&state, &caller, place).await?;
    let entries = entries.ok_or_else(|| Problem::not_found("tile", &format!("entries/{path}")))?;
    let bundle = bundled(&entries);
    match accepts_coding(&headers, "gzip") {
        true => Ok(immutable(compressed(&bundle), Some("gzip"))),
        false => Ok(immutable(bundle, None)),
    }
}

/// The entries at a place; `None` where the log has not that many there.
async fn read(
    state: &AppState,
    caller: &Caller,
    TilePlace { index, width }: TilePlace,
) -> Result<Option<Vec<Entry>>, AppError> {
    // No place is beyond what every database can count to.
    let countable = |last: &Position| i64::try_from(*last).is_ok();
    let Some(first) = index.checked_mul(TILE_WIDTH) else { return Ok(None) };
    if first.checked_add(width).filter(countable).is_none() {
        return Ok(None);
    }
    let entries = state.app.store.read(caller.tenant, first, width as u32).await?;
    Ok((entries.len() as u64 == width).then_some(entries))
}

/// The entries, each behind its length. None is longer than two bytes can say: the log takes none that is.
fn bundled(entries: &[Entry]) -> Vec<u8> {
    let mut bundle = Vec::with_capacity(entries.iter().map(|entry| 2 + entry.bytes.len()).sum());
    for entry in entries {
        bundle.extend_from_slice(&(entry.bytes.len() as u16).to_be_bytes());
        bundle.extend_from_slice(&entry.bytes);
    }
    bundle
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory does not fail.
    encoder.write_all(bytes).ok();
    encoder.finish().unwrap_or_default()
}

fn immutable(bytes: Vec<u8>, coding: Option<&'static str>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, IMMUTABLE)];
    let varies: [(HeaderName, &str); 1] = [(header::VARY, "authorization, accept-encoding")];
    let coding = coding.map(|coding| [(header::CONTENT_ENCODING, coding)]);
    match coding {
        Some(coding) => (headers, varies, coding, bytes).into_response(),
        None => (headers, varies, bytes).into_response(),
    }
}

fn bad_level() -> Problem {
    let expected = Label::new(
        format!("应为 0 到 {HIGHEST_LEVEL} 的整数，不含前导零。"),
        format!("Must be a whole number from 0 to {HIGHEST_LEVEL} without leading zeroes."),
    );
    Problem::malformed_path("level", expected)
}

fn bad_index() -> Problem {
    let expected = Label::new(
        "应为三位数字的分组，除最后一组外均以 x 开头，例如 x001/234；不完整的分块另加 .p/ 和宽度（1 到 255）。",
        "Must be groups of three digits, all but the last behind an x, such as x001/234; a partial tile adds .p/ and its \
         width from 1 to 255.",
    );
    Problem::malformed_path("index", expected)
}
