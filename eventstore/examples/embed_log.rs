//! The log alone, embedded in a program of its own: two appends that race for the last seat, and what the log says then.
//!
//! ```sh
//! cargo run -p waymark-eventstore --example embed_log -- seats.db
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use chrono::DateTime;
use serde_json::json;
use uuid::Uuid;
use waymark_eventstore::{Append, Draft, EventStore, Options, Query, SqliteStore, StoreError, TenantId};

/// One tenant, so one log.
const TENANT: TenantId = TenantId(Uuid::from_u128(1));

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("name the file of the log")?;
    for line in race(&file).await? {
        println!("{line}");
    }
    Ok(())
}

/// Two guests race for a seat. Returns what came of it, and what the log says.
async fn race(file: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut said = Vec::new();
    // The clock is a value, so that a test can hold it still. A service hands in the machine's.
    let clock = Arc::new(|| DateTime::from_timestamp_millis(1_795_900_000_000).unwrap_or_default());
    let store = SqliteStore::open(file, Options::new(clock)).await?;

    // Both have looked at the same seat at the same position, so only one of the two may take it.
    let seen = store.head(TENANT).await?.position;
    for (number, guest) in [(1, "li"), (2, "wang")] {
        let mut append = Append::new(TENANT, vec![seat_taken(number, guest)]);
        append.condition = Some(Query::tag("seat:12").none_after(seen));
        match store.append(append).await {
            Ok(_) => said.push(format!("{guest} has the seat")),
            Err(StoreError::Conflict { .. }) => said.push(format!("{guest} comes too late")),
            Err(error) => return Err(error.into()),
        }
    }

    for entry in store.read(TENANT, 0, 100).await? {
        said.push(format!("{} {}", entry.position, std::str::from_utf8(&entry.bytes)?));
    }
    let head = store.head(TENANT).await?;
    said.push(format!("{} entries, Merkle root {:02x?}", head.position, head.root));
    store.close().await;
    Ok(said)
}

fn seat_taken(number: u128, guest: &str) -> Draft {
    Draft {
        id: Uuid::from_u128(number),
        event_type: "seat.taken".into(),
        type_version: 1,
        subject: "seat/12".to_owned(),
        effective_at: DateTime::from_timestamp_millis(1_795_900_000_000).unwrap_or_default(),
        actor: format!("guest:{guest}"),
        via: None,
        origin: None,
        endpoint: None,
        causation_id: None,
        correlation_id: None,
        tags: vec!["seat:12".to_owned()],
        blind_tags: Vec::new(),
        data: json!({ "guest": guest }),
    }
}

#[cfg(test)]
mod tests {
    use super::race;

    #[tokio::test]
    async fn one_guest_has_the_seat_and_the_log_says_which() {
        let folder = tempfile::tempdir().unwrap();
        let said = race(folder.path().join("seats.db").to_str().unwrap()).await.unwrap();
        let [first, second, entry, head] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!((first.as_str(), second.as_str()), ("li has the seat", "wang comes too late"));
        assert!(entry.starts_with("1 {") && entry.contains("\"guest\":\"li\""), "{entry}");
        assert!(head.starts_with("1 entries, Merkle root "), "{head}");
    }
}
