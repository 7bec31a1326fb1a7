//! What signs: the keys of webhooks, and the tokens and secrets of robots. None of them has a readable `Debug`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// What the text of a webhook's key begins with (Standard Webhooks).
const PREFIX: &str = "whsec_";
/// Bytes of a key that is made here.
pub const KEY_BYTES: usize = 32;

/// A key that signs a webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookKey(Vec<u8>);

impl WebhookKey {
    /// A key of these random bytes.
    #[must_use]
    pub fn new(random: [u8; KEY_BYTES]) -> Self {
        Self(random.to_vec())
    }

    /// Reads a key as it is shown; none where the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text.strip_prefix(PREFIX)?).ok().map(Self)
    }

    /// The bytes that sign.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as it is shown, once: `whsec_` and base64.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey")
    }
}

/// What a robot is called with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotSecret {
    /// Names the robot to its platform: `key` of WeCom, `access_token` of DingTalk, the last part of Feishu's address.
    pub token: String,
    /// Signs, where the robot was set up to ask for it.
    pub secret: Option<String>,
}

impl fmt::Debug for RobotSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RobotSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_again_from_its_text() {
        let key = WebhookKey::new([7; KEY_BYTES]);
        assert_eq!(WebhookKey::parse(&key.text()), Some(key.clone()));
        for text in ["", "whsec_", "whsec", "whsec_!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(WebhookKey::parse(text).is_none_or(|key| key.bytes().is_empty()), "{text}");
        }
    }

    #[test]
    fn nothing_secret_is_shown_when_it_is_printed() {
        let robot = RobotSecret { token: "t0ken".to_owned(), secret: Some("s3cret".to_owned()) };
        let printed = format!("{robot:?} {:?}", WebhookKey::new([7; KEY_BYTES]));
        assert_eq!(printed, "RobotSecret WebhookKey");
    }
}
