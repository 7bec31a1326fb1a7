//! Which tenants a worker in the background has to look at: those that there is news of, and those for which something falls due.
//!
//! However many tenants there are, those that are quiet cost nothing. Each is looked after by one of the processes on the same
//! database ([`Projections::tends`](waymark_projections::Projections::tends)) and looked at when it comes to this one; after that, when
//! its log moves or a read model of it is folded on, whichever process appended ([`News`]), and at the instant that the last look
//! named. What looks found is kept for the next run of the process, where the worker says so ([`KeptLooks`]); other tenants are looked at
//! once after a start, some at a time beside those of which there is news. Should news ever be missed, a rota finds it: one
//! tenant every while, whatever is known of it.
//!
//! A look asks the log and decides on it, so it does no harm that another process looks as well while tenants move.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::Bound;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waymark_eventstore::{News, Position, Repeated, TenantId};
use waymark_projections::runtime::Duty;

use crate::app::App;
use crate::automation::clock::{ClockWatch, may_act};
use crate::kept_looks::KeptLooks;

/// How long news is left to gather: one look takes it all.
const GATHER: Duration = Duration::from_millis(50);
/// How often it is looked, in memory, whether tenants came from another process, and what the clock says.
const TICK: Duration = Duration::from_secs(1);
/// How often one more tenant is looked at, of which nothing is expected.
const ROTA: Duration = Duration::from_secs(10);
/// How many tenants of which nothing is known are looked at together, beside all that are due.
const UNKNOWN_AT_ONCE: usize = 64;
/// When what failed is tried again, and what waits for a read model or for somebody else is looked at again.
pub(crate) const SOON: TimeDelta = TimeDelta::seconds(1);

/// The rounds of one worker.
pub(crate) struct Rounds {
    app: App,
    duty: Duty,
    news: News,
    agenda: Agenda,
    /// What is kept for the next run of the process; none where each tenant must be looked at in each.
    kept: Option<KeptLooks>,
    /// Which nodes there were when it was found whose tenants are whose.
    assignment: Option<u64>,
    /// When the rota went on, and to whom.
    rota: (Instant, Option<TenantId>),
    failures: Repeated,
}

impl Rounds {
    /// Over the tenants for which this process has a duty. `what` says what could not be done where a look fails.
    pub(crate) fn new(app: &App, duty: Duty, what: &'static str) -> Self {
        let news = News::default();
        app.store.inform(&news);
        Self {
            app: app.clone(),
            duty,
            news,
            agenda: Agenda::default(),
            kept: None,
            assignment: None,
            rota: (Instant::now(), None),
            failures: Repeated::new(what),
        }
    }

    /// Whom to look at, too, whenever a read model of theirs is folded on.
    pub(crate) fn and_when_folded(self, model: &'static str) -> Self {
        if let Err(error) = self.app.projections.inform(model, &self.news) {
            tracing::error!(%error, "nobody tells when it is folded");
        }
        self
    }

    /// Keeps what looks find, by this name, for the next run of the process. Only where what is due follows from the log, the read
    /// models and the time.
    pub(crate) fn kept_as(mut self, worker: &'static str) -> Self {
        self.kept = Some(KeptLooks::new(&self.app, worker));
        self
    }

    /// Waits until somebody must be looked at, and says who; none once the token is cancelled. Dropped while it waits, it has
    /// missed nobody.
    pub(crate) async fn next(&mut self, stop: &CancellationToken) -> Option<Vec<TenantId>> {
        let due = stop.run_until_cancelled(self.due()).await;
        self.taken(due).await
    }

    /// As [`Self::next`], and nobody while the clock cannot be believed. The clock is judged time and again meanwhile.
    pub(crate) async fn next_if_believed(
        &mut self,
        clock: &ClockWatch,
        stop: &CancellationToken,
    ) -> Option<Vec<TenantId>> {
        let due = stop.run_until_cancelled(self.due_and_believed(clock)).await;
        self.taken(due).await
    }

    async fn due_and_believed(&mut self, clock: &ClockWatch) {
        loop {
            let due = tokio::time::timeout(TICK, self.due()).await.is_ok();
            let may = may_act(clock).await;
            match (due, may) {
                (true, true) => return,
                (true, false) => tokio::time::sleep(TICK).await,
                (false, _) => {}
            }
        }
    }

    /// Those who are due; at the end of the process nobody.
    async fn taken(&mut self, due: Option<()>) -> Option<Vec<TenantId>> {
        let Some(()) = due else {
            if let Some(kept) = &mut self.kept {
                kept.write_all().await;
            }
            return None;
        };
        let due = self.agenda.take((self.app.clock)());
        if let Some(kept) = &mut self.kept {
            due.iter().for_each(|tenant| kept.begin(*tenant, known_head(&self.app, *tenant)));
        }
        Some(due)
    }

    /// A tenant was looked at, and is again at an instant; without one when there is news of it. What failed is tried again soon.
    pub(crate) fn looked<E: Display>(
        &mut self,
        tenant: TenantId,
        outcome: &Result<Option<DateTime<Utc>>, E>,
    ) {
        self.failures.note(tenant, outcome);
        if let Some(kept) = &mut self.kept {
            match outcome {
                Ok(next) => kept.end(tenant, *next),
                Err(_) => kept.drop_look(tenant),
            }
        }
        let again = outcome.as_ref().map_or_else(|_| Some((self.app.clock)() + SOON), |next| *next);
        self.agenda.put(tenant, again);
    }

    /// What the last look at a tenant found holds for this run of the process alone.
    pub(crate) fn must_be_looked_at_again(&mut self, tenant: TenantId) {
        if let Some(kept) = &mut self.kept {
            kept.drop_look(tenant);
        }
    }

    /// There is more to do for a tenant now.
    pub(crate) fn again(&mut self, tenant: TenantId) {
        self.agenda.no_later(tenant, (self.app.clock)());
    }

    /// Waits until somebody is due.
    async fn due(&mut self) {
        loop {
            self.take_over().await;
            self.take_in();
            if let Some(kept) = self.kept.as_mut().filter(|kept| kept.is_due()) {
                kept.write().await;
            }
            let now = (self.app.clock)();
            let first = self.agenda.first();
            if first.is_some_and(|at| at <= now) {
                return;
            }
            let rest = first.and_then(|at| (at - now).to_std().ok()).unwrap_or(TICK).min(TICK);
            tokio::select! {
                () = self.news.came() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Takes over who came from another process, and leaves who went to one.
    async fn take_over(&mut self) {
        let assignment = self.app.projections.assignment();
        if self.assignment == Some(assignment) {
            return;
        }
        if let Some(kept) = &mut self.kept {
            kept.read().await;
        }
        self.assignment = Some(assignment);
        for (log, end) in self.app.store.known_heads() {
            if !self.is_here(log) || self.agenda.has(log) {
                continue;
            }
            match self.kept.as_ref().and_then(|kept| kept.of(log, end)) {
                Some(look) => self.agenda.put(log, look.until),
                None => self.agenda.put_unknown(log),
            }
        }
    }

    /// Takes in what there is news of, and whose turn of the rota it is.
    fn take_in(&mut self) {
        for log in self.news.take() {
            if self.is_here(log) {
                self.again(log);
            }
        }
        if self.rota.0.elapsed() >= ROTA {
            let next = self.agenda.after(self.rota.1);
            self.rota = (Instant::now(), next);
            next.into_iter().for_each(|tenant| self.again(tenant));
        }
    }

    /// Whether a log is looked at here; one that is not any more is forgotten.
    fn is_here(&mut self, log: TenantId) -> bool {
        let is_here = !log.is_access_log() && self.app.projections.tends(log, self.duty);
        if !is_here {
            self.agenda.remove(log);
        }
        is_here
    }
}

/// Where a tenant's log ends, as far as this process knows.
pub(crate) fn known_head(app: &App, tenant: TenantId) -> Position {
    *app.store.watch(tenant).borrow()
}

/// When each tenant is looked at.
#[derive(Debug, Default)]
struct Agenda {
    /// Whom this process looks after, and when each is due; without an instant when there is news.
    tenants: BTreeMap<TenantId, Option<DateTime<Utc>>>,
    /// Those with an instant, by it.
    by_time: BTreeSet<(DateTime<Utc>, TenantId)>,
    /// Those of whom nothing is known: they have their turn when all who are due had theirs.
    unknown: BTreeSet<TenantId>,
}

impl Agenda {
    fn has(&self, tenant: TenantId) -> bool {
        self.tenants.contains_key(&tenant)
    }

    /// When somebody is due next: at once while there are some of whom nothing is known.
    fn first(&self) -> Option<DateTime<Utc>> {
        let unknown = self.unknown.first().map(|_| DateTime::<Utc>::MIN_UTC);
        unknown.or_else(|| self.by_time.first().map(|(at, _)| *at))
    }

    /// Nothing is known of a tenant.
    fn put_unknown(&mut self, tenant: TenantId) {
        self.put(tenant, None);
        self.unknown.insert(tenant);
    }

    fn put(&mut self, tenant: TenantId, at: Option<DateTime<Utc>>) {
        if let Some(before) = self.tenants.insert(tenant, at).flatten() {
            self.by_time.remove(&(before, tenant));
        }
        self.by_time.extend(at.map(|at| (at, tenant)));
    }

    fn no_later(&mut self, tenant: TenantId, at: DateTime<Utc>) {
        let before = self.tenants.get(&tenant).copied().flatten();
        self.put(tenant, Some(before.map_or(at, |before| before.min(at))));
    }

    fn remove(&mut self, tenant: TenantId) {
        self.unknown.remove(&tenant);
        if let Some(before) = self.tenants.remove(&tenant).flatten() {
            self.by_time.remove(&(before, tenant));
        }
    }

    /// Those who are due at an instant, and some of whom nothing is known. They are looked at now: they stay, without an instant until
    /// they were.
    fn take(&mut self, now: DateTime<Utc>) -> Vec<TenantId> {
        let mut due = Vec::new();
        while let Some((_, tenant)) = self.by_time.first().copied().filter(|(at, _)| *at <= now) {
            self.put(tenant, None);
            self.unknown.remove(&tenant);
            due.push(tenant);
        }
        due.extend(std::iter::from_fn(|| self.unknown.pop_first()).take(UNKNOWN_AT_ONCE));
        due
    }

    /// The tenant that follows another one, round and round.
    fn after(&self, last: Option<TenantId>) -> Option<TenantId> {
        let after = last.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.tenants.range((after, Bound::Unbounded)).next();
        next.or_else(|| self.tenants.first_key_value()).map(|(tenant, _)| *tenant)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::Role;
    use crate::http::testing::Bench;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn tenant(id: u128) -> TenantId {
        TenantId(Uuid::from_u128(id))
    }

    #[test]
    fn who_is_due_is_taken_once_and_news_brings_forward_and_never_puts_off() {
        let mut agenda = Agenda::default();
        let [a, b, c] = [1, 2, 3].map(tenant);
        agenda.put(a, Some(at(10)));
        agenda.put(b, Some(at(5)));
        agenda.put(c, None);
        agenda.no_later(a, at(20));
        assert_eq!((agenda.take(at(4)), agenda.first()), (vec![], Some(at(5))));
        assert_eq!(agenda.take(at(10)), [b, a]);
        assert_eq!((agenda.take(at(99)), agenda.first()), (vec![], None), "they wait for news");
        agenda.no_later(c, at(30));
        agenda.put(a, Some(at(40)));
        agenda.remove(a);
        assert_eq!((agenda.has(a), agenda.take(at(99))), (false, vec![c]));
    }

    #[test]
    fn everybody_has_a_turn_of_the_rota_one_after_the_other() {
        let mut agenda = Agenda::default();
        assert_eq!(agenda.after(None), None);
        let all = [1, 2, 3].map(tenant);
        all.iter().for_each(|tenant| agenda.put(*tenant, None));
        let mut turns = vec![agenda.after(None)];
        for _ in 0..3 {
            turns.push(agenda.after(turns[turns.len() - 1]));
        }
        assert_eq!(turns, [all[0], all[1], all[2], all[0]].map(Some));
    }

    #[tokio::test]
    async fn a_tenant_is_looked_at_at_first_then_when_it_has_news_and_when_it_is_due() {
        let (bench, admin) = Bench::with_pipeline().await;
        for number in 0..20 {
            bench.key_in(&format!("quiet-{number}"), "admin:root", &[Role::Admin]).await;
        }
        let stop = CancellationToken::new();
        let mut rounds = Rounds::new(bench.app(), Duty::Upkeep, "nothing was done");
        let all = rounds.next(&stop).await.unwrap();
        assert_eq!(all.len(), 21);
        let in_an_hour = bench.now() + TimeDelta::hours(1);
        for tenant in all {
            let next = (tenant == bench.tenant()).then_some(in_an_hour);
            rounds.looked::<String>(tenant, &Ok(next));
        }
        assert_eq!(rounds.agenda.take(bench.now()), []);
        // What another part of the process appends to one log is news of that one alone.
        let last = bench.key_in("quiet-7", "admin:second", &[Role::Admin]).await;
        assert!(!last.is_empty());
        let heard = rounds.next(&stop).await.unwrap();
        assert!(heard.len() == 1 && heard[0] != bench.tenant(), "{heard:?}");
        rounds.looked::<String>(heard[0], &Ok(None));
        bench.later(1);
        assert_eq!(rounds.next(&stop).await.unwrap(), [bench.tenant()], "its hour has come");
        rounds.looked(bench.tenant(), &Err("the disk is full"));
        bench.later_by(1);
        assert_eq!(rounds.next(&stop).await.unwrap(), [bench.tenant()], "what failed is tried again");
        rounds.looked::<String>(bench.tenant(), &Ok(None));
        // News beside its log, as when messages are queued again.
        bench.app().store.tell(bench.tenant());
        assert_eq!(rounds.next(&stop).await.unwrap(), [bench.tenant()]);
        let new = bench.key_in("new", "admin:root", &[Role::Admin]).await;
        assert!(!new.is_empty() && !admin.is_empty());
        assert_eq!(rounds.next(&stop).await.unwrap().len(), 1, "a tenant that is new");
        stop.cancel();
        assert_eq!(rounds.next(&stop).await, None);
    }
}
