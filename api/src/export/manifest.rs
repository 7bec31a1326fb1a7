//! What an export is, so that somebody who has the file can tell that it is whole and of which log.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use waymark_eventstore::Position;
use waymark_eventstore::ledger::root_at;

use super::{Export, ExportError, start};
use crate::app::{App, AppError, Caller};
use crate::checkpoint_signer::CheckpointSigner;

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
    /// The signed checkpoint of that tree (C2SP tlog-checkpoint), as `GET /v1/audit/checkpoint` gave it at that size.
    pub checkpoint: String,
}

/// Makes an export and keeps nothing of it but what it is.
///
/// # Errors
/// As the export itself.
pub async fn manifest(
    app: &App,
    signer: &CheckpointSigner,
    caller: &Caller,
    export: Export,
) -> Result<Manifest, ExportError> {
    let position = export.pin.position;
    let (mut pieces, rows) = start(app.clone(), caller.clone(), export);
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    while let Some(piece) = pieces.recv().await {
        let piece = piece?;
        bytes += piece.len() as u64;
        digest.update(&piece);
    }
    let rows = rows.await.map_err(|error| ExportError::Format(error.to_string()))?;
    let root = root_at(signer.store(), caller.tenant, position).await.map_err(AppError::from)?;
    let covered = (position > 0).then_some(position);
    Ok(Manifest {
        rows,
        bytes,
        sha256: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        first_position: covered.map(|_| 1),
        last_position: covered,
        tree_size: position,
        root: BASE64_STANDARD.encode(root),
        checkpoint: signer.sign_earlier(caller.tenant, position, root).await?.note,
    })
}
