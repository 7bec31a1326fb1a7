//! The one write path: receipt, load, decide, seal, append, and again when others changed what was decided on.
//!
//! Whatever is written by a command goes this way, be it one command, many in one commit, or a definition; a dry run is the
//! same way without the append. What is particular to it is its [`Decision`].
//!
//! What a crash leaves: before the append, nothing, since nothing was written. During the append, either all of it or
//! nothing, which is the log's to say; a caller who heard no answer sends the same idempotency key again, and receives the
//! first answer if there was one. After the append, caches of this process that are behind or gone with it: they are read on
//! from the log, and no decision is right because of them.

use uuid::Uuid;
use waymark_eventstore::{Append, Appended, Outcome, Position, StoreError, TenantId};

use super::answer::Request;
use super::receipts::{Shape, StoredOutcome, answers, store_error};
use super::{App, AppError, BatchError, Caller, CommandAnswer};

/// How often a decision is made again because others changed what it was made on.
const ATTEMPTS: u32 = 64;

/// How fresh what a decision is made on must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// As this process last saw it: enough to accept on, since the append's condition guards it, but not to refuse on.
    Cached,
    /// As the log says now.
    Current,
}

/// Something that is decided on the log's state and recorded by one append.
pub(super) trait Decision: Send + Sync {
    /// What is needed of the plan once it is in the log, or is what a dry run is made for.
    type Staged: Send;

    /// How fresh the state must be at the first attempt.
    fn first_freshness(&self, _app: &App, _caller: &Caller) -> Freshness {
        Freshness::Current
    }

    /// How its outcome is kept for repeats.
    fn shape(&self) -> Shape {
        Shape::Single
    }

    /// Loads what it reads and decides on it. Called again after a conflict.
    ///
    /// # Errors
    /// The refusal, or the log's own failure.
    fn plan(
        &self,
        app: &App,
        request: Request<'_>,
        freshness: Freshness,
    ) -> impl Future<Output = Result<Plan<Self::Staged>, BatchError>> + Send;

    /// Brings caches of this process up to what was just appended.
    ///
    /// # Errors
    /// When the log cannot be read. What was appended stays so.
    fn committed(
        &self,
        app: &App,
        request: Request<'_>,
        committed: Committed<Self::Staged>,
    ) -> impl Future<Output = Result<(), AppError>> + Send;

    /// The log's failure as the answer to it.
    fn failure(&self, error: StoreError) -> AppError {
        store_error(error)
    }
}

/// What a decision comes to.
pub(super) struct Plan<S> {
    /// The sealed events under their conditions; the receipt is added when they are appended.
    pub(super) append: Append,
    /// Up to where what was decided on was read.
    pub(super) read_to: Position,
    /// The answer of each command, but for positions.
    pub(super) outcomes: Vec<StoredOutcome>,
    /// What is needed afterwards.
    pub(super) staged: S,
}

/// A plan that is in the log.
pub(super) struct Committed<S> {
    pub(super) staged: S,
    /// Up to where definitions were known when it was decided.
    pub(super) definitions_known_to: Option<Position>,
    /// The data keys that were destroyed with it.
    pub(super) erased: Vec<Uuid>,
    pub(super) appended: Appended,
}

impl App {
    /// What a decision comes to by what the log says now: a dry run, which is the write path without the append.
    ///
    /// # Errors
    /// The refusal that it would get.
    pub(super) async fn plan<D: Decision>(
        &self,
        request: Request<'_>,
        decision: &D,
    ) -> Result<D::Staged, BatchError> {
        Ok(decision.plan(self, request, Freshness::Current).await?.staged)
    }

    /// Makes a decision and records it, or refuses. Returns an answer a command.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), or the log cannot take it.
    pub(super) async fn run<D: Decision>(
        &self,
        request: Request<'_>,
        decision: &D,
    ) -> Result<Vec<CommandAnswer>, BatchError> {
        if let Some(first) = self.first_receipt(request).await? {
            return decision.shape().replay(&first);
        }
        let mut freshness = decision.first_freshness(self, request.caller);
        let tenant = request.caller.tenant;
        let (mut keys, mut sealed_by) = (Freshness::Cached, self.vault.tenant_key_known(tenant));
        for _ in 0..ATTEMPTS {
            match decision.plan(self, request, freshness).await {
                Err(stopped) if freshness == Freshness::Current || !stopped.error.depends_on_state() => {
                    return Box::pin(self.refuse(request, decision.shape(), stopped)).await;
                }
                // Nothing is appended that a condition could guard, so it must be nothing by what the log says now.
                Ok(plan) if plan.append.events.is_empty() && freshness == Freshness::Cached => {}
                Ok(plan) => {
                    let brings = brings_keys(&plan.append);
                    if brings && sealed_by.is_none() {
                        // The first of this tenant here: by which key it was sealed is known of the next plan alone.
                        sealed_by = Some(self.sealed_by(tenant, keys).await?);
                        continue;
                    }
                    if let Some(answers) = self.commit(request, decision, plan, (keys, sealed_by)).await? {
                        return Ok(answers);
                    }
                    keys = Freshness::Current;
                    sealed_by = if brings { Some(self.sealed_by(tenant, keys).await?) } else { None };
                }
                Err(_) => {}
            }
            freshness = Freshness::Current;
        }
        Err(AppError::Contention.into())
    }

    /// The same for a decision that has one answer.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(super) async fn run_single<D: Decision>(
        &self,
        request: Request<'_>,
        decision: &D,
    ) -> Result<CommandAnswer, AppError> {
        let answers = self.run(request, decision).await.map_err(|stopped| stopped.error)?;
        let none = || AppError::Unreadable("an answer without a command".to_owned());
        answers.into_iter().next().ok_or_else(none)
    }

    /// How many erasures there had been when the tenant's key was read: to be known before anything is sealed with it.
    async fn sealed_by(&self, tenant: TenantId, keys: Freshness) -> Result<u64, AppError> {
        Ok(self.vault.tenant_key_seen(tenant, keys == Freshness::Current).await?)
    }

    /// Appends a plan. None: others changed what it was decided on, and nothing was appended.
    async fn commit<D: Decision>(
        &self,
        request: Request<'_>,
        decision: &D,
        plan: Plan<D::Staged>,
        (keys, sealed_by): (Freshness, Option<u64>),
    ) -> Result<Option<Vec<CommandAnswer>>, BatchError> {
        let Plan { append, read_to, outcomes, staged } = plan;
        let receipt = decision.shape().receipt(&outcomes, request)?;
        if append.events.is_empty() && receipt.is_none() {
            // Nothing must be recorded, and no key was sent by which the answer could be requested again.
            return Ok(Some(answers(outcomes, read_to, false)?));
        }
        let definitions_known_to = append.grounds.as_ref().map(|grounds| grounds.after);
        let erased = append.erase_subjects.clone();
        let mut append = self.with_endpoint(request.caller, append, keys).await?;
        if brings_keys(&append) {
            let all = append.erasures_seen.into_iter().chain(sealed_by);
            append.erasures_seen = all.min();
        }
        let announced = self.announce_erasures(&append).await?;
        // A crash up to here leaves nothing, or of an erasure its announcement, by which the next start carries it out; during it,
        // everything or nothing: the receipt is in the same transaction.
        let outcome = self.store.append(Append { receipt, ..append }).await;
        self.settle_erasures(announced, &outcome).await;
        match outcome {
            Ok(Outcome::Appended(appended)) => {
                let first = appended.first_position;
                // A crash from here on leaves events without an answer: the same idempotency key is answered from the receipt.
                let committed = Committed { staged, definitions_known_to, erased, appended };
                decision.committed(self, request, committed).await?;
                Ok(Some(answers(outcomes, first, false)?))
            }
            Ok(Outcome::Repeated(first)) => decision.shape().replay(&first).map(Some),
            Err(StoreError::Conflict { .. } | StoreError::DeadlinePassed) => Ok(None),
            Err(error) => Err(decision.failure(error).into()),
        }
    }
}

/// Whether anything in it was made by the tenant's key, which must still be the tenant's when it is appended.
fn brings_keys(append: &Append) -> bool {
    !append.new_keys.is_empty()
        || !append.changed_keys.is_empty()
        || append.events.iter().any(|draft| !draft.blind_tags.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::domain::Role;
    use crate::http::testing::Bench;

    #[tokio::test]
    async fn the_tenants_key_is_read_for_what_brings_something_made_by_it_and_for_nothing_else() {
        let bench = Bench::new().await;
        let key = bench.key("admin:root", &[Role::Admin]).await;
        let known = || bench.app.vault.tenant_key_known(bench.tenant());
        assert_eq!(known(), None, "a key of an administrator seals nothing");
        let pipeline = json!({"key": "landian-6", "template": "landian-6"});
        assert_eq!(bench.post(&key, "/v1/pipelines", &pipeline).await.status, 201);
        bench.register(&key, &json!({"pipeline": "landian-6", "name": "Harbour"})).await;
        assert_eq!(known(), Some(0));
    }
}
