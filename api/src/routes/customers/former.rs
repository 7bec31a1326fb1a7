//! Customers as of an earlier instant: what may be shown of them.

use crate::app::Viewer;
use crate::auth::disclosure::shown;
use crate::problem::Problem;
use crate::projections::board::{CustomerAsOf, CustomerReport};

/// What of a customer as it stood the caller may read: what it may read of it now, no matter who owned it then. None where it sees
/// nothing of it, or not of the one in whose place it goes on.
///
/// # Errors
/// When the log cannot be read.
pub(super) async fn shown_now(
    viewer: &mut Viewer<'_>,
    former: CustomerAsOf,
) -> Result<Option<CustomerReport>, Problem> {
    let mut then = former.then;
    if !viewer.is_visible(then.id).await? {
        return Ok(None);
    }
    viewer.retain_visible(&mut then.distinct_from).await?;
    let disclosure = viewer.disclosure(then.id).await?;
    Ok(Some(shown(then, disclosure)))
}
