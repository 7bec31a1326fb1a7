//! A page of the log that all streams of a tenant share: read once, and opened once for those who may read it.

use std::io::Write as _;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::app::{App, AppError};
use crate::domain::customer::event::Erased;
use crate::domain::people::Disclosure;
use crate::eventstore::{Entry, Position, TenantId};

/// Consecutive entries of one tenant's log.
pub(super) struct SharedPage {
    tenant: TenantId,
    items: Vec<Item>,
    /// The documents with their personal fields opened, where they have any; made when first asked for.
    opened: OnceCell<Vec<Option<OpenedDocument>>>,
}

/// A document with its personal fields opened.
pub(super) struct OpenedDocument {
    pub(super) document: Value,
    text: Box<str>,
    /// Whether there is anything in it that is masked for those who have not claimed the customer.
    pub(super) is_guarded: bool,
}

/// One entry, with what streams choose by.
#[derive(Clone)]
pub(super) struct Item {
    entry: Entry,
    event_type: String,
    tags: String,
    pub(super) subject: String,
}

/// Which events a stream wants.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// Any of these types; every type where there are none.
    pub(super) types: Vec<String>,
    /// With this tag alone.
    pub(super) tag: Option<String>,
}

impl Filter {
    /// Whether it lets everything through.
    pub(super) fn is_open(&self) -> bool {
        self.types.is_empty() && self.tag.is_none()
    }

    fn wants(&self, item: &Item) -> bool {
        let type_wanted = self.types.is_empty() || self.types.contains(&item.event_type);
        type_wanted && self.tag.as_ref().is_none_or(|tag| item.tags.split(' ').any(|one| one == tag))
    }
}

impl SharedPage {
    /// A page of these entries.
    ///
    /// # Errors
    /// When one of them is damaged.
    pub(super) fn of(tenant: TenantId, entries: Vec<Entry>) -> Result<Self, AppError> {
        let items = entries.into_iter().map(Item::of).collect::<Result<_, _>>()?;
        Ok(Self { tenant, items, opened: OnceCell::new() })
    }

    /// The same page, with nothing opened.
    pub(super) fn sealed(&self) -> Self {
        Self { tenant: self.tenant, items: self.items.clone(), opened: OnceCell::new() }
    }

    pub(super) fn last(&self) -> Option<Position> {
        self.items.last().map(|item| item.entry.position)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// How much memory it takes at most, roughly: the documents as stored, as opened and as their texts.
    pub(super) fn bytes(&self) -> usize {
        self.items.iter().map(|item| 6 * item.entry.bytes.len() + item.tags.len() + size_of::<Item>()).sum()
    }

    /// Whether a customer was erased in it: what was opened before must not outlive the key.
    pub(super) fn has_erasure(&self) -> bool {
        self.items.iter().any(|item| item.event_type == Erased::TYPE)
    }

    /// What follows a position and is wanted, each with its place in the page.
    pub(super) fn after(&self, position: Position) -> impl Iterator<Item = (usize, &Item)> {
        let begin = self.items.partition_point(|item| item.entry.position <= position);
        self.items.iter().enumerate().skip(begin)
    }

    /// Opens what is sealed in it, once for everybody.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub(super) async fn opened(&self, app: &App) -> Result<&[Option<OpenedDocument>], AppError> {
        let opened = self.opened.get_or_try_init(async || {
            let entries: Vec<&Entry> = self.items.iter().map(|item| &item.entry).collect();
            let documents = app.documents(self.tenant, &entries).await?;
            Ok::<_, AppError>(
                documents.into_iter().map(|document| document.map(OpenedDocument::of)).collect(),
            )
        });
        Ok(opened.await?)
    }
}

impl Item {
    fn of(entry: Entry) -> Result<Self, AppError> {
        let damaged = |error| AppError::Unreadable(format!("position {}: {error}", entry.position));
        let envelope = entry.envelope().map_err(damaged)?;
        let (event_type, tags) = (envelope.event_type.to_string(), envelope.tags.to_string());
        let subject = envelope.subject.to_string();
        Ok(Self { event_type, tags, subject, entry })
    }

    pub(super) fn position(&self) -> Position {
        self.entry.position
    }

    pub(super) fn is_wanted(&self, filter: &Filter) -> bool {
        filter.wants(self)
    }

    /// The document as it is stored.
    ///
    /// # Errors
    /// When the entry is damaged.
    pub(super) fn document(&self) -> Result<Value, AppError> {
        let damaged = |error| AppError::Unreadable(format!("position {}: {error}", self.entry.position));
        serde_json::from_slice(&self.entry.bytes).map_err(damaged)
    }

    /// Writes it as a server-sent event, opened or as it is stored.
    pub(super) fn write(&self, opened: Option<&OpenedDocument>, to: &mut Vec<u8>) {
        self.write_text(opened.map_or(&self.entry.bytes[..], |opened| opened.text.as_bytes()), to);
    }

    /// Writes a text of it as a server-sent event: its position as the id, and the text, which has no line break in it.
    pub(super) fn write_text(&self, document: &[u8], to: &mut Vec<u8>) {
        // Writing into memory does not fail.
        write!(to, "id: {}\ndata: ", self.entry.position).ok();
        to.extend_from_slice(document);
        to.extend_from_slice(b"\n\n");
    }
}

impl OpenedDocument {
    fn of(document: Value) -> Self {
        let data = document.get("data");
        let mut masked = data.cloned();
        if let Some(masked) = &mut masked {
            Disclosure::Masked.apply(masked);
        }
        let (text, is_guarded) = (document.to_string().into(), masked.as_ref() != data);
        Self { document, text, is_guarded }
    }
}
