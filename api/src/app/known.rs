//! What is known of a customer, readable: read from the log where a decision carries texts from one customer to another.

use uuid::Uuid;
use waymark_domain::customer::{CustomerDetails, CustomerEvent};
use waymark_domain::tags;
use waymark_eventstore::{Position, Query};

use super::{App, AppError, Caller};

/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 500;

impl App {
    /// What the log tells of a customer up to a position, and events that are about to follow. Nothing of what an erasure
    /// made unreadable.
    ///
    /// # Errors
    /// When the log or a key cannot be read.
    pub(crate) async fn known(
        &self,
        caller: &Caller,
        customer: Uuid,
        until: Position,
        staged: Vec<CustomerEvent>,
    ) -> Result<CustomerDetails, AppError> {
        let query = Query::tag(tags::customer(customer));
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let page =
                self.store.read_matching(caller.tenant, &query, after, until, ENTRIES_PER_PAGE).await?;
            let entries: Vec<_> = page.iter().collect();
            for (entry, document) in entries.iter().zip(self.documents(caller.tenant, &entries).await?) {
                after = entry.position;
                let unreadable =
                    |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
                let Some(document) = document else { continue };
                let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
                let data = serde_json::value::to_raw_value(&document["data"])
                    .map_err(|error| unreadable(error.to_string()))?;
                let event = CustomerEvent::decode(&envelope.event_type, envelope.type_version, &data);
                events.extend(event.map_err(|error| unreadable(error.to_string()))?);
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                return Ok(CustomerDetails::fold(events.iter().chain(&staged)));
            }
        }
    }
}
