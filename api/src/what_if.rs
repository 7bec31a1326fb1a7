//! What is supposed of a pipeline, and the answer: for the HTTP interface and the command line alike.

mod limits;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::pipeline::version::StageMapping;
use crate::domain::what_if::{
    Both, Deadline, DeadlineChange, DeadlineKind, Hypothesis, PoolReturn, ReclaimChange, RefusedMove, Span,
};
use crate::domain::{Label, Language};
use crate::http::Instant;
use crate::problem::Problem;
use crate::problem::document::ViolationDocument;
use crate::projections::dwell::DwellReport;
use crate::projections::reports::Definition;
use crate::projections::reports::forecast::ForecastReport;
use crate::projections::reports::funnels::FunnelReport;
use crate::projections::reports::what_if::{
    ConversionDifference, DwellDifference, ForecastDifference, WhatIf, conversion, dwell, forecast,
};
use limits::limits;

/// How long the span is unless told otherwise.
const USUAL_SPAN: TimeDelta = TimeDelta::days(30);

/// The most customers whose histories are replayed for one answer.
pub(crate) const MOST_CUSTOMERS: usize = 50_000;

/// What is supposed: another definition, other rules, or other pools, or several of these.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "pipeline": "sales", "automations": [], "from": "2026-03-01T00:00:00+08:00", "to": "2026-04-01T00:00:00+08:00"
}))]
pub(crate) struct WhatIfQuestion {
    /// The pipeline's key.
    pub(crate) pipeline: String,
    /// The complete definition, conforming to `GET /v1/pipeline-schema`; the one in force when absent.
    #[schema(value_type = Option<Object>)]
    definition: Option<Value>,
    /// The automation rules instead of the definition's.
    #[schema(value_type = Option<Vec<Object>>)]
    automations: Option<Value>,
    /// The pools with their rules instead of the definition's.
    #[schema(value_type = Option<Vec<Object>>)]
    pools: Option<Value>,
    /// The stage mapping from the version in force, as for a new version, where the definition leaves stages out.
    #[schema(value_type = Option<Vec<Object>>)]
    map: Option<Value>,
    /// From when on it is supposed to have been in force (inclusive); 30 days before `to` when absent.
    from: Option<Instant>,
    /// Until when (exclusive); `effective_at` when absent. The figures are as of then.
    to: Option<Instant>,
}

impl WhatIfQuestion {
    /// What is supposed, of a pipeline as it is.
    ///
    /// # Errors
    /// When nothing is supposed, the definition is unusable, or the span is empty; every field by its path.
    pub(crate) fn hypothesis(&self, known: &Definition, at: DateTime<Utc>) -> Result<Hypothesis, Problem> {
        let span = self.span(at)?;
        if self.definition.is_none() && self.automations.is_none() && self.pools.is_none() {
            return Err(invalid(
                "definition",
                "须给出 definition、automations 或 pools。",
                "One of definition, automations and pools is required.",
            ));
        }
        let mut definition = match &self.definition {
            Some(definition) => definition.clone(),
            None => serde_json::to_value(&*known.pipeline).unwrap_or_default(),
        };
        if let Value::Object(fields) = &mut definition {
            for (name, given) in [("automations", &self.automations), ("pools", &self.pools)] {
                fields.extend(given.clone().map(|given| (name.to_owned(), given)));
            }
        }
        let next = known.versions.all().iter().map(|known| known.pipeline.version).max();
        let supposed = known.pipeline.suppose(next.unwrap_or_default().saturating_add(1), &definition)?;
        let map = self.map.as_ref().map(StageMapping::parse_all).transpose()?.unwrap_or_default();
        Ok(Hypothesis::of(known.versions.clone(), supposed, map, span))
    }

    fn span(&self, at: DateTime<Utc>) -> Result<Span, Problem> {
        let to = self.to.map_or(at, |to| to.0);
        let usual = to.checked_sub_signed(USUAL_SPAN).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let from = self.from.map_or(usual, |from| from.0);
        if to <= from {
            return Err(invalid("to", "结束时间须晚于开始时间。", "Must be later than the start."));
        }
        if from >= at {
            return Err(invalid("from", "须早于 effective_at。", "Must be earlier than effective_at."));
        }
        Ok(Span { from, to })
    }
}

fn invalid(field: &str, zh: &str, en: &str) -> Problem {
    Problem::invalid_value(field, Label::new(zh, en))
}

/// What customers are called.
pub(crate) type Names = HashMap<Uuid, String>;

/// Which rows of each list are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    /// The most rows.
    pub(crate) limit: usize,
    /// How many first rows are left out.
    pub(crate) offset: usize,
}

impl Rows {
    fn of<T, R>(self, all: &[T], row: impl Fn(&T) -> R) -> Vec<R> {
        all.iter().skip(self.offset).take(self.limit).map(row).collect()
    }

    /// The customers of the rows that are shown.
    pub(crate) fn customers(self, found: &WhatIf) -> Vec<Uuid> {
        let refused = self.of(&found.refused, |refused| refused.customer);
        let deadlines = self.of(&found.deadlines, |(customer, _)| *customer);
        let reclaims = self.of(&found.reclaims, |(customer, _)| *customer);
        let all: BTreeSet<Uuid> = [refused, deadlines, reclaims].into_iter().flatten().collect();
        all.into_iter().collect()
    }

    fn truncates<T>(self, all: &[T]) -> bool {
        all.len() > self.offset.saturating_add(self.limit)
    }
}

/// A recorded transition that would have been refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct RefusedMoveReply {
    /// The customer.
    customer_id: Uuid,
    /// What it is called; null when never given, or not for the caller's eyes.
    customer_name: Option<String>,
    /// Its position in the log.
    position: u64,
    /// Its event.
    event_id: Uuid,
    /// The stage left; null where the journey began.
    from: Option<String>,
    /// The stage entered.
    to: String,
    /// When it happened.
    effective_at: DateTime<Utc>,
    /// Who made it.
    actor: String,
    /// The conditions that it would not have met, of those that it met when it was made.
    violations: Vec<ViolationDocument>,
    /// The position of the customer's first refused transition, where this one is refused only because of that: from where
    /// the customer was recorded to be, it would be permitted.
    follows: Option<u64>,
}

impl RefusedMoveReply {
    fn of(refused: &RefusedMove, names: &Names, language: Language) -> Self {
        let violations = refused.violations.iter();
        Self {
            customer_id: refused.customer,
            customer_name: names.get(&refused.customer).cloned(),
            position: refused.position,
            event_id: refused.event,
            from: refused.from.clone(),
            to: refused.to.clone(),
            effective_at: refused.effective_at,
            actor: refused.actor.clone(),
            violations: violations.map(|unmet| ViolationDocument::of(unmet, language)).collect(),
            follows: refused.follows,
        }
    }
}

/// A deadline in the span.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct DeadlineReply {
    /// When it was up.
    due_at: DateTime<Utc>,
    /// Whether the customer had left the stage by then. False for a rule that came to act.
    met: bool,
}

impl DeadlineReply {
    fn of(deadline: &Deadline) -> Self {
        Self { due_at: deadline.due_at, met: deadline.met }
    }
}

/// A deadline that would have been another one.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct DeadlineChangeReply {
    /// The customer.
    customer_id: Uuid,
    /// What it is called; null when never given, or not for the caller's eyes.
    customer_name: Option<String>,
    /// The stage.
    stage: String,
    /// What sets it: the stage's `next_action`, its `stagnant` limit, or a `rule`.
    kind: &'static str,
    /// The rule's id; null for the limits of stages.
    rule: Option<String>,
    /// The event that it counts from.
    cause: Uuid,
    /// As it was; null where there was none in the span.
    before: Option<DeadlineReply>,
    /// As it would have been; null where there would be none in the span.
    after: Option<DeadlineReply>,
}

impl DeadlineChangeReply {
    fn of((customer, change): &(Uuid, DeadlineChange), names: &Names) -> Self {
        let Both { before, after } = &change.deadline;
        let (kind, rule) = match &change.kind {
            DeadlineKind::NextAction => ("next_action", None),
            DeadlineKind::Stagnant => ("stagnant", None),
            DeadlineKind::Rule(rule) => ("rule", Some(rule.clone())),
        };
        let stage = after.as_ref().or(before.as_ref()).map(|one| one.stage.clone());
        Self {
            customer_id: *customer,
            customer_name: names.get(customer).cloned(),
            stage: stage.unwrap_or_default(),
            kind,
            rule,
            cause: change.cause,
            before: before.as_ref().map(DeadlineReply::of),
            after: after.as_ref().map(DeadlineReply::of),
        }
    }
}

/// A return to a pool.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct ReturnReply {
    /// When.
    at: DateTime<Utc>,
    /// The pool.
    pool: String,
    /// Which of its rules: the id of a clock, or `first_contact`.
    rule: String,
}

impl ReturnReply {
    fn of(returned: &PoolReturn) -> Self {
        Self { at: returned.at, pool: returned.pool.clone(), rule: returned.rule.clone() }
    }
}

/// A return to a pool that would have come otherwise.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct ReclaimReply {
    /// The customer.
    customer_id: Uuid,
    /// What it is called; null when never given, or not for the caller's eyes.
    customer_name: Option<String>,
    /// The rep who had it.
    rep: String,
    /// The event that gave the rep the customer.
    owned_since: Uuid,
    /// As it was; null where the customer stayed.
    before: Option<ReturnReply>,
    /// As it would have been; null where the customer would have stayed.
    after: Option<ReturnReply>,
}

impl ReclaimReply {
    fn of((customer, change): &(Uuid, ReclaimChange), names: &Names) -> Self {
        let Both { before, after } = &change.returned;
        let rep = after.as_ref().or(before.as_ref()).map(|one| one.rep.clone());
        Self {
            customer_id: *customer,
            customer_name: names.get(customer).cloned(),
            rep: rep.unwrap_or_default(),
            owned_since: change.owned_since,
            before: before.as_ref().map(ReturnReply::of),
            after: after.as_ref().map(ReturnReply::of),
        }
    }
}

/// A number before and after.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct BeforeAfterCount {
    /// As it was.
    before: usize,
    /// As it would have been.
    after: usize,
}

impl From<Both<usize>> for BeforeAfterCount {
    fn from(Both { before, after }: Both<usize>) -> Self {
        Self { before, after }
    }
}

/// How many there are of everything.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct WhatIfTotals {
    /// Customers whose history was replayed.
    customers: usize,
    /// Those of which anything differs.
    affected_customers: usize,
    /// Recorded transitions that were judged again.
    moves: usize,
    /// Those that would have been refused.
    refused_moves: usize,
    /// Deadlines that differ.
    deadlines: usize,
    /// Deadlines that passed unmet.
    missed_deadlines: BeforeAfterCount,
    /// Returns to a pool that differ.
    reclaims: usize,
    /// Returns to a pool.
    returns: BeforeAfterCount,
}

/// Whether a list goes on beyond the rows that are shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct WhatIfTruncated {
    /// Of `refused_moves`.
    refused_moves: bool,
    /// Of `deadlines`.
    deadlines: bool,
    /// Of `reclaims`.
    reclaims: bool,
}

/// A figure of both histories, and what differs.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct BeforeAfter<R, D> {
    /// Of what was recorded.
    before: R,
    /// Of what would have been.
    after: R,
    /// The second less the first.
    difference: D,
}

impl<R, D> BeforeAfter<R, D> {
    fn of(both: Both<R>, difference: impl Fn(&Both<R>) -> D) -> Self {
        let difference = difference(&both);
        Self { before: both.before, after: both.after, difference }
    }
}

/// What would have been otherwise.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct WhatIfAnswer {
    /// The pipeline's key.
    pipeline: String,
    /// From when on it is supposed to have been in force.
    from: DateTime<Utc>,
    /// Until when.
    to: DateTime<Utc>,
    /// The business instant of the figures: the earlier of `effective_at` and `to`.
    effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    known_at: DateTime<Utc>,
    /// How many there are of everything, shown or not.
    totals: WhatIfTotals,
    /// Recorded transitions that would have been refused, by position.
    refused_moves: Vec<RefusedMoveReply>,
    /// Deadlines that would have been others, by instant.
    deadlines: Vec<DeadlineChangeReply>,
    /// Returns to a pool that would have come otherwise, by instant.
    reclaims: Vec<ReclaimReply>,
    /// Whether there are more of each after those shown: ask again with a greater `offset`.
    truncated: WhatIfTruncated,
    /// Dwell times in the span, as `GET /v1/dwell/{pipeline}` has them.
    dwell: BeforeAfter<DwellReport, DwellDifference>,
    /// The funnel of the span, as `GET /v1/funnels/{pipeline}` has it.
    conversion: BeforeAfter<FunnelReport, ConversionDifference>,
    /// The forecast at its end, as `GET /v1/forecasts/{pipeline}` has it.
    forecast: BeforeAfter<ForecastReport, ForecastDifference>,
    /// What the answer does not know.
    limits: Vec<String>,
}

impl WhatIfAnswer {
    /// The answer in one language.
    pub(crate) fn of(
        question: &WhatIfQuestion,
        span: Span,
        (found, names): (WhatIf, &Names),
        rows: Rows,
        language: Language,
    ) -> Self {
        Self {
            pipeline: question.pipeline.clone(),
            from: span.from,
            to: span.to,
            effective_at: found.dwell.before.effective_at,
            known_at: found.dwell.before.known_at,
            totals: WhatIfTotals {
                customers: found.customers,
                affected_customers: found.affected,
                moves: found.judged,
                refused_moves: found.refused.len(),
                deadlines: found.deadlines.len(),
                missed_deadlines: found.passed.into(),
                reclaims: found.reclaims.len(),
                returns: found.returned.into(),
            },
            refused_moves: rows.of(&found.refused, |refused| RefusedMoveReply::of(refused, names, language)),
            deadlines: rows.of(&found.deadlines, |change| DeadlineChangeReply::of(change, names)),
            reclaims: rows.of(&found.reclaims, |change| ReclaimReply::of(change, names)),
            truncated: WhatIfTruncated {
                refused_moves: rows.truncates(&found.refused),
                deadlines: rows.truncates(&found.deadlines),
                reclaims: rows.truncates(&found.reclaims),
            },
            dwell: BeforeAfter::of(found.dwell, dwell),
            conversion: BeforeAfter::of(found.conversion, conversion),
            forecast: BeforeAfter::of(found.forecast, forecast),
            limits: limits().iter().map(|limit| limit.text(language).to_owned()).collect(),
        }
    }

    /// What people read: a line a figure.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let WhatIfTotals {
            customers,
            affected_customers,
            moves,
            refused_moves,
            missed_deadlines,
            returns,
            ..
        } = &self.totals;
        let was = |count: &BeforeAfterCount| format!("{} before, {} after", count.before, count.after);
        let mut lines = vec![
            ("customers", format!("{customers}, of which {affected_customers} differ")),
            ("transitions", format!("{moves} judged, {refused_moves} refused")),
            ("missed deadlines", was(missed_deadlines)),
            ("returns to a pool", was(returns)),
        ];
        lines.extend(self.refused_moves.iter().map(|refused| {
            let codes: Vec<&str> = refused.violations.iter().map(|unmet| unmet.code.as_str()).collect();
            let from = refused.from.as_deref().unwrap_or("(registered)");
            let line = format!("{} {from} → {}: {}", refused.customer_id, refused.to, codes.join(", "));
            ("refused", line)
        }));
        let days = |figure: Option<f64>| {
            figure.map_or_else(|| "-".to_owned(), |seconds| format!("{:.1}", seconds / 86_400.0))
        };
        lines.extend(self.dwell.difference.stages.iter().map(|stage| {
            let mean = stage.restricted_mean_seconds;
            let line = format!(
                "{}: {} → {} days, stays {:+}",
                stage.stage,
                days(mean.before),
                days(mean.after),
                stage.visits
            );
            ("dwell", line)
        }));
        lines.extend(self.conversion.difference.stages.iter().map(|stage| {
            let share = |share: Option<f64>| {
                share.map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", 100.0 * share))
            };
            (
                "conversion",
                format!("{}: won {} → {}", stage.stage, share(stage.won.before), share(stage.won.after)),
            )
        }));
        lines.extend(
            self.forecast.difference.horizons.iter().map(|horizon| {
                ("forecast", format!("{} days: {:+.2} deals", horizon.days, horizon.expected))
            }),
        );
        lines.extend(self.limits.iter().map(|limit| ("limit", limit.clone())));
        lines
    }
}
