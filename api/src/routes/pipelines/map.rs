//! How a version says where customers go, as the OpenAPI document describes it: the domain reads and writes it.

#![expect(
    dead_code,
    reason = "these are descriptions only: the domain has the types that are read and written"
)]

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

/// Where the customers of one stage of the version before go.
#[derive(ToSchema)]
#[schema(example = json!({"from": "paused", "kind": "retire", "to": "to_reactivate"}))]
pub(super) struct StageMap {
    /// The stage of the version before.
    from: String,
    /// What becomes of it.
    kind: MapKind,
    /// The stage of the new version, for `rename`, `merge` and `retire`.
    to: Option<String>,
    /// The sub-status within it; the one held, where the stage has it too, when absent.
    sub_status: Option<String>,
    /// For `split`: the first whose condition holds decides.
    into: Option<Vec<SplitTarget>>,
    /// For `split`: where those go for whom no condition holds. When absent they wait until a manager chooses.
    otherwise: Option<String>,
}

/// What becomes of a stage.
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

/// One part of a stage that is split.
#[derive(ToSchema)]
struct SplitTarget {
    /// The stage of the new version.
    to: String,
    /// Who goes there, as conditions of automations say it; everybody when absent.
    #[schema(value_type = Option<Object>)]
    when: Option<serde_json::Value>,
}

/// The team that tries a version: its id, or the id with a period.
#[derive(ToSchema)]
#[serde(untagged)]
pub(super) enum Trial {
    /// From its publication on, without end.
    Team(String),
    /// For a period.
    Period(TrialPeriod),
}

/// A team that tries a version for a period.
#[derive(ToSchema)]
pub(super) struct TrialPeriod {
    /// The team.
    #[schema(example = "north")]
    id: String,
    /// From when; from its publication on when absent.
    from: Option<DateTime<Utc>>,
    /// Until when, exclusive; without end when absent.
    until: Option<DateTime<Utc>>,
    /// Where customers go when it ends, from stages that only this version has.
    back: Option<Vec<StageMap>>,
}
