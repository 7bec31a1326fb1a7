//! **dwell**: every move of every journey with both times, and the figures made of them.
//!
//! The table holds moves rather than stays: a move in order adds one row and changes none, because where a stay
//! ends follows from the next move. Stays, flows, paths and the week's heat map for any pair of instants are folds
//! of the rows that were known then ([`crate::stats`]).

mod changed;
mod export;
mod fold;
pub(crate) mod journey_cache;
mod load;
mod moves;
mod occupants;
mod report;
mod snapshot;
pub(crate) mod statements;
mod stays;
pub(crate) mod tables;

use crate::models::read_model::{Fold, ReadModel};
use crate::storage::table::Table;
pub use export::{Endings, ExportedMove, MoveCursor};
pub(crate) use tables::NAME;
use tables::TABLES;

pub(crate) use changed::journeys as journeys_of;
use load::load_index;
pub(crate) use load::{fetch, load, reasons};
pub(crate) use moves::{known_then, moves_of};
pub use report::dwell::{
    CalendarReport, Censored, Clock, CompletedSeconds, CurvePoint, DwellQuery, DwellReport, Exit,
    KaplanMeier, StageReport, Unit,
};
pub use report::flows::{ActorCount, DayCount, FlowsReport, Passage, Quantiles, StageCount, StagePair};
pub use report::heatmap::{HeatmapQuery, HeatmapReport, RecordSubject};
pub use report::paths::{
    DeviationReport, Ending, PathReport, PathsMark, PathsQuery, PathsReport, PrefixReport, StandardPath,
    StandardReport, WinRate,
};
pub use report::{Window, standing::StandingReport};
pub(crate) use report::{in_order, kind_now};
pub use snapshot::DwellSnapshot;
pub use stays::{StayReport, StaysReport};

/// The read model.
pub(crate) struct Dwell;

impl ReadModel for Dwell {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        4
    }

    fn schema(&self) -> &'static str {
        include_str!("schema.sql")
    }

    fn tables(&self) -> &'static [&'static Table] {
        TABLES
    }

    fn opens(&self, _event_type: &str) -> bool {
        false
    }

    fn new_fold(&self) -> Box<dyn Fold> {
        Box::new(fold::DwellFold::default())
    }
}
