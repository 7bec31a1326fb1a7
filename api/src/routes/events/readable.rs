//! An entry as one caller may read it.

use serde_json::Value;
use uuid::Uuid;

use crate::app::Caller;
use crate::auth::sight::reads_people;
use crate::eventstore::Entry;
use crate::problem::Problem;
use crate::routes::Site;

/// The entry as it is stored, with personal fields opened where the caller may read them. For others they stay
/// sealed, which is how the log has them.
pub(super) async fn readable(site: &Site, caller: &Caller, entry: &Entry) -> Result<Value, Problem> {
    let damaged =
        |error: serde_json::Error| Problem::internal(format!("position {}: {error}", entry.position));
    let mut document: Value = serde_json::from_slice(&entry.bytes).map_err(damaged)?;
    if !reads_people(&caller.actor) {
        return Ok(document);
    }
    let subject = document.get("subject").and_then(Value::as_str).and_then(customer_of);
    let id = document.get("id").and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok());
    if let (Some(subject), Some(id), Some(data)) = (subject, id, document.get_mut("data")) {
        site.app.vault.open(caller.tenant, data, subject, id).await?;
    }
    Ok(document)
}

/// The customer that a subject names.
pub(super) fn customer_of(subject: &str) -> Option<Uuid> {
    Uuid::try_parse(subject.strip_prefix("customer/")?).ok()
}
