//! Tokens signed by somebody else: JSON Web Tokens (RFC 7519) that say who calls.
//!
//! Nothing is fetched. The issuer's keys are a file, looked at again when it changes; a file that cannot be read any
//! more is logged once, and the keys that were go on.

mod fault;
mod keys;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::scope::Scope;
use crate::domain::{Actor, Role};
pub use fault::TokenFault;
use keys::Keys;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;
/// The longest name of an actor, in characters.
const LONGEST_ACTOR: usize = 200;
/// How long a changed file of keys may go unnoticed.
const FRESH_FOR: TimeDelta = TimeDelta::seconds(5);

/// Which tokens are believed.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The file with the issuer's keys, a JSON Web Key Set.
    pub keys: PathBuf,
    /// Who has to have issued them: the claim `iss`.
    pub issuer: String,
    /// For whom: the claim `aud`, or one of it.
    pub audience: String,
    /// The claim that names the tenant, the actor, the roles, and the scopes. A name that begins with `/` is a JSON
    /// pointer (RFC 6901).
    pub tenant_claim: String,
    /// The actor's.
    pub actor_claim: String,
    /// The roles'.
    pub roles_claim: String,
    /// The scopes'.
    pub scope_claim: String,
    /// By how much the issuer's clock may differ from ours.
    pub leeway: TimeDelta,
}

/// What a token says, once it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The tenant, by name.
    pub tenant: String,
    /// Who acts, with which roles.
    pub actor: Actor,
    /// The scopes of ours among those it grants.
    pub scopes: BTreeSet<Scope>,
}

/// What believes tokens, or does not.
pub struct Tokens {
    settings: TokenSettings,
    known: Mutex<CachedKeys>,
}

/// The keys as they were read last.
struct CachedKeys {
    keys: Arc<Keys>,
    /// What told the file's state when it was read.
    stamp: Stamp,
    looked_at: DateTime<Utc>,
}

/// A file's length and the instant of its last change.
type Stamp = Option<(u64, SystemTime)>;

/// The header of a token. What else stands in it is no concern of ours, but for `crit`.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

impl Tokens {
    /// Reads the keys.
    ///
    /// # Errors
    /// When there is no file, or no good set of keys in it. Told without any key's value.
    pub fn open(settings: TokenSettings, now: DateTime<Utc>) -> Result<Self, String> {
        let stamp = settings.stamp();
        let keys = Arc::new(settings.read()?);
        Ok(Self { settings, known: Mutex::new(CachedKeys { keys, stamp, looked_at: now }) })
    }

    /// What is logged of the keys: ids and algorithms.
    #[must_use]
    pub fn describe(&self) -> String {
        let known = self.known.lock();
        known.keys.describe()
    }

    /// Whether the text may be a token. Keys of ours have no dot.
    #[must_use]
    pub fn may_be(text: &str) -> bool {
        text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// What the token says, if it is valid at this instant.
    ///
    /// # Errors
    /// Why it is not. The signature is looked at before any claim.
    pub fn verify(&self, text: &str, now: DateTime<Utc>) -> Result<Claims, TokenFault> {
        let claims = signed_claims(&self.keys(now), text)?;
        self.settings.believe(&claims, now)
    }

    /// The keys, read again when the file has changed.
    fn keys(&self, now: DateTime<Utc>) -> Arc<Keys> {
        // The keys are replaced whole, so a panic elsewhere leaves none half read.
        let mut known = self.known.lock();
        if (now - known.looked_at).abs() < FRESH_FOR {
            return known.keys.clone();
        }
        known.looked_at = now;
        let stamp = self.settings.stamp();
        if stamp != known.stamp {
            known.stamp = stamp;
            match self.settings.read() {
                Ok(keys) => {
                    tracing::info!(keys = keys.describe(), "the keys of tokens have changed");
                    known.keys = Arc::new(keys);
                }
                Err(why) => {
                    tracing::error!(why, "the keys of tokens cannot be read; those read before go on");
                }
            }
        }
        known.keys.clone()
    }
}

/// The claims of a token that one of the keys signed.
fn signed_claims(keys: &Keys, text: &str) -> Result<Value, TokenFault> {
    let parts: Vec<&str> = if text.len() > LONGEST { Vec::new() } else { text.split('.').collect() };
    let [header, payload, signature] = parts[..] else { return Err(TokenFault::Malformed) };
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed);
    let Header { alg, kid, crit } =
        serde_json::from_slice(&bytes(header)?).map_err(|_| TokenFault::Malformed)?;
    if crit.is_some() {
        return Err(TokenFault::Malformed);
    }
    if alg.eq_ignore_ascii_case("none") {
        return Err(TokenFault::Algorithm);
    }
    let message = &text[..header.len() + 1 + payload.len()];
    keys.verify(kid.as_deref(), &alg, message.as_bytes(), &bytes(signature)?)?;
    let claims: Value = serde_json::from_slice(&bytes(payload)?).map_err(|_| TokenFault::Malformed)?;
    if claims.is_object() { Ok(claims) } else { Err(TokenFault::Malformed) }
}

impl TokenSettings {
    /// What tells whether the file has changed; none where there is none.
    fn stamp(&self) -> Stamp {
        let metadata = self.keys.metadata().ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    }

    fn read(&self) -> Result<Keys, String> {
        let told = |why: String| format!("the keys of tokens, {}: {why}", self.keys.display());
        let text = std::fs::read_to_string(&self.keys).map_err(|error| told(error.to_string()))?;
        Keys::parse(&text).map_err(told)
    }

    fn believe(&self, claims: &Value, now: DateTime<Utc>) -> Result<Claims, TokenFault> {
        let (now, leeway) = (now.timestamp(), self.leeway.num_seconds());
        let expires = seconds(claims, "exp")?.ok_or_else(|| TokenFault::Claim("exp".to_owned()))?;
        if now >= expires.saturating_add(leeway) {
            return Err(TokenFault::Expired);
        }
        if seconds(claims, "nbf")?.is_some_and(|from| now.saturating_add(leeway) < from) {
            return Err(TokenFault::NotYetValid);
        }
        if text(claims, "iss")? != self.issuer {
            return Err(TokenFault::Issuer);
        }
        if !words(claims, "aud", false)?.iter().any(|one| *one == self.audience) {
            return Err(TokenFault::Audience);
        }
        let scopes = match found(claims, &self.scope_claim) {
            None => Vec::new(),
            Some(_) => words(claims, &self.scope_claim, true)?,
        };
        Ok(Claims {
            tenant: text(claims, &self.tenant_claim)?.to_owned(),
            actor: self.actor(claims)?,
            scopes: scopes.into_iter().filter_map(Scope::parse).collect(),
        })
    }

    fn actor(&self, claims: &Value) -> Result<Actor, TokenFault> {
        let name = text(claims, &self.actor_claim)?;
        let fits = !name.trim().is_empty()
            && name.chars().count() <= LONGEST_ACTOR
            && !name.chars().any(char::is_control)
            // What rules do is theirs alone.
            && !name.starts_with("system:");
        if !fits {
            return Err(TokenFault::Claim(self.actor_claim.clone()));
        }
        let words = words(claims, &self.roles_claim, true)?;
        if words.is_empty() {
            return Err(TokenFault::Claim(self.roles_claim.clone()));
        }
        let role = |word: &&str| {
            serde_json::from_value::<Role>(Value::from(*word))
                .map_err(|_| TokenFault::Role((*word).to_owned()))
        };
        Ok(Actor::new(name, words.iter().map(role).collect::<Result<Vec<_>, _>>()?))
    }
}

fn found<'a>(claims: &'a Value, claim: &str) -> Option<&'a Value> {
    if claim.starts_with('/') { claims.pointer(claim) } else { claims.get(claim) }
}

fn text<'a>(claims: &'a Value, claim: &str) -> Result<&'a str, TokenFault> {
    found(claims, claim).and_then(Value::as_str).ok_or_else(|| TokenFault::Claim(claim.to_owned()))
}

/// The words of a claim: a list of texts, or one text, which `spaced` ones are several words in.
fn words<'a>(claims: &'a Value, claim: &str, spaced: bool) -> Result<Vec<&'a str>, TokenFault> {
    let wrong = || TokenFault::Claim(claim.to_owned());
    match found(claims, claim).ok_or_else(wrong)? {
        Value::String(text) if spaced => Ok(text.split_ascii_whitespace().collect()),
        Value::String(text) => Ok(vec![text]),
        Value::Array(list) => list.iter().map(|one| one.as_str().ok_or_else(wrong)).collect(),
        _ => Err(wrong()),
    }
}

/// An instant in seconds since 1970, which may have a fraction; none where the claim is not there.
fn seconds(claims: &Value, claim: &str) -> Result<Option<i64>, TokenFault> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond the range is the range's end, which is as far"
    )]
    let whole = |float: f64| float.floor() as i64;
    let instant = value.as_i64().or_else(|| value.as_f64().map(whole));
    instant.map(Some).ok_or_else(|| TokenFault::Claim(claim.to_owned()))
}
