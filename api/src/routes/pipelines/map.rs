//! The stage mapping of a version as the OpenAPI document describes it; the domain reads and writes it.

#![expect(
    dead_code,
    reason = "these are descriptions only: the domain has the types that are read and written"
)]

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

/// The mapping of one stage of the previous version.
#[derive(ToSchema)]
#[schema(example = json!({"from": "paused", "kind": "retire", "to": "to_reactivate"}))]
pub(super) struct StageMap {
    /// The stage of the previous version.
    from: String,
    /// What becomes of it.
    kind: MapKind,
    /// The stage of the new version, for `rename`, `merge` and `retire`.
    to: Option<String>,
    /// The sub-status in the new stage; when absent, the current one if the stage has it.
    sub_status: Option<String>,
    /// For `split`: the first target whose condition matches is used.
    into: Option<Vec<SplitTarget>>,
    /// For `split`: the target for customers that match no condition. When absent, they wait until a manager chooses.
    otherwise: Option<String>,
}

/// How a stage is mapped.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum MapKind {
    /// It is still there.
    Same,
    /// It has another id.
    Rename,
    /// It is one with others now.
    Merge,
    /// It is several now.
    Split,
    /// It is gone.
    Retire,
}

/// One target of a split stage.
#[derive(ToSchema)]
struct SplitTarget {
    /// The stage of the new version.
    to: String,
    /// The condition, in the form used by automations; all customers when absent.
    #[schema(value_type = Option<Object>)]
    when: Option<serde_json::Value>,
}

/// A pilot team: its id, or the id with a period.
#[derive(ToSchema)]
#[serde(untagged)]
pub(super) enum Trial {
    /// From publication, without an end.
    Team(String),
    /// For a period.
    Period(TrialPeriod),
}

/// A pilot team with a period.
#[derive(ToSchema)]
pub(super) struct TrialPeriod {
    /// The team.
    #[schema(example = "north")]
    id: String,
    /// Start; publication when absent.
    from: Option<DateTime<Utc>>,
    /// End (exclusive); none when absent.
    until: Option<DateTime<Utc>>,
    /// The stage mapping at the end, for stages that exist only in this version.
    back: Option<Vec<StageMap>>,
}
