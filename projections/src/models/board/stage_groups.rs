//! Who stands in which stage of which version: those whom another version of the pipeline may concern. Erased
//! customers take no commands, so they are not among them.

use uuid::Uuid;
use waymark_domain::people::Visibility;

use super::{GROUPS, OF_GROUP};
use crate::db::values;
use crate::error::Result;
use crate::query::{Snapshot, visibility_binds};

/// The customers of a pipeline whose stage is of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageGroup {
    /// The stage.
    pub stage: String,
    /// The version that it is of.
    pub version: u32,
    /// How many there are.
    pub count: u64,
}

/// The groups of a pipeline, in order.
pub(crate) async fn groups(
    snapshot: &mut Snapshot,
    pipeline: &str,
    visibility: &Visibility,
) -> Result<Vec<StageGroup>> {
    let head = values![snapshot.tenant.0, snapshot.generation, pipeline];
    let rows =
        snapshot.transaction.rows(GROUPS, &[&head[..], &visibility_binds(visibility)].concat()).await?;
    let group = |row: &crate::db::Row| {
        Ok(StageGroup { stage: row.text(0)?, version: row.number(1)?, count: row.number(2)?.into() })
    };
    rows.iter().map(group).collect()
}

/// The customers of a group after one of them, at most `limit`, in order.
pub(crate) async fn of_group(
    snapshot: &mut Snapshot,
    pipeline: &str,
    group: &StageGroup,
    after: Uuid,
    limit: u32,
    visibility: &Visibility,
) -> Result<Vec<Uuid>> {
    let (tenant, generation) = (snapshot.tenant.0, snapshot.generation);
    let values = values![tenant, generation, pipeline, group.stage.as_str(), group.version, after, limit];
    let rows =
        snapshot.transaction.rows(OF_GROUP, &[&values[..], &visibility_binds(visibility)].concat()).await?;
    rows.iter().map(|row| row.uuid(0)).collect()
}
