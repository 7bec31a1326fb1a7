//! The log on either engine, as an installation holds it.

use async_trait::async_trait;
use waymark_eventstore::{PostgresStore, Rekeyable, SqliteStore, StoreError};

/// A log that can be written, proved, moved, rewrapped, and asked whether the engine finds it whole.
#[async_trait]
pub trait Log: Rekeyable {
    /// `ok`, or the first fault that the engine finds.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn integrity(&self) -> Result<String, StoreError>;
}

#[async_trait]
impl Log for SqliteStore {
    async fn integrity(&self) -> Result<String, StoreError> {
        Self::integrity(self).await
    }
}

#[async_trait]
impl Log for PostgresStore {
    async fn integrity(&self) -> Result<String, StoreError> {
        Self::integrity(self).await
    }
}
