//! Walks a JSON document and exchanges `$personal` for `$sealed`, and back.

use std::convert::Infallible;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::keys::{DataKey, aad};
use crate::{StoreError, TenantId};

const PERSONAL: &str = "$personal";
const SEALED: &str = "$sealed";
const ERASED: &str = "$erased";

/// Where a field stands: with its JSON pointer and its key's id, all that its ciphertext is bound to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) subject: Uuid,
    pub(super) event_id: Uuid,
}

/// The inside of a `$sealed` object; bytes in base64url without padding.
#[derive(Serialize, Deserialize)]
struct SealedField {
    ciphertext: String,
    commitment: String,
    key: Uuid,
    nonce: String,
}

/// Replaces each `{"$personal": value}` in the document.
pub(super) fn seal(document: &mut Value, place: Place, key: &DataKey) {
    let sealed = visit(document, PERSONAL, &mut String::new(), &mut |pointer, object| {
        let plaintext = object.get(PERSONAL).map(Value::to_string).unwrap_or_default();
        let (nonce, ciphertext) = key.encrypt(&place.aad(pointer, key.id()), plaintext.as_bytes());
        let sealed = SealedField {
            ciphertext: BASE64_URL_SAFE_NO_PAD.encode(ciphertext),
            commitment: BASE64_URL_SAFE_NO_PAD.encode(key.commitment()),
            key: key.id(),
            nonce: BASE64_URL_SAFE_NO_PAD.encode(nonce),
        };
        Ok::<_, Infallible>(json!({ SEALED: sealed }))
    });
    let Ok(()) = sealed;
}

/// Whether there is anything to open in the document.
pub(super) fn is_sealed(document: &Value) -> bool {
    has_marked(document, SEALED)
}

/// Whether there is anything to seal in the document.
pub(super) fn is_personal(document: &Value) -> bool {
    has_marked(document, PERSONAL)
}

fn has_marked(document: &Value, mark: &str) -> bool {
    match document {
        Value::Array(values) => values.iter().any(|value| has_marked(value, mark)),
        Value::Object(object) => {
            is_marked(object, mark) || object.values().any(|value| has_marked(value, mark))
        }
        _ => false,
    }
}

/// Replaces each `{"$sealed": …}`, or by `{"$erased": true}` when there is no key any more (`None`, the id of
/// the destroyed key beside it).
///
/// # Errors
/// [`StoreError::UnknownKey`] when a field names another key; [`StoreError::Damaged`] when one does not open.
pub(super) fn open(
    document: &mut Value,
    place: Place,
    key_id: Uuid,
    key: Option<&DataKey>,
) -> Result<(), StoreError> {
    visit(document, SEALED, &mut String::new(), &mut |pointer, object| {
        let field = object.get(SEALED).ok_or_else(|| place.damaged(pointer))?;
        let field = SealedField::deserialize(field).map_err(|_| place.damaged(pointer))?;
        if field.key != key_id {
            return Err(StoreError::UnknownKey(field.key.to_string()));
        }
        match key {
            None => Ok(json!({ ERASED: true })),
            Some(key) => {
                let value =
                    field.open(&place.aad(pointer, key.id()), key).ok_or_else(|| place.damaged(pointer))?;
                Ok(json!({ PERSONAL: value }))
            }
        }
    })
}

impl Place {
    fn aad(self, pointer: &str, key_id: Uuid) -> Vec<u8> {
        aad(&[
            self.tenant.0.as_bytes(),
            self.event_id.as_bytes(),
            pointer.as_bytes(),
            self.subject.as_bytes(),
            key_id.as_bytes(),
        ])
    }

    fn damaged(self, pointer: &str) -> StoreError {
        let what = format!("the personal field {pointer} of event {} does not open", self.event_id);
        StoreError::Damaged { position: 0, what }
    }
}

impl SealedField {
    fn open(&self, aad: &[u8], key: &DataKey) -> Option<Value> {
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        if bytes(&self.commitment)? != key.commitment() {
            return None;
        }
        let plaintext = key.decrypt(aad, &bytes(&self.nonce)?, &bytes(&self.ciphertext)?).ok()?;
        serde_json::from_slice(&plaintext).ok()
    }
}

/// An object is marked when the mark is its only key.
fn is_marked(object: &Map<String, Value>, mark: &str) -> bool {
    object.len() == 1 && object.contains_key(mark)
}

/// Exchanges every object marked so for what `exchange` makes of it, given its JSON pointer (RFC 6901).
fn visit<E>(
    value: &mut Value,
    mark: &str,
    pointer: &mut String,
    exchange: &mut impl FnMut(&str, &Map<String, Value>) -> Result<Value, E>,
) -> Result<(), E> {
    match value {
        Value::Object(object) if is_marked(object, mark) => *value = exchange(pointer, object)?,
        Value::Object(object) => {
            for (name, inner) in object {
                let token = name.replace('~', "~0").replace('/', "~1");
                visit_child(inner, mark, pointer, &token, exchange)?;
            }
        }
        Value::Array(values) => {
            for (index, inner) in values.iter_mut().enumerate() {
                visit_child(inner, mark, pointer, &index.to_string(), exchange)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn visit_child<E>(
    value: &mut Value,
    mark: &str,
    pointer: &mut String,
    token: &str,
    exchange: &mut impl FnMut(&str, &Map<String, Value>) -> Result<Value, E>,
) -> Result<(), E> {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(token);
    let visited = visit(value, mark, pointer, exchange);
    pointer.truncate(length);
    visited
}
