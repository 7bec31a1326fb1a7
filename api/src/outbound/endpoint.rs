//! Where a tenant's messages go: webhooks of programs, robots of chat groups.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::bucket::Rate;
use crate::domain::Language;
use crate::eventstore::Position;

/// What kind of receiver it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReceiverKind)]
pub enum Kind {
    /// A program, by Standard Webhooks.
    Webhook,
    /// A robot of a WeCom (企业微信) group.
    Wecom,
    /// A robot of a DingTalk (钉钉) group.
    Dingtalk,
    /// A robot of a Feishu (飞书) group.
    Feishu,
}

impl Kind {
    /// The word for it: for a robot also the channel of the reminders that it carries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Wecom => "wecom",
            Self::Dingtalk => "dingtalk",
            Self::Feishu => "feishu",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Webhook, Self::Wecom, Self::Dingtalk, Self::Feishu]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// Whether it is a robot.
    #[must_use]
    pub fn is_robot(self) -> bool {
        self != Self::Webhook
    }

    /// The longest text of one message, in bytes of UTF-8: WeCom's limit is 2,048 for a text; Feishu's is 20 KB for the
    /// whole document, in which a text may grow to twice its length; DingTalk names none, and nobody reads more.
    #[must_use]
    pub fn longest_text(self) -> usize {
        match self {
            Self::Wecom => 2_048,
            Self::Webhook | Self::Dingtalk => 4_096,
            Self::Feishu => 8_192,
        }
    }

    /// How fast messages may be sent to a robot: 20 messages a minute (WeCom, DingTalk); 100 a minute and 5 a second (Feishu).
    /// Each limit is what the burst and the refill of a period add up to.
    #[must_use]
    pub fn rates(self) -> Vec<Rate> {
        let rate = |burst, millis| Rate { burst, every: chrono::TimeDelta::milliseconds(millis) };
        match self {
            Self::Webhook => Vec::new(),
            Self::Wecom | Self::Dingtalk => vec![rate(10, 6_000)],
            Self::Feishu => vec![rate(40, 1_000), rate(2, 334)],
        }
    }
}

/// A receiver as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Names it.
    pub id: Uuid,
    /// What it is.
    pub kind: Kind,
    /// What it is for, in words.
    pub description: Option<String>,
    /// Whether it receives personal fields.
    pub include_personal: bool,
    /// Where a webhook is.
    pub url: Option<String>,
    /// Which types of event a webhook receives; all of them where none is named.
    pub types: Vec<String>,
    /// Whose reminders a robot carries: this rep's, by name such as `li`.
    pub member: Option<String>,
    /// Whose reminders a robot carries: this team's. With neither it is the tenant's default.
    pub team: Option<String>,
    /// The language of a robot's texts.
    pub language: Language,
    /// What signs, sealed.
    pub secret: Vec<u8>,
    /// What signed before and signs beside it, sealed, until when.
    pub former: Option<(Vec<u8>, DateTime<Utc>)>,
    /// When it was set up.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: String,
    /// Since when nothing is sent there, and why.
    pub disabled: Option<(DateTime<Utc>, String)>,
    /// Up to where the log was looked through for it.
    pub cursor: Position,
}

/// The state of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DeliveryState)]
pub enum State {
    /// It waits for its first attempt.
    Pending,
    /// The receiver took it.
    Delivered,
    /// The last attempt failed; another follows.
    Failed,
    /// Every attempt failed: it waits for a replay.
    Dead,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }

    /// The state of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Failed, Self::Dead]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// One event on its way to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub endpoint: Uuid,
    /// Where the event stands in the log.
    pub position: Position,
    /// The event.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// Which of the reminders that the event tells a robot carries, each counted from 0; nothing for a webhook.
    pub parts: Vec<u32>,
    /// Its state.
    pub state: State,
    /// How many attempts were made.
    pub attempts: u32,
    /// When the next is due; none when there will be none.
    pub next_at: Option<DateTime<Utc>>,
    /// What the receiver answered last, as an HTTP status.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was queued.
    pub queued_at: DateTime<Utc>,
    /// When anything was last recorded of it.
    pub changed_at: DateTime<Utc>,
    /// Counts claims: only the last one may record the outcome.
    pub epoch: u64,
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn every_word_is_read_again() {
        for kind in [Kind::Webhook, Kind::Wecom, Kind::Dingtalk, Kind::Feishu] {
            assert_eq!(Kind::of(kind.as_str()), Some(kind));
        }
        for state in [State::Pending, State::Delivered, State::Failed, State::Dead] {
            assert_eq!(State::of(state.as_str()), Some(state));
        }
        assert_eq!((Kind::of("sms"), State::of("lost"), Language::parse("fr")), (None, None, None));
    }

    #[test]
    fn the_rates_add_up_to_the_limits_of_the_platforms() {
        let most = |kind: Kind, period: TimeDelta| {
            let most = |rate: &Rate| {
                i64::from(rate.burst) + period.num_milliseconds() / rate.every.num_milliseconds()
            };
            kind.rates().iter().map(most).min()
        };
        assert_eq!(most(Kind::Wecom, TimeDelta::minutes(1)), Some(20));
        assert_eq!(most(Kind::Dingtalk, TimeDelta::minutes(1)), Some(20));
        assert_eq!(most(Kind::Feishu, TimeDelta::minutes(1)), Some(100));
        assert!(most(Kind::Feishu, TimeDelta::seconds(1)) <= Some(5));
        assert_eq!(most(Kind::Webhook, TimeDelta::minutes(1)), None);
    }
}
