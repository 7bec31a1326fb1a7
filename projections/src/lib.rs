//! The read models: how a projector runs, and one folder a read model (fold, tables, queries).
//!
//! A read model is a fold of the log and nothing else: whatever stands in its tables can be thrown away and folded
//! again, to the byte. Four of them serve: **board** (who stands where), **timeline** (what happened to a
//! customer), **dwell** (every move with both times, and the figures made of them) and **work** (what is to be done, by
//! people and by rules). [`Projections`] keeps them
//! up with the log, and answers from them.

mod ask;
mod bilingual;
mod board;
mod bulk;
mod checkpoint;
mod comparison;
mod consistency;
pub mod db;
mod dwell;
mod error;
mod fact;
pub mod figures;
mod former;
mod history;
mod inspection;
mod lease;
mod model;
mod nodes;
mod pages;
mod parked;
mod projections;
mod projector;
mod rebuild;
mod reports;
mod runner;
mod schema;
mod shared;
mod status;
mod supervisor;
#[cfg(test)]
mod tests;
mod timeline;
mod traces;
mod trouble;
mod turns;
mod work;

pub use ask::{At, Filter};
pub use bilingual::BilingualText;
pub use board::{
    ApprovalFilter, ApprovalReport, BoardQuery, BoardReport, CardReport, ChannelIdReport, ContactReport,
    ContentReport, ContractReport, ConvertedReport, CustomerFilter, CustomerList, CustomerReport,
    DocumentReport, FormerCustomer, Group, Held, JourneyReport, MoneyReport, NextAction, OwnerReport,
    StageCards, SuspectQuery, SuspectQueue, SuspectReport, SuspectedReport, SuspectsReport, TouchReport,
};
pub use bulk::TableComparison;
pub use comparison::{Comparison, NotComparable};
pub use dwell::{
    ActorCount, CalendarReport, Censored, Clock, CompletedSeconds, CurvePoint, DayCount, DwellQuery,
    DwellReport, Ending, Exit, FlowsReport, HeatmapQuery, HeatmapReport, KaplanMeier, Passage, PathReport,
    PathsQuery, PathsReport, Quantiles, StageCount, StagePair, StageReport, StandingReport, StayReport,
    StaysReport, Unit, Window,
};
pub use error::ProjectionError;
pub use figures::credit::Attribution;
pub use figures::funnel::Reach;
pub use inspection::Inspection;
pub use nodes::Node;
pub use parked::Parked;
pub use projections::Projections;
pub use rebuild::Progress;
pub use reports::ShareReport;
pub use reports::funnels::{ClosedCycles, Counting, FunnelQuery, FunnelReport, FunnelStage, FunnelStep};
pub use reports::latency::{
    ActorDelays, DelayReport, ForecastEffect, LateChange, LatencyQuery, LatencyReport, LeftOut, StageDelays,
    StageThenNow,
};
pub use reports::page::{Page, Pages};
pub use reports::pilots::{CycleTime, DifferenceReport, PilotComparison, PilotQuery, PilotSide};
pub use reports::quality::{
    ActorCorrections, ActorNotes, ChangesReport, Conflict, ConflictKind, ConversionReport, CorrectionsReport,
    Definition, LeakReport, Neglected, NotesReport, OverrideReport, QualityQuery, QualityReport, Side,
    StageConversion, StageCorrections, StageUsage, Suggestion, UsageReport,
};
pub use reports::reps::{RepFigures, RepLine, RepsQuery, RepsReport, SlowestStage};
pub use schema::{contract, migrate, secure, tables};
pub use status::ProjectionStatus;
pub use supervisor::Begun;
pub use timeline::{TimelineItem, TimelineQuery, TimelineReport, TimelineView};
pub use work::{
    DueRule, Expecting, Inbox, Place, ReminderReport, RuleReport, SkipReport, StandingFilter, TaskFilter,
    TaskReport, WaitingReport, Whose,
};
