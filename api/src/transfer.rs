//! Moves tenants from one installation to another, whichever engines they are on.
//!
//! Entries first, page by page onto a log that must be the beginning of the source's own; then the side tables;
//! then everything is compared; and last come the callers and the tenant's name. Until then nobody can call the tenant
//! where it is moved to, so a move that was broken off is gone on with by moving again.

use uuid::Uuid;
use waymark_eventstore::ledger::root_at;
use waymark_eventstore::{BlindTag, Head, StoreError, TenantId, TransferChunk};

use crate::app::AppError;
use crate::auth::store::AdminError;
use crate::installation::{Installation, InstallationError};
use crate::outbound::OutboundError;

/// Why a tenant was not moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransferError {
    /// What is there is not what was moved before.
    #[error("{0}; nothing of it was changed")]
    Occupied(String),
    /// What arrived is not what is at the source.
    #[error("{0}")]
    Differs(String),
    /// A log failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The callers' tables failed.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// It cannot be told who may call.
    #[error(transparent)]
    App(#[from] AppError),
    /// It cannot be told how far consumers have come.
    #[error(transparent)]
    Consumers(#[from] OutboundError),
    /// The read models failed.
    #[error(transparent)]
    Installation(#[from] InstallationError),
    /// The read models failed.
    #[error(transparent)]
    Projections(#[from] waymark_projections::ProjectionError),
}

/// What was moved of a tenant, and compared.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct TransferReport {
    pub(crate) entries: u64,
    /// How many entries were there before, of an earlier move.
    pub(crate) known: u64,
    pub(crate) root: [u8; 32],
    pub(crate) receipts: u64,
    pub(crate) keys: u64,
    pub(crate) blind_tags: u64,
    pub(crate) checkpoints: u64,
    pub(crate) callers: u64,
    /// How many entries the log of who read what has at the source; none where the target has another.
    pub(crate) access_entries: Option<u64>,
}

/// A tenant on its way.
pub(crate) struct TenantTransfer<'a> {
    pub(crate) from: &'a Installation,
    pub(crate) to: &'a Installation,
    pub(crate) name: &'a str,
    pub(crate) tenant: TenantId,
    /// How much goes in one transaction.
    pub(crate) page: u32,
}

impl TenantTransfer<'_> {
    /// Moves the tenant, or what is missing of it.
    ///
    /// # Errors
    /// [`TransferError::Occupied`] when the target has another log under this name or id; [`TransferError::Differs`] when the
    /// source was written to meanwhile, or what arrived is not what was sent.
    pub(crate) async fn run(
        &self,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<TransferReport, TransferError> {
        // What a former program did not record goes into the log first, so that it comes along.
        self.from.app.rights.fresh(self.tenant).await?;
        let goal = self.from.store.head(self.tenant).await?;
        let known = self.place(&goal).await?;
        self.entries(&goal, progress).await?;
        self.copy_side_tables().await?;
        let mut report =
            TransferReport { entries: goal.position, known, root: goal.root, ..TransferReport::default() };
        self.compare(&goal, &mut report).await?;
        self.read_models().await?;
        // The log tells the target who may call.
        let (rights, _) = self.to.app.rights.fresh(self.tenant).await?;
        self.consumers().await?;
        report.access_entries = self.access_log().await?;
        report.callers = (rights.keys.len() + rights.members.len()) as u64;
        self.from.admin().hand_over(self.name, self.tenant, self.to.admin()).await?;
        Ok(report)
    }

    /// Moves the log of who read what, as far as it goes now: reading goes on meanwhile. Where the target has reads of its own
    /// beside those of the source, each keeps its own, and `None` is answered.
    async fn access_log(&self) -> Result<Option<u64>, TransferError> {
        let log = TenantTransfer { tenant: self.tenant.access_log(), ..*self };
        let (from, to) = (&log.from.store, &log.to.store);
        let (goal, there) = (from.head(log.tenant).await?, to.head(log.tenant).await?);
        let common = goal.position.min(there.position);
        if common > 0
            && root_at(&**from, log.tenant, common).await? != root_at(&**to, log.tenant, common).await?
        {
            return Ok(None);
        }
        if there.position < goal.position {
            log.entries(&goal, &|_, _| {}).await?;
            self.same("the access log", &to.head(log.tenant).await?, &goal)?;
        }
        for (size, note) in from.checkpoints(log.tenant).await? {
            if size <= goal.position {
                to.save_checkpoint(log.tenant, size, &note).await?;
            }
        }
        Ok(Some(goal.position))
    }

    /// What consumers have acknowledged goes along, so that none gets again what it has had. It only moves forward: what the
    /// target has of an earlier move is no hindrance.
    async fn consumers(&self) -> Result<(), TransferError> {
        let (from, to) = (self.from.consumers(), self.to.consumers());
        for consumer in from.all(self.tenant).await? {
            to.adopt(self.tenant, &consumer).await?;
        }
        self.same("what consumers acknowledged", &to.all(self.tenant).await?, &from.all(self.tenant).await?)
    }

    /// How many entries are at the target already.
    async fn place(&self, goal: &Head) -> Result<u64, TransferError> {
        let Self { name, tenant, .. } = self;
        if self.to.admin().tenant(name).await?.is_some_and(|known| known != *tenant) {
            return Err(TransferError::Occupied(format!("the target has another tenant of the name {name}")));
        }
        let there = self.to.store.head(*tenant).await?;
        if there.position == 0 {
            return Ok(0);
        }
        if there.position > goal.position
            || root_at(&*self.from.store, *tenant, there.position).await? != there.root
        {
            let size = there.position;
            return Err(TransferError::Occupied(format!(
                "the target's log of tenant {name} has {size} entries that are not the first {size} of the source"
            )));
        }
        Ok(there.position)
    }

    async fn entries(
        &self,
        goal: &Head,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<(), TransferError> {
        loop {
            let there = self.to.store.head(self.tenant).await?;
            progress(there.position, goal.position);
            let left = u32::try_from(goal.position.saturating_sub(there.position)).unwrap_or(u32::MAX);
            if left == 0 {
                return Ok(());
            }
            let entries = self.from.store.read(self.tenant, there.position, self.page.min(left)).await?;
            let chunk = TransferChunk { entries, ..TransferChunk::new(there.position, there.root) };
            if chunk.entries.is_empty() {
                let what = format!("the source has no entry after {}, and its head says so", there.position);
                return Err(TransferError::Differs(what));
            }
            self.to.store.import_chunk(self.tenant, chunk).await?;
        }
    }

    /// Blind tags, receipts and keys, which may be there in part.
    async fn copy_side_tables(&self) -> Result<(), TransferError> {
        let (tenant, limit) = (self.tenant, self.page);
        let (from, to) = (&self.from.store, &self.to.store);
        let head = to.head(tenant).await?;
        let chunk = || TransferChunk::new(head.position, head.root);
        if let Some(key) = from.stored_tenant_key(tenant).await?
            && to.tenant_key(tenant, key.clone()).await? != key
        {
            return Err(TransferError::Occupied(format!(
                "the target has another key of tenant {}",
                self.name
            )));
        }
        let mut last = BlindTag::before_all();
        loop {
            let blind_tags = from.blind_tags(tenant, &last, limit).await?;
            let Some(tag) = blind_tags.last() else { break };
            last = tag.clone();
            to.import_chunk(tenant, TransferChunk { blind_tags, ..chunk() }).await?;
        }
        let mut last = String::new();
        loop {
            let receipts = from.receipts(tenant, &last, limit).await?;
            let Some((command_id, _)) = receipts.last() else { break };
            last.clone_from(command_id);
            to.import_chunk(tenant, TransferChunk { receipts, ..chunk() }).await?;
        }
        let mut last = Uuid::nil();
        loop {
            let keys = from.keys(tenant, last, limit).await?;
            let Some(key) = keys.last() else { break };
            last = key.subject;
            to.import_chunk(tenant, TransferChunk { keys, ..chunk() }).await?;
        }
        let erasures = from.erasures(tenant).await?;
        to.import_chunk(tenant, TransferChunk { erasures, ..chunk() }).await?;
        for (size, note) in from.checkpoints(tenant).await? {
            to.save_checkpoint(tenant, size, &note).await?;
        }
        Ok(())
    }

    /// Everything at the source beside everything at the target.
    async fn compare(&self, goal: &Head, report: &mut TransferReport) -> Result<(), TransferError> {
        let (tenant, limit) = (self.tenant, self.page);
        let (from, to) = (&self.from.store, &self.to.store);
        if from.head(tenant).await? != *goal {
            let what = "the source was written to meanwhile: stop what writes to it, and copy again";
            return Err(TransferError::Differs(what.to_owned()));
        }
        self.same("the head and the root", &to.head(tenant).await?, goal)?;
        let erasures = from.erasures(tenant).await?;
        self.same("the count of erasures", &to.erasures(tenant).await?, &erasures)?;
        let key = from.stored_tenant_key(tenant).await?;
        self.same("the tenant's key", &to.stored_tenant_key(tenant).await?, &key)?;
        let notes = from.checkpoints(tenant).await?;
        let arrived = to.checkpoints(tenant).await?;
        self.same("the checkpoints", &notes.iter().all(|note| arrived.contains(note)), &true)?;
        report.checkpoints = notes.len() as u64;
        let mut last = BlindTag::before_all();
        loop {
            let page = from.blind_tags(tenant, &last, limit).await?;
            self.same("the blind tags", &to.blind_tags(tenant, &last, limit).await?, &page)?;
            let Some(tag) = page.last() else { break };
            last = tag.clone();
            report.blind_tags += page.len() as u64;
        }
        let mut last = String::new();
        loop {
            let page = from.receipts(tenant, &last, limit).await?;
            self.same("the receipts", &to.receipts(tenant, &last, limit).await?, &page)?;
            let Some((command_id, _)) = page.last() else { break };
            last.clone_from(command_id);
            report.receipts += page.len() as u64;
        }
        let mut last = Uuid::nil();
        loop {
            let page = from.keys(tenant, last, limit).await?;
            self.same("the data keys", &to.keys(tenant, last, limit).await?, &page)?;
            let Some(key) = page.last() else { break };
            last = key.subject;
            report.keys += page.len() as u64;
        }
        Ok(())
    }

    /// Folds the read models at both ends: the same log has the same rows.
    async fn read_models(&self) -> Result<(), TransferError> {
        let (from, to) = (&self.from.app.projections, &self.to.app.projections);
        self.from.catch_up(self.tenant, |_, _| {}).await?;
        self.to.catch_up(self.tenant, |_, _| {}).await?;
        for name in from.names() {
            let (theirs, ours) = (from.dump(self.tenant, name).await?, to.dump(self.tenant, name).await?);
            self.same(&format!("the read model {name}"), &ours, &theirs)?;
        }
        Ok(())
    }

    fn same<T: PartialEq>(&self, what: &str, arrived: &T, sent: &T) -> Result<(), TransferError> {
        if arrived == sent {
            return Ok(());
        }
        Err(TransferError::Differs(format!(
            "{what} of tenant {} did not arrive as they were sent",
            self.name
        )))
    }
}
