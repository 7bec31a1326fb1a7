//! A receiver as events have it: what readers of the log may see, and a digest of all that was set up.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::client::Target;
use super::endpoint::Endpoint;
use crate::auth::store::hex;
use crate::domain::company::event::Receiver;

/// What events say of a receiver. Its secrets are no part of it, nor its state since it was set up.
#[must_use]
pub fn recorded(endpoint: &Endpoint) -> Receiver {
    let Endpoint { id, kind, description, include_personal, url, types, member, team, language, .. } =
        endpoint;
    let whole = json!([
        id,
        kind,
        description,
        include_personal,
        url,
        types,
        member,
        team,
        language.as_str(),
        endpoint.created_at.timestamp_micros(),
        endpoint.created_by
    ]);
    Receiver {
        id: *id,
        kind: kind.as_str().to_owned(),
        host: url.as_deref().and_then(Target::parse).map(|target| target.host),
        types: types.clone(),
        member: member.clone(),
        team: team.clone(),
        include_personal: *include_personal,
        digest: hex(&Sha256::digest(whole.to_string())),
    }
}
