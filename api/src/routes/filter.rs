//! What every figure takes: which customers count, and which window of time.

use serde::Deserialize;
use utoipa::IntoParams;

use super::customers::body::OwnerName;
use crate::http::Instant;
use crate::projections::{Filter, Window};

/// Which customers count. All that are given must hold.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Who {
    /// Whose customers: `rep:li` or `pool:customer_pool`.
    #[param(example = "rep:li")]
    owner: Option<String>,
    /// Where the lead came from.
    source: Option<String>,
    /// Through which channel.
    channel: Option<String>,
    /// A label they carry.
    tag: Option<String>,
    /// The value tier.
    tier: Option<String>,
    /// The pipeline version under which they last moved.
    version: Option<u32>,
}

impl From<Who> for Filter {
    fn from(who: Who) -> Self {
        Self {
            owner: who.owner.map(|owner| OwnerName::parse(&owner).0),
            source: who.source,
            channel: who.channel,
            tag: who.tag,
            tier: who.tier,
            version: who.version,
        }
    }
}

/// Which window of time, both ends included.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Between {
    /// Its beginning.
    from: Option<Instant>,
    /// Its end.
    to: Option<Instant>,
}

impl From<Between> for Window {
    fn from(between: Between) -> Self {
        Self { from: between.from.map(|instant| instant.0), to: between.to.map(|instant| instant.0) }
    }
}
