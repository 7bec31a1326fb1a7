//! Who stands in which stage of which version: those whom another version of the pipeline may concern. Erased
//! customers take no commands, so they are not among them.

use std::collections::BTreeMap;

use uuid::Uuid;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::snapshot::BoardSnapshot;
use super::statements::{GROUPS, OF_GROUP, POOL_OCCUPANTS};
use crate::db::values;
use crate::error::Result;
use crate::query::visibility_binds;

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

impl BoardSnapshot {
    /// The customers of a pipeline, counted by stage and by the version that the stage is of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stage_groups(
        &mut self,
        pipeline: &str,
        visibility: &Visibility,
    ) -> Result<(Vec<StageGroup>, Position)> {
        let snapshot = &mut self.0;
        let head = values![snapshot.tenant.0, snapshot.generation, pipeline];
        let rows =
            snapshot.transaction.rows(GROUPS, &[&head[..], &visibility_binds(visibility)].concat()).await?;
        let group = |row: &crate::db::Row| {
            Ok(StageGroup {
                stage: row.text("stage")?,
                version: row.number("pipeline_version")?,
                count: row.number("customers")?.into(),
            })
        };
        Ok((rows.iter().map(group).collect::<Result<_>>()?, snapshot.position))
    }
}

impl BoardSnapshot {
    /// How many customers of a pipeline each pool holds, by the pool's key. Erased ones, who take no commands, do not count.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pool_occupants(&mut self, pipeline: &str) -> Result<BTreeMap<String, u64>> {
        let snapshot = &mut self.0;
        let values = values![snapshot.tenant.0, snapshot.generation, pipeline];
        let rows = snapshot.transaction.rows(POOL_OCCUPANTS, &values).await?;
        rows.iter().map(|row| Ok((row.text("owner_id")?, row.position("customers")?))).collect()
    }

    /// The customers of such a group after one of them, at most `limit`, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_group(
        &mut self,
        pipeline: &str,
        group: &StageGroup,
        after: Uuid,
        limit: u32,
        visibility: &Visibility,
    ) -> Result<Vec<Uuid>> {
        let snapshot = &mut self.0;
        let (tenant, generation) = (snapshot.tenant.0, snapshot.generation);
        let values = values![tenant, generation, pipeline, group.stage.as_str(), group.version, after, limit];
        let rows = snapshot
            .transaction
            .rows(OF_GROUP, &[&values[..], &visibility_binds(visibility)].concat())
            .await?;
        rows.iter().map(|row| row.uuid("customer")).collect()
    }
}
