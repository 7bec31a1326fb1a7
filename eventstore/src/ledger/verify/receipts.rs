//! What is remembered of commands, compared with the entries that they brought.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Fault, SideCheck};
use crate::ledger::Record;
use crate::{Position, StoreError, TenantId, Transferable};

/// Receipts read at a time.
const RECEIPTS_PER_PAGE: u32 = 1_000;

/// Compares the receipts of commands with the log: each names entries that are there, recorded when it says, and that no
/// other command brought. The command's id, the digest of its request and the answer stand in no entry; a receipt is asked
/// only when the same command comes again.
pub struct Receipts {
    store: Arc<dyn Transferable>,
    tenant: Option<TenantId>,
    until: Position,
    /// By the first position, the last first.
    waiting: Vec<ReceiptSpan>,
    /// Of the entries now looked at.
    open: Option<ReceiptSpan>,
    /// The largest position that any of them names.
    largest: Position,
}

/// What a receipt says of entries: some 24 bytes for each command of the log.
#[derive(Debug, Clone, Copy)]
struct ReceiptSpan {
    first: Position,
    count: u32,
    recorded_at: DateTime<Utc>,
}

impl ReceiptSpan {
    fn last(&self) -> Position {
        self.first.saturating_add(u64::from(self.count.max(1)) - 1)
    }
}

impl Receipts {
    /// Over the receipts of this store.
    #[must_use]
    pub fn new(store: Arc<dyn Transferable>) -> Self {
        Self { store, tenant: None, until: 0, waiting: Vec::new(), open: None, largest: 0 }
    }

    fn check(&mut self, position: Position, recorded_at: DateTime<Utc>) -> Option<Fault> {
        self.open = self.open.filter(|open| open.last() >= position);
        while let Some(next) = self.waiting.pop_if(|next| next.first <= position) {
            if next.count == 0 {
                // A refusal, decided when the log ended here.
                if next.recorded_at < recorded_at {
                    return Some(Fault::at(
                        position,
                        "a receipt was recorded before the entry in front of it",
                    ));
                }
            } else if self.open.is_some() {
                return Some(Fault::at(position, "two receipts say that their commands brought this entry"));
            } else {
                self.open = Some(next);
            }
        }
        let open = self.open?;
        let what = "the receipt of the command that brought this entry tells of another instant";
        (open.recorded_at != recorded_at).then(|| Fault::at(position, what))
    }
}

#[async_trait]
impl SideCheck for Receipts {
    fn name(&self) -> &'static str {
        "receipts"
    }

    async fn begin(&mut self, tenant: TenantId, until: Position) -> Result<(), StoreError> {
        (self.tenant, self.until) = (Some(tenant), until);
        let mut after = String::new();
        loop {
            let page = self.store.receipts(tenant, &after, RECEIPTS_PER_PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after.clone_from(last);
            for (_, receipt) in &page {
                let kept = ReceiptSpan {
                    first: receipt.first_position,
                    count: receipt.count,
                    recorded_at: receipt.recorded_at,
                };
                self.largest = self.largest.max(kept.last());
                if kept.first == 0 && kept.count > 0 {
                    let what = "a receipt tells of an entry before the first".to_owned();
                    return Err(StoreError::Damaged { position: 1, what });
                }
                if kept.first > 0 && kept.last() <= until {
                    self.waiting.push(kept);
                }
            }
        }
        self.waiting.sort_unstable_by_key(|kept| std::cmp::Reverse((kept.first, kept.count)));
        Ok(())
    }

    async fn entries(&mut self, records: &[Record]) -> Result<Option<Fault>, StoreError> {
        for record in records {
            let fault = self.check(record.entry.position, record.entry.recorded_at);
            if fault.is_some() {
                return Ok(fault);
            }
        }
        Ok(None)
    }

    async fn finish(&mut self) -> Result<Option<Fault>, StoreError> {
        let Some(tenant) = self.tenant.filter(|_| self.largest > self.until) else { return Ok(None) };
        // A command may have been carried out meanwhile.
        let head = self.store.head(tenant).await?.position;
        let what = "a receipt tells of an entry that is not there";
        Ok((self.largest > head).then(|| Fault::at(self.largest, what)))
    }
}
