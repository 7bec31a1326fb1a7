//! Moves tenants from one installation to another, whichever engines they are on.
//!
//! Entries first, page by page onto a log that must be the beginning of the source's own; then what stands beside them;
//! then everything is compared; and last come the callers and the tenant's name. Until then nobody can call the tenant
//! where it is moved to, so a move that was broken off is gone on with by moving again.

use uuid::Uuid;
use waymark_eventstore::ledger::root_at;
use waymark_eventstore::{BlindTag, Head, Parcel, StoreError, TenantId};

use crate::app::AppError;
use crate::auth::store::AdminError;
use crate::installation::{Installation, InstallationError};

/// Why a tenant was not moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MoveError {
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
    /// The read models failed.
    #[error(transparent)]
    Installation(#[from] InstallationError),
    /// The read models failed.
    #[error(transparent)]
    Projections(#[from] waymark_projections::ProjectionError),
}

/// What was moved of a tenant, and compared.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) entries: u64,
    /// How many entries were there before, of an earlier move.
    pub(crate) known: u64,
    pub(crate) root: [u8; 32],
    pub(crate) receipts: u64,
    pub(crate) keys: u64,
    pub(crate) blind_tags: u64,
    pub(crate) checkpoints: u64,
    pub(crate) callers: u64,
}

/// A tenant on its way.
pub(crate) struct Move<'a> {
    pub(crate) from: &'a Installation,
    pub(crate) to: &'a Installation,
    pub(crate) name: &'a str,
    pub(crate) tenant: TenantId,
    /// How much goes in one transaction.
    pub(crate) page: u32,
}

impl Move<'_> {
    /// Moves the tenant, or what is missing of it.
    ///
    /// # Errors
    /// [`MoveError::Occupied`] when the target has another log under this name or id; [`MoveError::Differs`] when the
    /// source was written to meanwhile, or what arrived is not what was sent.
    pub(crate) async fn run(&self, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<Moved, MoveError> {
        // What a former program did not record goes into the log first, so that it comes along.
        self.from.app.rights.fresh(self.tenant).await?;
        let goal = self.from.store.head(self.tenant).await?;
        let known = self.place(&goal).await?;
        self.entries(&goal, progress).await?;
        self.beside().await?;
        let mut moved = Moved { entries: goal.position, known, root: goal.root, ..Moved::default() };
        self.compare(&goal, &mut moved).await?;
        self.read_models().await?;
        // The log tells the target who may call.
        let (rights, _) = self.to.app.rights.fresh(self.tenant).await?;
        moved.callers = (rights.keys.len() + rights.members.len()) as u64;
        self.from.admin().hand_over(self.name, self.tenant, self.to.admin()).await?;
        Ok(moved)
    }

    /// How many entries are at the target already.
    async fn place(&self, goal: &Head) -> Result<u64, MoveError> {
        let Self { name, tenant, .. } = self;
        if self.to.admin().tenant(name).await?.is_some_and(|known| known != *tenant) {
            return Err(MoveError::Occupied(format!("the target has another tenant of the name {name}")));
        }
        let there = self.to.store.head(*tenant).await?;
        if there.position == 0 {
            return Ok(0);
        }
        if there.position > goal.position
            || root_at(&*self.from.store, *tenant, there.position).await? != there.root
        {
            let size = there.position;
            return Err(MoveError::Occupied(format!(
                "the target's log of tenant {name} has {size} entries that are not the first {size} of the source"
            )));
        }
        Ok(there.position)
    }

    async fn entries(
        &self,
        goal: &Head,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<(), MoveError> {
        loop {
            let there = self.to.store.head(self.tenant).await?;
            progress(there.position, goal.position);
            let left = u32::try_from(goal.position.saturating_sub(there.position)).unwrap_or(u32::MAX);
            if left == 0 {
                return Ok(());
            }
            let entries = self.from.store.read(self.tenant, there.position, self.page.min(left)).await?;
            let parcel = Parcel { entries, ..Parcel::new(there.position, there.root) };
            if parcel.entries.is_empty() {
                let what = format!("the source has no entry after {}, and its head says so", there.position);
                return Err(MoveError::Differs(what));
            }
            self.to.store.adopt(self.tenant, parcel).await?;
        }
    }

    /// Blind tags, receipts and keys, which may be there in part.
    async fn beside(&self) -> Result<(), MoveError> {
        let (tenant, limit) = (self.tenant, self.page);
        let (from, to) = (&self.from.store, &self.to.store);
        let head = to.head(tenant).await?;
        let parcel = || Parcel::new(head.position, head.root);
        if let Some(key) = from.stored_tenant_key(tenant).await?
            && to.tenant_key(tenant, key.clone()).await? != key
        {
            return Err(MoveError::Occupied(format!("the target has another key of tenant {}", self.name)));
        }
        let mut last = BlindTag::before_all();
        loop {
            let blind_tags = from.blind_tags(tenant, &last, limit).await?;
            let Some(tag) = blind_tags.last() else { break };
            last = tag.clone();
            to.adopt(tenant, Parcel { blind_tags, ..parcel() }).await?;
        }
        let mut last = String::new();
        loop {
            let receipts = from.receipts(tenant, &last, limit).await?;
            let Some((command_id, _)) = receipts.last() else { break };
            last.clone_from(command_id);
            to.adopt(tenant, Parcel { receipts, ..parcel() }).await?;
        }
        let mut last = Uuid::nil();
        loop {
            let keys = from.keys(tenant, last, limit).await?;
            let Some(key) = keys.last() else { break };
            last = key.subject;
            to.adopt(tenant, Parcel { keys, ..parcel() }).await?;
        }
        let erasures = from.erasures(tenant).await?;
        to.adopt(tenant, Parcel { erasures, ..parcel() }).await?;
        for (size, note) in from.checkpoints(tenant).await? {
            to.save_checkpoint(tenant, size, &note).await?;
        }
        Ok(())
    }

    /// Everything at the source beside everything at the target.
    async fn compare(&self, goal: &Head, moved: &mut Moved) -> Result<(), MoveError> {
        let (tenant, limit) = (self.tenant, self.page);
        let (from, to) = (&self.from.store, &self.to.store);
        if from.head(tenant).await? != *goal {
            let what = "the source was written to meanwhile: stop what writes to it, and copy again";
            return Err(MoveError::Differs(what.to_owned()));
        }
        self.same("the head and the root", &to.head(tenant).await?, goal)?;
        let erasures = from.erasures(tenant).await?;
        self.same("the count of erasures", &to.erasures(tenant).await?, &erasures)?;
        let key = from.stored_tenant_key(tenant).await?;
        self.same("the tenant's key", &to.stored_tenant_key(tenant).await?, &key)?;
        let notes = from.checkpoints(tenant).await?;
        let arrived = to.checkpoints(tenant).await?;
        self.same("the checkpoints", &notes.iter().all(|note| arrived.contains(note)), &true)?;
        moved.checkpoints = notes.len() as u64;
        let mut last = BlindTag::before_all();
        loop {
            let page = from.blind_tags(tenant, &last, limit).await?;
            self.same("the blind tags", &to.blind_tags(tenant, &last, limit).await?, &page)?;
            let Some(tag) = page.last() else { break };
            last = tag.clone();
            moved.blind_tags += page.len() as u64;
        }
        let mut last = String::new();
        loop {
            let page = from.receipts(tenant, &last, limit).await?;
            self.same("the receipts", &to.receipts(tenant, &last, limit).await?, &page)?;
            let Some((command_id, _)) = page.last() else { break };
            last.clone_from(command_id);
            moved.receipts += page.len() as u64;
        }
        let mut last = Uuid::nil();
        loop {
            let page = from.keys(tenant, last, limit).await?;
            self.same("the data keys", &to.keys(tenant, last, limit).await?, &page)?;
            let Some(key) = page.last() else { break };
            last = key.subject;
            moved.keys += page.len() as u64;
        }
        Ok(())
    }

    /// Folds the read models at both ends: the same log has the same rows.
    async fn read_models(&self) -> Result<(), MoveError> {
        let (from, to) = (&self.from.app.projections, &self.to.app.projections);
        self.from.catch_up(self.tenant, |_, _| {}).await?;
        self.to.catch_up(self.tenant, |_, _| {}).await?;
        for name in from.names() {
            let (theirs, ours) = (from.dump(self.tenant, name).await?, to.dump(self.tenant, name).await?);
            self.same(&format!("the read model {name}"), &ours, &theirs)?;
        }
        Ok(())
    }

    fn same<T: PartialEq>(&self, what: &str, arrived: &T, sent: &T) -> Result<(), MoveError> {
        if arrived == sent {
            return Ok(());
        }
        Err(MoveError::Differs(format!("{what} of tenant {} did not arrive as they were sent", self.name)))
    }
}
