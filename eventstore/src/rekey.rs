//! Changes how stored keys are wrapped, while the log is written.
//!
//! No entry changes, nor what any key opens. A change is whole or not at all, and compares what is stored with what it takes the
//! place of: one that comes too late changes nothing.

use std::sync::Arc;

use async_trait::async_trait;

use crate::vault::RewrappedKey;
use crate::{StoreError, TenantId, Transferable};

/// A blind tag as the new key makes it; none where it is no blind tag.
pub type Retag = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A change of how keys are wrapped.
pub enum Rekeying {
    /// The tenant's own key is stored in another form. Counts as an erasure ([`crate::EventStore::erasures`]): what processes
    /// remember of it is read again, and appends by what they remembered are refused.
    TenantKey {
        /// As it is stored.
        stored: Vec<u8>,
        /// As it is stored from now on.
        wrapped: Vec<u8>,
        /// What its blind tags are from now on, where it blinds otherwise. They change with it, all at once.
        retag: Option<Retag>,
    },
    /// Data keys are wrapped by another key of the tenant.
    DataKeys(Vec<RewrappedKey>),
}

/// A log whose keys can be rewrapped.
#[async_trait]
pub trait Rekeyable: Transferable {
    /// Changes how keys are wrapped. False when the tenant's key is stored in a third form: nothing is changed then.
    ///
    /// # Errors
    /// When a blind tag cannot be made again, or the database cannot be written.
    async fn rekey(&self, tenant: TenantId, rekeying: Rekeying) -> Result<bool, StoreError>;
}

/// The blind tags `(tag, position, type, subject)` as they are from now on.
///
/// # Errors
/// [`StoreError::Damaged`] at the first that is none.
pub(crate) fn retagged<S>(
    tags: Vec<(String, u64, String, S)>,
    retag: &Retag,
) -> Result<Vec<(String, u64, String, S)>, StoreError> {
    let tags = tags.into_iter().map(|(tag, position, event_type, subject)| {
        let what = "what is stored as a blind tag is none";
        let tag = retag(&tag).ok_or_else(|| StoreError::Damaged { position, what: what.to_owned() })?;
        Ok((tag, position, event_type, subject))
    });
    tags.collect()
}
