//! An entry as one caller may read it.

use serde_json::Value;

use crate::app::Caller;
use crate::auth::sight::reads_people;
use crate::eventstore::Entry;
use crate::problem::Problem;
use crate::routes::Site;

/// The entry as it is stored, with personal fields opened where the caller may read them.
pub(super) async fn readable(site: &Site, caller: &Caller, entry: &Entry) -> Result<Value, Problem> {
    Ok(site.app.document(caller.tenant, entry, reads_people(&caller.actor)).await?)
}
