//! What a decision knows besides the customer: time, identity, definitions and counts, all as values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::actor::Actor;
use crate::field::Fields;
use crate::pipeline::Pipeline;
use crate::pipeline::version::Versions;
use crate::pool::Pool;
use crate::zones::Zones;

/// How far ahead of our clock an instant may lie: clocks differ, moves into the future do not exist.
pub const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

static NOBODY: BTreeSet<String> = BTreeSet::new();
static NOTHING_DECLARED: Fields = Fields::new();
static COMPILED: Zones = Zones::compiled();

/// The circumstances of a command.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The instant of deciding.
    pub now: DateTime<Utc>,
    /// Who commands.
    pub actor: &'a Actor,
    /// Whether it is an agent: a key of the scope `propose`, also where it acts for a person.
    pub agent: bool,
    /// When it happened, where the command says so; now otherwise.
    pub effective_at: Option<DateTime<Utc>>,
    /// The definition in force of each pipeline, by key.
    pub pipelines: &'a BTreeMap<String, Arc<Pipeline>>,
    /// Every version of each pipeline, by key: what leads from stages of earlier versions to those in force. None
    /// where nothing can be of another version, as in a file being read in.
    pub versions: Option<&'a BTreeMap<String, Arc<Versions>>>,
    /// The team whose customer it is, for which the definitions are in force; none for those of no team.
    pub team: Option<&'a str>,
    /// The reps whom the actor stands in for.
    pub stands_in_for: &'a BTreeSet<String>,
    /// The fields that the tenant has declared.
    pub fields: &'a Fields,
    /// The rules of time zones, by which the local dates of quotas are computed.
    pub zones: &'a Zones,
    /// How many claims the actor made in the customer's pool on the pool's local date of `now`.
    pub claims_today: u32,
    /// How many customers the actor looked at in the customer's pool on the pool's local date of `now`.
    pub views_today: u32,
    /// How many open customers the actor owns, where the pool limits that.
    pub holds: u32,
    /// When first contacts after the actor's claims were missed, in order.
    pub strikes: &'a [DateTime<Utc>],
    /// Whether things may have happened before the customer's first event.
    pub allow_before_creation: bool,
    /// Whether a file of past changes is being read in. Its rows may lie any time back, may repeat a status,
    /// may come out of order, and ask no permission but the importer's.
    pub import: bool,
}

impl<'a> Context<'a> {
    /// A person's command, effective now.
    pub fn new(now: DateTime<Utc>, actor: &'a Actor, pipelines: &'a BTreeMap<String, Arc<Pipeline>>) -> Self {
        Self {
            now,
            actor,
            agent: false,
            effective_at: None,
            pipelines,
            versions: None,
            team: None,
            stands_in_for: &NOBODY,
            fields: &NOTHING_DECLARED,
            zones: &COMPILED,
            claims_today: 0,
            views_today: 0,
            holds: 0,
            strikes: &[],
            allow_before_creation: false,
            import: false,
        }
    }

    /// When it happened.
    pub fn effective_at(&self) -> DateTime<Utc> {
        self.effective_at.unwrap_or(self.now)
    }

    /// The pipeline's definition in force.
    pub fn pipeline(&self, key: &str) -> Option<&'a Pipeline> {
        self.pipelines.get(key).map(AsRef::as_ref)
    }

    /// Every version of the pipeline.
    pub fn versions(&self, key: &str) -> Option<&'a Versions> {
        self.versions?.get(key).map(AsRef::as_ref)
    }

    /// The pool of that key: the named pipeline's own, else any other pipeline's.
    pub fn pool(&self, preferred_pipeline: &str, key: &str) -> Option<&'a Pool> {
        let own = self.pipelines.get(preferred_pipeline).and_then(|pipeline| pipeline.pool(key));
        own.or_else(|| self.pipelines.values().find_map(|pipeline| pipeline.pool(key)))
    }
}
