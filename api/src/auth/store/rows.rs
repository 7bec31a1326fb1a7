//! The rows of keys and members: what they hold, and where that is not what the log says.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::error::AdminError;
use crate::domain::Role;
use crate::domain::company::event::Key;
use crate::domain::company::rights::{KeyRights, Membership};
use crate::eventstore::{Position, TenantId};
use crate::projections::db::{Row, Value, values};

/// The copy of an API key, as it stands in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptKey {
    pub(crate) id: Uuid,
    hash: Vec<u8>,
    actor: String,
    roles: String,
    scopes: String,
    created_at: i64,
    revoked_at: Option<i64>,
}

/// The copy of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptMember {
    pub(crate) actor: String,
    roles: String,
    changed_at: i64,
}

/// The copies of a tenant, and up to where they are brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RightsCopy {
    pub(crate) keys: Vec<KeptKey>,
    pub(crate) members: Vec<KeptMember>,
    /// The position of the log as of which they are; none where they never were brought up.
    pub(crate) reached: Option<Position>,
}

pub(super) fn instant(micros: i64) -> Result<DateTime<Utc>, AdminError> {
    let damaged = || AdminError::Damaged { what: "instant", word: micros.to_string() };
    DateTime::from_timestamp_micros(micros).ok_or_else(damaged)
}

impl KeptKey {
    /// The key that the row says.
    pub(crate) fn key(&self) -> Result<Key, AdminError> {
        let scopes = self.scopes.split_whitespace().map(str::to_owned).collect();
        // What is kept of the secret is its hash; the event has the hash of that.
        let digest = hex(&Sha256::digest(&self.hash));
        Ok(Key {
            id: self.id,
            actor: self.actor.clone(),
            roles: from_words("role", &self.roles)?,
            scopes,
            digest,
        })
    }

    pub(crate) fn created_at(&self) -> Result<DateTime<Utc>, AdminError> {
        instant(self.created_at)
    }

    pub(crate) fn revoked_at(&self) -> Result<Option<DateTime<Utc>>, AdminError> {
        self.revoked_at.map(instant).transpose()
    }

    /// The columns that are not what the log says.
    pub(crate) fn differing(&self, known: &KeyRights) -> Vec<&'static str> {
        let Key { actor, roles, scopes, digest, .. } = &known.key;
        let is_digest = hex(&self.hash) == *digest || hex(&Sha256::digest(&self.hash)) == *digest;
        let columns = [
            ("hash", is_digest),
            ("actor", self.actor == *actor),
            ("roles", self.roles == words(roles)),
            ("scopes", self.scopes == words(scopes)),
            ("created_at", self.created_at == known.created_at.timestamp_micros()),
            ("revoked_at", self.revoked_at == known.revoked_at.map(|instant| instant.timestamp_micros())),
        ];
        columns.into_iter().filter(|(_, same)| !same).map(|(column, _)| column).collect()
    }
}

impl KeptMember {
    pub(crate) fn roles(&self) -> Result<BTreeSet<Role>, AdminError> {
        from_words("role", &self.roles)
    }

    pub(crate) fn changed_at(&self) -> Result<DateTime<Utc>, AdminError> {
        instant(self.changed_at)
    }

    /// The columns that are not what the log says.
    pub(crate) fn differing(&self, known: &Membership) -> Vec<&'static str> {
        let columns = [
            ("roles", self.roles == words(&known.roles)),
            ("changed_at", self.changed_at == known.changed_at.timestamp_micros()),
        ];
        columns.into_iter().filter(|(_, same)| !same).map(|(column, _)| column).collect()
    }
}

/// The row of a key. Of its secret it has the digest that the event has.
pub(super) fn key_row(tenant: TenantId, known: &KeyRights) -> Vec<Value> {
    let Key { id, actor, roles, scopes, digest } = &known.key;
    values![
        tenant.0,
        *id,
        from_hex(digest),
        actor.as_str(),
        words(roles),
        words(scopes),
        known.created_at.timestamp_micros(),
        known.revoked_at.map(|instant| instant.timestamp_micros())
    ]
    .to_vec()
}

pub(super) fn kept_key(row: &Row) -> Result<KeptKey, AdminError> {
    Ok(KeptKey {
        id: row.uuid(0)?,
        hash: row.bytes(1)?,
        actor: row.text(2)?,
        roles: row.text(3)?,
        scopes: row.text(4)?,
        created_at: row.int(5)?,
        revoked_at: row.opt_int(6)?,
    })
}

pub(super) fn kept_member(row: &Row) -> Result<KeptMember, AdminError> {
    Ok(KeptMember { actor: row.text(0)?, roles: row.text(1)?, changed_at: row.int(2)? })
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// Roles or scopes as the words they are in answers.
pub(super) fn words<T: Serialize>(set: &BTreeSet<T>) -> String {
    let words = set.iter().filter_map(|one| serde_json::to_value(one).ok()?.as_str().map(str::to_owned));
    words.collect::<Vec<_>>().join(" ")
}

fn from_words<T: for<'de> Deserialize<'de> + Ord>(
    what: &'static str,
    text: &str,
) -> Result<BTreeSet<T>, AdminError> {
    let read = |word: &str| {
        let value = serde_json::Value::String(word.to_owned());
        serde_json::from_value(value).map_err(|_| AdminError::Damaged { what, word: word.to_owned() })
    };
    text.split_whitespace().map(read).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_row_that_a_former_program_wrote_has_the_hash_and_the_event_the_hash_of_that() {
        let row = KeptKey {
            id: Uuid::from_u128(1),
            hash: vec![7; 32],
            actor: "rep:li".to_owned(),
            roles: "rep".to_owned(),
            scopes: "act-as".to_owned(),
            created_at: 1_000_000,
            revoked_at: None,
        };
        let known = KeyRights { key: row.key().unwrap(), created_at: at(1), revoked_at: None };
        assert_ne!(known.key.digest, hex(&row.hash));
        assert_eq!(row.differing(&known), [""; 0]);
        let others = [
            (KeptKey { hash: vec![8; 32], ..row.clone() }, "hash"),
            (KeptKey { hash: Vec::new(), ..row.clone() }, "hash"),
            (KeptKey { actor: "rep:zhao".to_owned(), ..row.clone() }, "actor"),
            (KeptKey { roles: "rep admin".to_owned(), ..row.clone() }, "roles"),
            (KeptKey { roles: "emperor".to_owned(), ..row.clone() }, "roles"),
            (KeptKey { scopes: String::new(), ..row.clone() }, "scopes"),
            (KeptKey { created_at: 0, ..row.clone() }, "created_at"),
            (KeptKey { revoked_at: Some(0), ..row.clone() }, "revoked_at"),
        ];
        for (other, column) in others {
            assert_eq!(other.differing(&known), [column]);
        }
    }
}
