//! The served schemas of events, and events held to them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Client;
use crate::schema::Schemas;

/// What events look like, as the service says.
#[derive(Debug)]
pub struct EventSchemas(BTreeMap<(String, u64), Value>);

impl EventSchemas {
    /// Those that a service tells.
    pub async fn of(client: &Client) -> Self {
        let (mut schemas, mut cursor) = (BTreeMap::new(), String::new());
        loop {
            let page = client.get(&format!("/v1/event-schemas?limit=100{cursor}")).await.expect(200);
            for item in page.items() {
                let event_type = item["type"].as_str().unwrap_or_default().to_owned();
                schemas.insert(
                    (event_type, item["version"].as_u64().unwrap_or_default()),
                    item["schema"].clone(),
                );
            }
            match page.at("/next_cursor").as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Self(schemas),
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Insists that an event is as the schema of its type and version says, down to each field.
    ///
    /// # Panics
    /// When it is not.
    pub fn insist(&self, event: &Value) {
        let event_type = event["type"].as_str().unwrap_or_default().to_owned();
        let version = event["typeversion"].as_u64().unwrap_or_default();
        let schema = self.0.get(&(event_type.clone(), version));
        let schema = schema.unwrap_or_else(|| panic!("no schema of {event_type} version {version}"));
        if let Err(wrong) = Schemas::of(schema).check(schema, event) {
            panic!("{event_type} version {version}: {wrong}: {event}");
        }
    }
}
