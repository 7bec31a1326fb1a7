//! Receivers of messages, as events tell of them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where messages go: a webhook of a program or a robot of a chat group, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// Names it.
    pub id: Uuid,
    /// `webhook`, or the platform of a robot: `wecom`, `dingtalk`, `feishu`.
    pub kind: String,
    /// The host of a webhook. The rest of its address may be a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The types of event that a webhook is told; all of them where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Whose reminders a robot carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Which team's reminders a robot carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whether it is told what is personal.
    pub include_personal: bool,
    /// SHA-256, in hexadecimal, of everything that was set up but for the secrets, the whole address included.
    pub digest: String,
}

/// Messages go to a receiver from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverCreated {
    /// The receiver.
    pub receiver: Receiver,
    /// The credential that was used, such as `key:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// A receiver that was set up before such events were recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverAdopted {
    /// The receiver.
    pub receiver: Receiver,
    /// Why nothing is sent there; none where it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_because: Option<String>,
}

/// No message goes to a receiver any more, and its secrets are forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverDeleted {
    /// Which.
    pub id: Uuid,
    /// The credential that was used, such as `key:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Messages to a webhook are signed with another key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverKeyRotated {
    /// Which webhook.
    pub id: Uuid,
    /// The credential that was used, such as `key:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Messages go to a receiver again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverEnabled {
    /// Which.
    pub id: Uuid,
    /// The credential that was used, such as `key:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// No message goes to a receiver until somebody enables it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverDisabled {
    /// Which.
    pub id: Uuid,
    /// Why.
    pub because: String,
}
