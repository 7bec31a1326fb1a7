//! Whether a name is anybody's.

use super::{OWNED, OWNED_ONCE};
use crate::ask::View;
use crate::db::values;
use crate::error::Result;
use crate::timeline;

/// Whether a rep owns customers.
pub(crate) async fn owns(view: &mut View, rep: &str) -> Result<bool> {
    let values = values![view.tenant.0, view.generation, rep];
    Ok(view.session.row(OWNED, &values).await?.is_some())
}

/// Whether a rep owned customers once, or has acted. Afterwards the view is at another read model.
pub(crate) async fn was_somebody(view: &mut View, rep: &str) -> Result<bool> {
    let values = values![view.tenant.0, view.generation, rep];
    if view.session.row(OWNED_ONCE, &values).await?.is_some() {
        return Ok(true);
    }
    view.turn_to(timeline::NAME).await?;
    let values = values![view.tenant.0, view.generation, rep, format!("rep:{rep}")];
    Ok(view.session.row(timeline::ACTED, &values).await?.is_some())
}
