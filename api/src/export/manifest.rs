//! What an export is, so that somebody who has the file can tell that it is whole and of which log.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use waymark_eventstore::Position;
use waymark_eventstore::ledger::{Frontier, leaf_hash};

use super::{Export, ExportError, start};
use crate::app::{App, AppError, Caller};

/// How many entries are hashed at a time.
const PAGE: u32 = 1_000;

/// What an export is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Manifest {
    /// The rows of the table; of an event log of a process, its moves.
    pub rows: u64,
    /// The bytes of the file.
    pub bytes: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// The first position of the log that the export counts with; null of an empty log.
    pub first_position: Option<Position>,
    /// The last one: `known_position` of the same export.
    pub last_position: Option<Position>,
    /// The size of the tree over the log up to there.
    pub tree_size: u64,
    /// The root of that tree (RFC 6962), in Base64.
    pub root: String,
    /// The signed checkpoint of that tree; null where none was signed at exactly that size.
    pub checkpoint: Option<String>,
}

/// Makes an export and keeps nothing of it but what it is.
///
/// # Errors
/// As the export itself.
pub async fn manifest(app: &App, caller: &Caller, export: Export) -> Result<Manifest, ExportError> {
    let position = export.pin.position;
    let (mut pieces, rows) = start(app.clone(), caller.clone(), export);
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    while let Some(piece) = pieces.recv().await {
        let piece = piece?;
        bytes += piece.len() as u64;
        digest.update(&piece);
    }
    let rows = rows.await.map_err(|error| ExportError::Format(error.to_string()))?;
    let covered = (position > 0).then_some(position);
    Ok(Manifest {
        rows,
        bytes,
        sha256: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        first_position: covered.map(|_| 1),
        last_position: covered,
        tree_size: position,
        root: BASE64_STANDARD.encode(root(app, caller, position).await?),
        checkpoint: None,
    })
}

/// The root of the tree over the first entries of the log.
async fn root(app: &App, caller: &Caller, size: Position) -> Result<[u8; 32], AppError> {
    let head = app.store.head(caller.tenant).await?;
    if head.position == size {
        return Ok(head.root);
    }
    let (mut tree, mut after) = (Frontier::default(), 0);
    while after < size {
        let most = u32::try_from(size - after).unwrap_or(PAGE).min(PAGE);
        for entry in app.store.read(caller.tenant, after, most).await? {
            tree.push(leaf_hash(&entry.bytes));
            after = entry.position;
        }
    }
    Ok(tree.root())
}
