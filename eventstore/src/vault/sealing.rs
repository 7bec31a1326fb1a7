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
    /// The subject under whose key the value was sealed before it was sealed under this one: the value is about both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    also: Option<Uuid>,
    ciphertext: String,
    commitment: String,
    /// Those under whose keys it was sealed before that, the next one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    further: Vec<Uuid>,
    key: Uuid,
    nonce: String,
}

/// What is known of a subject's key: its id, and the key unless it was destroyed.
pub(super) type KnownKey<'a> = (Uuid, Option<&'a DataKey>);

/// Replaces each `{"$personal": value}` in the document.
pub(super) fn seal(document: &mut Value, place: Place, key: &DataKey) {
    let sealed = visit(document, PERSONAL, &mut String::new(), &mut |pointer, object| {
        let plaintext = object.get(PERSONAL).map(Value::to_string).unwrap_or_default();
        Ok::<_, Infallible>(
            json!({ SEALED: SealedField::seal(&plaintext, &place.aad(pointer, key.id()), key) }),
        )
    });
    let Ok(()) = sealed;
}

/// Another subject that personal fields of an event are about: with its erasure they are unreadable, too.
#[derive(Clone, Copy)]
pub struct AlsoAbout<'a> {
    /// Who.
    pub subject: Uuid,
    /// Its key.
    pub key: &'a DataKey,
    /// The JSON pointers of the fields; none where it is all of them.
    pub fields: Option<&'a [String]>,
}

/// As [`seal`], but what is about others, too, is sealed under the key of each of them first, the last one innermost:
/// whichever of the keys is destroyed, it is unreadable.
pub(super) fn seal_shared(document: &mut Value, place: Place, key: &DataKey, others: &[AlsoAbout<'_>]) {
    let sealed = visit(document, PERSONAL, &mut String::new(), &mut |pointer, object| {
        let is_about = |other: &&AlsoAbout<'_>| {
            other.fields.is_none_or(|fields| fields.iter().any(|field| field == pointer))
        };
        let about: Vec<&AlsoAbout<'_>> = others.iter().filter(is_about).collect();
        let mut plaintext = object.get(PERSONAL).map(Value::to_string).unwrap_or_default();
        let mut also = None;
        for AlsoAbout { subject, key, .. } in about.iter().rev() {
            let aad = Place { subject: *subject, ..place }.aad(pointer, key.id());
            let field = SealedField { also, ..SealedField::seal(&plaintext, &aad, key) };
            (plaintext, also) = (json!(field).to_string(), Some(*subject));
        }
        let further = about.iter().skip(1).map(|other| other.subject).collect();
        let outer = SealedField::seal(&plaintext, &place.aad(pointer, key.id()), key);
        Ok::<_, Infallible>(json!({ SEALED: SealedField { also, further, ..outer } }))
    });
    let Ok(()) = sealed;
}

/// Adds the subjects, beside the one in whose place it stands, whose keys it takes to open the document; answers whether
/// there is anything to open at all.
pub(super) fn is_sealed(document: &Value, also: &mut Vec<Uuid>) -> bool {
    match document {
        Value::Array(values) => any_sealed(values.iter(), also),
        Value::Object(object) => match object.get(SEALED).filter(|_| is_marked(object, SEALED)) {
            Some(field) => {
                let further = field.get("further").and_then(Value::as_array);
                let subjects = field.get("also").into_iter().chain(further.into_iter().flatten());
                also.extend(subjects.filter_map(|subject| Uuid::try_parse(subject.as_str()?).ok()));
                true
            }
            None => any_sealed(object.values(), also),
        },
        _ => false,
    }
}

/// The same of several: each is looked at, whatever was found before.
fn any_sealed<'a>(values: impl Iterator<Item = &'a Value>, also: &mut Vec<Uuid>) -> bool {
    values.filter(|value| is_sealed(value, also)).count() > 0
}

/// The ids of the keys that the sealed fields of a document name; none of what is no document.
pub(crate) fn sealed_keys(document: &str) -> Vec<Uuid> {
    let mut keys = Vec::new();
    if document.contains("\"$sealed\"")
        && let Ok(mut document) = serde_json::from_str::<Value>(document)
    {
        let read = visit(&mut document, SEALED, &mut String::new(), &mut |_, object| {
            let field = object.get(SEALED).and_then(|field| SealedField::deserialize(field).ok());
            keys.extend(field.map(|field| field.key));
            Ok::<_, Infallible>(Value::Null)
        });
        let Ok(()) = read;
    }
    keys
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

/// Replaces each `{"$sealed": …}`, or by `{"$erased": true}` where a key that it takes was destroyed. `keys` answers with
/// what is known of a subject's key; none where there never was one.
///
/// # Errors
/// [`StoreError::UnknownKey`] when a field names another key; [`StoreError::Damaged`] when one does not open.
pub(super) fn open<'a>(
    document: &mut Value,
    place: Place,
    keys: &impl Fn(Uuid) -> Option<KnownKey<'a>>,
) -> Result<(), StoreError> {
    visit(document, SEALED, &mut String::new(), &mut |pointer, object| {
        let field = object.get(SEALED).ok_or_else(|| place.damaged(pointer))?;
        Ok(match opened(field, pointer, place, keys)? {
            Some(value) => json!({ PERSONAL: value }),
            None => json!({ ERASED: true }),
        })
    })
}

/// The value of a sealed field; none where a key that it takes was destroyed.
fn opened<'a>(
    field: &Value,
    pointer: &str,
    place: Place,
    keys: &impl Fn(Uuid) -> Option<KnownKey<'a>>,
) -> Result<Option<Value>, StoreError> {
    let field = SealedField::deserialize(field).map_err(|_| place.damaged(pointer))?;
    let known = keys(place.subject).filter(|(id, _)| *id == field.key);
    let (_, key) = known.ok_or_else(|| StoreError::UnknownKey(field.key.to_string()))?;
    let Some(key) = key else { return Ok(None) };
    let value = field.open(&place.aad(pointer, key.id()), key).ok_or_else(|| place.damaged(pointer))?;
    match field.also {
        None => Ok(Some(value)),
        Some(subject) => opened(&value, pointer, Place { subject, ..place }, keys),
    }
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
    fn seal(plaintext: &str, aad: &[u8], key: &DataKey) -> Self {
        let (nonce, ciphertext) = key.encrypt(aad, plaintext.as_bytes());
        Self {
            also: None,
            ciphertext: BASE64_URL_SAFE_NO_PAD.encode(ciphertext),
            commitment: BASE64_URL_SAFE_NO_PAD.encode(key.commitment()),
            further: Vec::new(),
            key: key.id(),
            nonce: BASE64_URL_SAFE_NO_PAD.encode(nonce),
        }
    }

    fn open(&self, aad: &[u8], key: &DataKey) -> Option<Value> {
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let (nonce, ciphertext) = (bytes(&self.nonce)?, bytes(&self.ciphertext)?);
        let plaintext = key.decrypt(&bytes(&self.commitment)?, aad, &nonce, &ciphertext).ok()?;
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
