//! An entry of the log as a document for readers.

use serde_json::Value;
use uuid::Uuid;
use waymark_domain::customer::also_about;
use waymark_domain::people::reads_people;
use waymark_eventstore::vault::Opening;
use waymark_eventstore::{Entry, TenantId};

use super::{App, AppError, Caller};

impl App {
    /// The entry as it is stored, with its personal fields opened where they may be read. Otherwise they stay sealed,
    /// which is how the log has them.
    ///
    /// # Errors
    /// When the entry is damaged, or a key cannot be read.
    pub async fn document(&self, tenant: TenantId, entry: &Entry, opened: bool) -> Result<Value, AppError> {
        let damaged =
            |error: serde_json::Error| AppError::Unreadable(format!("position {}: {error}", entry.position));
        let mut document: Value = serde_json::from_slice(&entry.bytes).map_err(damaged)?;
        if !opened {
            return Ok(document);
        }
        let subject = document.get("subject").and_then(Value::as_str).and_then(customer_of);
        let id = document.get("id").and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok());
        let event_type = document.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let (Some(subject), Some(event_id), Some(data)) = (subject, id, document.get_mut("data")) {
            let also = also_about(&event_type, subject, data);
            self.vault.open(tenant, Opening { subject, also, event_id, data }).await?;
        }
        Ok(document)
    }

    /// Entries as they are stored, with their personal fields opened: all of them for one or two reads of the keys. None where
    /// an entry has nothing to open.
    ///
    /// # Errors
    /// When an entry is damaged, or a key cannot be read.
    pub async fn documents(
        &self,
        tenant: TenantId,
        entries: &[&Entry],
    ) -> Result<Vec<Option<Value>>, AppError> {
        let mut documents = Vec::with_capacity(entries.len());
        for entry in entries {
            let damaged = |error: serde_json::Error| {
                AppError::Unreadable(format!("position {}: {error}", entry.position))
            };
            let document: Value = serde_json::from_slice(&entry.bytes).map_err(damaged)?;
            let subject = document.get("subject").and_then(Value::as_str).and_then(customer_of);
            let id = document.get("id").and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok());
            let data = document.get("data").unwrap_or(&Value::Null);
            let event_type = document.get("type").and_then(Value::as_str).unwrap_or_default();
            let also = subject.and_then(|subject| also_about(event_type, subject, data));
            documents.push(subject.zip(id).map(|(subject, id)| ((subject, also, id), document)));
        }
        let mut openings: Vec<Opening<'_>> = Vec::with_capacity(documents.len());
        for ((subject, also, event_id), document) in documents.iter_mut().flatten() {
            if let Some(data) = document.get_mut("data") {
                openings.push(Opening { subject: *subject, also: *also, event_id: *event_id, data });
            }
        }
        self.vault.open_all(tenant, &mut openings).await?;
        Ok(documents.into_iter().map(|opened| opened.map(|(_, document)| document)).collect())
    }
}

impl App {
    /// Entries as documents, with their personal fields opened where the caller reads those of anybody.
    ///
    /// # Errors
    /// When an entry is damaged, or a key cannot be read.
    pub(crate) async fn opened_documents(
        &self,
        caller: &Caller,
        entries: &[Entry],
    ) -> Result<Vec<Value>, AppError> {
        let mut opened = match reads_people(&caller.actor) {
            true => self.documents(caller.tenant, &entries.iter().collect::<Vec<_>>()).await?,
            false => vec![None; entries.len()],
        };
        let each = entries.iter().zip(opened.drain(..)).map(|(entry, opened)| match opened {
            Some(document) => Ok(document),
            None => serde_json::from_slice(&entry.bytes)
                .map_err(|error| AppError::Unreadable(format!("position {}: {error}", entry.position))),
        });
        each.collect()
    }
}

/// The customer that a subject names.
pub(crate) fn customer_of(subject: &str) -> Option<Uuid> {
    Uuid::try_parse(subject.strip_prefix("customer/")?).ok()
}
