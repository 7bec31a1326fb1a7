//! By what customers are recognised, as the blind tags beside the log are made of it.

use serde_json::Value;
use uuid::Uuid;
use waymark_domain::customer::{CustomerEvent, also_about};
use waymark_eventstore::ledger::BlindKeys;

/// What customers are found by: the telephone numbers, addresses and numbers in their events.
pub(crate) struct CustomerKeys;

impl BlindKeys for CustomerKeys {
    fn keys(&self, event_type: &str, version: u32, data: &Value) -> Result<Vec<(String, String)>, String> {
        let data = serde_json::value::to_raw_value(data).map_err(|error| error.to_string())?;
        match CustomerEvent::decode(event_type, version, &data) {
            Ok(Some(event)) => {
                let keys = event.keys().into_iter();
                Ok(keys.map(|key| (key.kind.as_str().to_owned(), key.value)).collect())
            }
            Ok(None) => Ok(Vec::new()),
            Err(error) => Err(format!("the entry cannot be read: {error}")),
        }
    }

    fn also_about(&self, event_type: &str, subject: Uuid, data: &Value) -> Option<Uuid> {
        also_about(event_type, subject, data)
    }
}
