//! Reaches the server, and asks what it says of itself.

use std::str::FromStr;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};

use super::failure::unavailable;
use crate::{StoreError, traced};

/// How long a reader waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection idle for longer is asked for a sign of life before it is used. In the thick of things that question
/// would cost a third of the reads.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A database on a server.
#[derive(Clone)]
pub(super) struct Server(PgConnectOptions);

impl Server {
    /// # Errors
    /// [`StoreError::Unavailable`] when this is not a `postgres://` URL.
    pub(super) fn new(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(unavailable)?;
        Ok(Self(traced(options.application_name("waymark"))))
    }

    pub(super) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.0).await
    }

    /// Connections made when they are needed.
    pub(super) fn pool(&self, connections: u32) -> PgPool {
        PgPoolOptions::new()
            .max_connections(connections.max(1))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, about| {
                Box::pin(async move {
                    if about.idle_for > TRUSTED_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(self.0.clone())
    }
}
