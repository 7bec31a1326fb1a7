//! Whether each cell that describes a customer can be kept. Cells are checked one by one and before rows are put together, so
//! that a bad one is named where it stands and takes no good row of its case with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use waymark_domain::customer::command::Register;
use waymark_domain::customer::description_violations;
use waymark_domain::field::Fields;
use waymark_domain::refusal::Violation;
use waymark_domain::{Actor, Context, Pipeline};

use super::details::{Cell, Details};

/// What cells are checked by.
pub(super) struct Describing {
    /// The pipeline of the file, which may be yet to be made.
    pub(super) pipeline: String,
    pub(super) pipelines: Arc<BTreeMap<String, Arc<Pipeline>>>,
    pub(super) fields: Fields,
    /// The custom fields of the file, with their columns.
    pub(super) keys: Vec<(String, String)>,
    pub(super) now: DateTime<Utc>,
    pub(super) importer: Actor,
}

impl Describing {
    /// What is wrong with a cell, if anything is.
    pub(super) fn violation(&self, cell: &Cell, at: DateTime<Utc>) -> Option<Violation> {
        let mut register = Register { pipeline: self.pipeline.clone(), ..Register::default() };
        Details::of(at, cell.clone()).describe(&mut register, &self.keys, &self.fields);
        let context = Context {
            effective_at: Some(at),
            import: true,
            fields: &self.fields,
            ..Context::new(self.now, &self.importer, &self.pipelines)
        };
        description_violations(&register, &context).into_iter().next()
    }
}
