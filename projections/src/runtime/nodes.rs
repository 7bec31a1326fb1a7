//! The processes that share one database and the work on its read models.
//!
//! A node lives while its *heartbeat*, a counter in its row, goes on. Others judge that by their own clocks alone: they note
//! when they saw the heartbeat change last. So clocks need not agree, and a lease needs no renewing of its own: anyone who holds
//! one holds it while the node lives. When the judgement is wrong, because a node was only slow, its lease is taken all
//! the same and the fence of the checkpoint ([`crate::storage::checkpoint`]) keeps it from writing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;
use waymark_eventstore::{Clock, TenantId};

use crate::db::{Db, SYSTEM, Transaction, values};
use crate::error::Result;
use crate::storage::checkpoint::ProjectionId;

pub(crate) const HEARTBEAT: &str = include_str!("nodes/heartbeat.sql");
pub(crate) const LEAVE: &str = include_str!("nodes/leave.sql");
pub(crate) const LOOK: &str = include_str!("nodes/look.sql");
pub(crate) const RELEASE: &str = include_str!("nodes/release.sql");

/// A node whose heartbeat did not change for so long is dead.
const FAILURE_TIMEOUT: TimeDelta = TimeDelta::seconds(3);
/// A row that was written so long before it is seen first is a dead node's, without waiting for its silence: clocks
/// that differ by more make a live node lose leases, never rows.
const STALE_ROW_AGE: TimeDelta = TimeDelta::minutes(1);

/// A process among those that share a database.
#[derive(Clone)]
pub struct Node {
    /// Its name among them, of this run of the process alone.
    pub id: Uuid,
    /// Its time.
    pub clock: Clock,
}

/// What is done for a tenant by one of the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// What every node does: read models, versions that take force, requests that expire, refusals that are forgotten.
    Upkeep,
    /// Rules act.
    Automations,
    /// Messages are sent.
    Messages,
}

impl Duty {
    /// Its bit in what a node tells of itself; none for what every node does.
    fn bit(self) -> i64 {
        match self {
            Self::Upkeep => 0,
            Self::Automations => 1,
            Self::Messages => 2,
        }
    }
}

/// Every duty that a node may leave to others.
const ALL_DUTIES: i64 = 3;
/// What a node tells of itself is one number: the newest folds first, then its duties.
const DUTIES: i64 = ALL_DUTIES + 1;

/// The nodes as this one sees them.
pub(crate) struct Nodes {
    node: Node,
    fold_version_sum: i64,
    /// The bits of the duties that it has.
    duties: AtomicI64,
    seen: Mutex<HashMap<Uuid, PeerState>>,
}

/// What was seen of another node.
#[derive(Debug, Clone, Copy)]
struct PeerState {
    heartbeat: i64,
    fold_version_sum: i64,
    duties: i64,
    /// When its heartbeat was seen to change; none for a row that was old when it was seen first.
    changed_at: Option<DateTime<Utc>>,
}

impl PeerState {
    fn lives(&self, now: DateTime<Utc>) -> bool {
        self.changed_at.is_some_and(|changed_at| now - changed_at < FAILURE_TIMEOUT)
    }
}

impl Nodes {
    pub(crate) fn new(node: Node, fold_version_sum: i64) -> Self {
        Self { node, fold_version_sum, duties: AtomicI64::new(ALL_DUTIES), seen: Mutex::default() }
    }

    pub(crate) fn me(&self) -> Uuid {
        self.node.id
    }

    /// Leaves a duty to the other nodes.
    pub(crate) fn decline(&self, duty: Duty) {
        self.duties.fetch_and(!duty.bit(), Ordering::Relaxed);
    }

    fn duties(&self) -> i64 {
        self.duties.load(Ordering::Relaxed)
    }

    /// Tells the others that this node lives, and looks for them. Rows of the dead are taken away.
    pub(crate) async fn heartbeat(&self, db: &Db, heartbeat: i64) -> Result<()> {
        let mut transaction = db.write(SYSTEM).await?;
        let now = (self.node.clock)().timestamp_micros();
        let skill = self.fold_version_sum * DUTIES + self.duties();
        transaction.execute(HEARTBEAT, &values![SYSTEM.0, self.node.id, heartbeat, now, skill]).await?;
        for dead in self.look(&mut transaction).await? {
            transaction.execute(LEAVE, &values![SYSTEM.0, dead]).await?;
        }
        transaction.commit().await
    }

    /// Takes this node's row away, so that the others need not wait for its silence.
    pub(crate) async fn leave(&self, db: &Db) -> Result<()> {
        let mut transaction = db.write(SYSTEM).await?;
        transaction.execute(LEAVE, &values![SYSTEM.0, self.node.id]).await?;
        transaction.commit().await
    }

    /// Notes every node's heartbeat. Returns those that have been dead for long.
    async fn look(&self, transaction: &mut Transaction) -> Result<Vec<Uuid>> {
        let rows = transaction.rows(LOOK, &values![SYSTEM.0]).await?;
        let now = (self.node.clock)();
        let mut seen = self.peers();
        let known = std::mem::take(&mut *seen);
        let mut dead = Vec::new();
        for row in rows {
            let (node, heartbeat, seen_at, skill) =
                (row.uuid("node")?, row.int("beat")?, row.int("seen_at")?, row.int("skill")?);
            let written_long_ago =
                now.timestamp_micros() - seen_at > STALE_ROW_AGE.num_microseconds().unwrap_or(0);
            let changed_at = match known.get(&node) {
                Some(known) if known.heartbeat == heartbeat => known.changed_at,
                Some(_) => Some(now),
                None => (!written_long_ago).then_some(now),
            };
            let lives = changed_at.is_some_and(|changed_at| now - changed_at < FAILURE_TIMEOUT);
            if written_long_ago && !lives && node != self.node.id {
                dead.push(node);
            }
            let (fold_version_sum, duties) = (skill.div_euclid(DUTIES), skill.rem_euclid(DUTIES));
            seen.insert(node, PeerState { heartbeat, fold_version_sum, duties, changed_at });
        }
        Ok(dead)
    }

    /// Whether a lease's owner is another node that lives.
    pub(crate) async fn is_other_alive(&self, db: &Db, owner: Option<Uuid>) -> Result<bool> {
        let Some(owner) = owner.filter(|owner| *owner != self.node.id) else { return Ok(false) };
        // It may have come since the last look, gone on, or left.
        self.look(&mut db.read(SYSTEM).await?).await?;
        Ok(self.lives(owner))
    }

    fn lives(&self, node: Uuid) -> bool {
        let now = (self.node.clock)();
        self.peers().get(&node).is_some_and(|peer| peer.lives(now))
    }

    #[cfg(test)]
    fn is_mine(&self, tenant: TenantId) -> bool {
        self.tends(tenant, Duty::Upkeep)
    }

    /// Whether a duty for a tenant, such as the work on its read models, is this node's: of all that live, have the duty and know
    /// the newest folds, every node finds the same one by itself (rendezvous hashing), and few tenants move when a node comes or goes.
    pub(crate) fn tends(&self, tenant: TenantId, duty: Duty) -> bool {
        let has = |duties: i64| duties & duty.bit() == duty.bit();
        if !has(self.duties()) {
            return false;
        }
        let now = (self.node.clock)();
        let seen = self.peers();
        let others = seen.iter().filter(|(node, peer)| **node != self.node.id && peer.lives(now));
        let able = others.filter(|(_, peer)| has(peer.duties));
        let best = able.map(|(node, peer)| (peer.fold_version_sum, weight(tenant, *node), *node)).max();
        best.is_none_or(|best| best < (self.fold_version_sum, weight(tenant, self.node.id), self.node.id))
    }

    /// Another number whenever tenants may have moved: for the nodes that live and what they tell of themselves.
    pub(crate) fn assignment(&self) -> u64 {
        let now = (self.node.clock)();
        let seen = self.peers();
        let live = seen.iter().filter(|(node, peer)| **node != self.node.id && peer.lives(now));
        let each = live.map(|(node, peer)| {
            let (a, b) = node.as_u64_pair();
            [a, b, peer.fold_version_sum.cast_unsigned(), peer.duties.cast_unsigned()]
                .into_iter()
                .fold(0, |mixed, part| mix(mixed ^ part))
        });
        each.fold(self.duties().cast_unsigned(), |all, one| all ^ one)
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<Uuid, PeerState>> {
        self.seen.lock()
    }
}

/// Says that nobody holds the lease of a read model, if this node did.
pub(crate) async fn release(
    transaction: &mut Transaction,
    id: ProjectionId,
    node: Option<Uuid>,
) -> Result<()> {
    transaction.execute(RELEASE, &values![id.tenant.0, id.projection, node]).await?;
    Ok(())
}

/// How much a node is for a tenant: evenly spread, and the same in every build of the program.
fn weight(tenant: TenantId, node: Uuid) -> u64 {
    let halves = |id: Uuid| id.as_u64_pair();
    let ((a, b), (c, d)) = (halves(tenant.0), halves(node));
    [a, b, c, d].into_iter().fold(0, |mixed, part| mix(mixed ^ part))
}

/// The finaliser of splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn nodes(id: u128, seconds: &Arc<AtomicI64>) -> Nodes {
        let seconds = Arc::clone(seconds);
        let clock: Clock =
            Arc::new(move || DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds.load(Ordering::Relaxed)));
        Nodes::new(Node { id: Uuid::from_u128(id), clock }, 3)
    }

    fn see(who: &Nodes, whom: u128, fold_version_sum: i64) {
        let changed_at = Some((who.node.clock)());
        let peer = PeerState { heartbeat: 1, fold_version_sum, duties: ALL_DUTIES, changed_at };
        who.peers().insert(Uuid::from_u128(whom), peer);
    }

    #[test]
    fn every_tenant_is_one_nodes_and_every_node_has_its_share() {
        let seconds = Arc::new(AtomicI64::new(0));
        let all = [1, 2, 3].map(|id| nodes(id, &seconds));
        for (who, whom) in all.iter().flat_map(|who| [1, 2, 3].map(|whom| (who, whom))) {
            see(who, whom, 3);
        }
        let mut shares = [0; 3];
        for tenant in 0..300 {
            let tenant = TenantId(Uuid::from_u128(tenant));
            let owners: Vec<usize> = (0..3).filter(|&node| all[node].is_mine(tenant)).collect();
            assert_eq!(owners.len(), 1, "{tenant}");
            shares[owners[0]] += 1;
        }
        assert!(shares.iter().all(|share| *share > 60), "{shares:?}");
    }

    #[test]
    fn a_silent_nodes_tenants_are_the_others_and_nobody_elses_move() {
        let seconds = Arc::new(AtomicI64::new(0));
        let all = [1, 2].map(|id| nodes(id, &seconds));
        for who in &all {
            (1..=3).for_each(|whom| see(who, whom, 3));
        }
        let tenants = (0..100).map(|tenant| TenantId(Uuid::from_u128(tenant)));
        let before: Vec<(TenantId, bool)> = tenants.map(|tenant| (tenant, all[0].is_mine(tenant))).collect();
        seconds.store(3, Ordering::Relaxed);
        for who in &all {
            (1..=2).for_each(|whom| see(who, whom, 3));
        }
        for (tenant, was_mine) in before {
            assert!(all[0].is_mine(tenant) || !was_mine, "{tenant} moved though its node lives");
            assert_ne!(all[0].is_mine(tenant), all[1].is_mine(tenant), "{tenant}");
        }
    }

    #[tokio::test]
    async fn a_dead_nodes_tenants_are_taken_by_its_fourth_missing_beat() {
        let folder = tempfile::TempDir::new().unwrap();
        let db = Db::sqlite(&folder.path().join("views"), crate::db::Commit::Lazy).await.unwrap();
        crate::storage::schema::create(&db).await.unwrap();
        let seconds = Arc::new(AtomicI64::new(0));
        let [dying, other] = [1, 2].map(|id| nodes(id, &seconds));
        let tenants = || (0..50).map(|tenant| TenantId(Uuid::from_u128(tenant)));
        for heartbeat in 1..=5 {
            seconds.fetch_add(1, Ordering::Relaxed);
            other.heartbeat(&db, heartbeat).await.unwrap();
            // At the worst moment for the other: right after it looked.
            dying.heartbeat(&db, heartbeat).await.unwrap();
        }
        let left = tenants().filter(|tenant| !other.is_mine(*tenant)).count();
        assert!(left > 10, "the dying node had its share");
        let mut heartbeats = 0;
        while tenants().any(|tenant| !other.is_mine(tenant)) {
            heartbeats += 1;
            assert!(heartbeats <= 4, "its tenants still wait");
            seconds.fetch_add(1, Ordering::Relaxed);
            other.heartbeat(&db, 5 + heartbeats).await.unwrap();
        }
        assert_eq!(heartbeats, 4, "a node that is slow by three heartbeats keeps its tenants");
        assert!(!other.is_other_alive(&db, Some(dying.me())).await.unwrap(), "and its leases may be taken");
    }

    #[tokio::test]
    async fn a_duty_that_a_node_declines_is_another_ones_for_every_tenant() {
        let folder = tempfile::TempDir::new().unwrap();
        let db = Db::sqlite(&folder.path().join("views"), crate::db::Commit::Lazy).await.unwrap();
        crate::storage::schema::create(&db).await.unwrap();
        let seconds = Arc::new(AtomicI64::new(0));
        let all = [1, 2, 3].map(|id| nodes(id, &seconds));
        all[0].decline(Duty::Automations);
        all[1].decline(Duty::Messages);
        for (heartbeat, node) in (1..=2).flat_map(|heartbeat| all.iter().map(move |node| (heartbeat, node))) {
            node.heartbeat(&db, heartbeat).await.unwrap();
        }
        for tenant in (0..100).map(|tenant| TenantId(Uuid::from_u128(tenant))) {
            let who = |duty| (0..3).filter(|node| all[*node].tends(tenant, duty)).collect::<Vec<usize>>();
            assert_eq!(who(Duty::Upkeep).len(), 1);
            let (acts, sends) = (who(Duty::Automations), who(Duty::Messages));
            assert!(
                acts.len() == 1 && acts[0] != 0 && sends.len() == 1 && sends[0] != 1,
                "{acts:?} {sends:?}"
            );
        }
    }

    #[tokio::test]
    async fn tenants_move_when_a_node_comes_or_falls_silent_and_that_is_told_by_one_number() {
        let folder = tempfile::TempDir::new().unwrap();
        let db = Db::sqlite(&folder.path().join("views"), crate::db::Commit::Lazy).await.unwrap();
        crate::storage::schema::create(&db).await.unwrap();
        let seconds = Arc::new(AtomicI64::new(0));
        let [one, other] = [1, 2].map(|id| nodes(id, &seconds));
        one.heartbeat(&db, 1).await.unwrap();
        let alone = one.assignment();
        other.heartbeat(&db, 1).await.unwrap();
        one.heartbeat(&db, 2).await.unwrap();
        let both = one.assignment();
        assert_ne!(both, alone);
        one.heartbeat(&db, 3).await.unwrap();
        assert_eq!(one.assignment(), both, "nothing happened");
        seconds.fetch_add(3, Ordering::Relaxed);
        assert_eq!(one.assignment(), alone, "the other fell silent");
    }

    #[test]
    fn the_work_is_theirs_who_know_the_newest_folds() {
        let me = nodes(1, &Arc::new(AtomicI64::new(0)));
        see(&me, 2, 4);
        assert!((0..50).all(|tenant| !me.is_mine(TenantId(Uuid::from_u128(tenant)))));
        see(&me, 2, 2);
        assert!((0..50).all(|tenant| me.is_mine(TenantId(Uuid::from_u128(tenant)))));
    }
}
