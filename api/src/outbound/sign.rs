//! How each receiver is shown that a message is ours: pure functions of a secret, an instant and a body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The bytes that SHA-256 takes at a time, to which HMAC fits its key.
const BLOCK: usize = 64;

/// A signature of Standard Webhooks v1: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. The timestamp is
/// that of the attempt, in seconds since 1970. Source: the Standard Webhooks specification, "Signature scheme".
#[must_use]
pub fn webhook(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let head = format!("{id}.{timestamp}.");
    format!("v1,{}", STANDARD.encode(hmac(key, &[head.as_bytes(), body])))
}

/// The sign of a DingTalk robot before it is percent-encoded: base64 of HMAC-SHA256 over `MS\nsecret` with the secret as
/// key, the instant in milliseconds. Source: DingTalk, custom robots, security settings.
#[must_use]
pub fn dingtalk(secret: &str, millis: i64) -> String {
    STANDARD.encode(hmac(secret.as_bytes(), &[format!("{millis}\n{secret}").as_bytes()]))
}

/// The sign of a Feishu robot: base64 of HMAC-SHA256 over nothing with `S\nsecret` as key, the instant in seconds.
/// Source: Feishu, custom bots, signature verification.
#[must_use]
pub fn feishu(secret: &str, seconds: i64) -> String {
    STANDARD.encode(hmac(format!("{seconds}\n{secret}").as_bytes(), &[]))
}

/// HMAC-SHA256 (RFC 2104). The key is fitted to the block here, so that no length of it can fail.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::query::percent_encoded;
    use crate::outbound::secret::WebhookKey;

    #[test]
    fn a_webhook_is_signed_as_the_published_vector() {
        let key = WebhookKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"type":"customer.stage_changed"}"#;
        let signature = webhook(key.bytes(), "msg_1", 1_700_000_000, body);
        assert_eq!(signature, "v1,B0kb3XVbLFJL+0kkazacDUCJ2P0Dbl50A0RefOkgs7k=");
    }

    #[test]
    fn a_dingtalk_robot_is_signed_as_the_published_vector() {
        let sign = dingtalk("SECtest0123456789", 1_700_000_000_000);
        assert_eq!(sign, "yBKp5IlG6qCzcQWmgyRK/ziJBdVNJmHfFE2ST/CzT/g=");
        assert_eq!(percent_encoded(&sign), "yBKp5IlG6qCzcQWmgyRK%2FziJBdVNJmHfFE2ST%2FCzT%2Fg%3D");
    }

    #[test]
    fn a_feishu_robot_is_signed_as_the_published_vector() {
        assert_eq!(feishu("feishuSecret01", 1_700_000_000), "HkzvGM/wxrFVyV2J/bdu0cg/xGEP/qvqLISotukzkx4=");
    }

    /// RFC 4231, test cases 2 and 6: a short key, and one longer than a block.
    #[test]
    fn hmac_is_that_of_the_rfc_for_short_and_long_keys() {
        let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(hmac(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"])),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
