//! Messages to the outside: webhooks for programs, robots for chat groups; and programs that fetch what happened themselves
//! (`consumers.rs`).
//!
//! What is sent is in the log already; here it is only delivered. Each receiver has a cursor: up to there the log was looked
//! through for it (`queue.rs`), and whatever concerns it has one row, written together with the moved cursor. Rows that are
//! due are claimed and sent, and the outcome is recorded (`deliver.rs`). A new receiver begins at the end of the
//! log, and a cursor is a position, so neither a file of the past nor a rebuilt read model sends anything again.
//!
//! What a crash leaves: before the row is written, a cursor that has not moved, so the event is looked at again; after the
//! row is claimed, a row that is due again when the claim expires. Whether the receiver heard the attempt that was under
//! way nobody knows, so it may hear it again: at least once, under the same id.

pub mod bucket;
pub mod client;
mod consumer_lag;
mod consumers;
mod deliver;
mod dispatcher;
pub mod endpoint;
pub mod guard;
mod known_receivers;
mod manage;
mod message;
mod queue;
mod receiver_event;
mod replay;
pub mod robot;
pub mod route;
pub mod schedule;
pub mod secret;
pub mod sign;
pub mod store;
#[cfg(test)]
mod tests;
pub mod text;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::ambient::RandomBelow;
use crate::app::App;
use crate::config::OutboundArgs;
use crate::eventstore::TenantId;
use bucket::Bucket;
use client::Client;
pub use consumer_lag::Lag;
pub use consumers::{Acknowledgement, ConsumerState, Consumers, NewConsumer};
pub use dispatcher::Dispatcher;
pub use manage::{MOST_RECEIVERS, NewRobot, NewWebhook, Rejected};
pub use receiver_event::recorded;
pub use replay::ReplaySelection;
pub use store::{OutboundError, OutboundStore};

/// Everything that messages are carried with.
pub struct Outbound {
    app: App,
    store: Arc<OutboundStore>,
    settings: OutboundArgs,
    client: Client,
    /// Names this process to the others that serve the same database.
    node: Uuid,
    chance: RandomBelow,
    /// The tenants of which it was looked whether every receiver has its row.
    looked: Mutex<HashSet<TenantId>>,
    /// How fast this process sent to each robot, whose lease it has while it does.
    buckets: Mutex<HashMap<(TenantId, Uuid), Vec<Bucket>>>,
}

impl Outbound {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        app: App,
        store: Arc<OutboundStore>,
        settings: OutboundArgs,
        client: Client,
        chance: RandomBelow,
    ) -> Self {
        let node = (app.ids)();
        Self {
            app,
            store,
            settings,
            client,
            node,
            chance,
            looked: Mutex::default(),
            buckets: Mutex::default(),
        }
    }

    /// The tables of receivers and messages.
    #[must_use]
    pub fn store(&self) -> &OutboundStore {
        &self.store
    }

    /// Who follows the logs, and how far.
    #[must_use]
    pub fn consumers(&self) -> Consumers {
        Consumers::new(self.app.clone(), self.store.clone())
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &OutboundArgs {
        &self.settings
    }
}
