//! What can be asked about members, API keys, receivers and consumers.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::actor::Role;
use crate::company::event::{Consumer, Key, Pass, Receiver};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RightsCommand {
    /// An API key is made.
    CreateKey(Key),
    /// An API key is revoked.
    RevokeKey {
        /// Which.
        id: Uuid,
        /// Why.
        reason: Option<String>,
    },
    /// A member has these roles, replacing the former ones.
    SetRoles {
        /// Who.
        actor: String,
        /// Which roles.
        roles: BTreeSet<Role>,
    },
    /// A member is a member no longer.
    RemoveMember {
        /// Who.
        actor: String,
        /// Why.
        reason: Option<String>,
    },
    /// Nobody can read any more from where a person's commands came.
    EraseEndpoints {
        /// Who.
        actor: String,
        /// The subject of the key that it is sealed under; none where nothing is.
        key: Option<Uuid>,
        /// Why.
        reason: String,
    },
    /// Somebody may sign in once.
    CreateSignInLink(Pass),
    /// Somebody signs in by a link, or by an API key.
    OpenSession {
        /// The session.
        session: Pass,
        /// The link by which.
        link: Option<Uuid>,
        /// The API key by which.
        key: Option<Uuid>,
        /// The present.
        at: DateTime<Utc>,
    },
    /// Somebody signs out.
    EndSession(Uuid),
    /// Messages go to a receiver.
    CreateReceiver(Receiver),
    /// No message goes there any more.
    DeleteReceiver(Uuid),
    /// Another key signs what goes there.
    RotateReceiverKey(Uuid),
    /// Messages go there again.
    EnableReceiver(Uuid),
    /// No message goes there until somebody enables it.
    DisableReceiver {
        /// Which.
        id: Uuid,
        /// Why.
        because: String,
    },
    /// A program follows the log.
    CreateConsumer(Consumer),
    /// It begins again after a position.
    ResetConsumer {
        /// Which.
        id: Uuid,
        /// After which position.
        position: u64,
    },
    /// It follows no more.
    DeleteConsumer(Uuid),
}
