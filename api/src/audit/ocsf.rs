//! Changes as records of the Open Cybersecurity Schema Framework 1.9, for systems that watch over many others.
//!
//! What concerns people and their roles is User Management (3007), what a person at the machinery did to it and what was carried away API Activity (6003),
//! everything else Entity Management (3004). Each record carries the profile `record_integrity`: the fingerprint is the SHA-256
//! of the record in RFC 8785 canonical form without the fingerprint itself. What ties it to the log's proofs, the leaf hash
//! of the entry, stands in `unmapped`.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use waymark_eventstore::canonical_json;
use waymark_eventstore::ledger::Hash;

use super::bundle::hex;
use super::change::Change;

/// The version of the framework that the records follow.
const VERSION: &str = "1.9.0";

/// What a record is of: its class, and what was done.
struct Class {
    uid: u64,
    name: &'static str,
    category_uid: u64,
    category: &'static str,
    activity_id: u64,
    activity: &'static str,
}

/// The record of a change, given the origin of the log and the hash of its entry as a leaf.
pub(crate) fn record(change: &Change, origin: &str, leaf: &Hash) -> Value {
    let class = Class::of(change);
    let mut record = json!({
        "activity_id": class.activity_id,
        "activity_name": class.activity,
        "category_uid": class.category_uid,
        "category_name": class.category,
        "class_uid": class.uid,
        "class_name": class.name,
        "type_uid": class.uid * 100 + class.activity_id,
        "type_name": format!("{}: {}", class.name, class.activity),
        "severity_id": 1,
        "severity": "Informational",
        "status_id": 1,
        "status": "Success",
        "time": change.effective_at.timestamp_millis(),
        "actor": {"user": {"name": change.actor, "uid": change.actor}},
        "metadata": metadata(change, origin),
        "unmapped": unmapped(change, leaf),
        "attestation_list": [{"authority_uid": origin, "chain_uid": origin}],
    });
    if let Some(address) = &change.origin.address {
        let name = if address.parse::<IpAddr>().is_ok() { "ip" } else { "hostname" };
        record["src_endpoint"] = json!({name: address});
    }
    let comment =
        [&change.reason, &change.note].into_iter().flatten().cloned().collect::<Vec<_>>().join("; ");
    if !comment.is_empty() {
        record["comment"] = comment.into();
    }
    class.complete(change, &mut record);
    let value = hex(&Sha256::digest(canonical_json(&record)));
    let fingerprint = json!({"algorithm": "SHA-256", "algorithm_id": 3, "value": value});
    record["attestation_list"][0]["fingerprint"] = fingerprint;
    record
}

fn metadata(change: &Change, origin: &str) -> Value {
    let mut metadata = json!({
        "version": VERSION,
        "uid": change.id,
        "event_code": change.event_type,
        "sequence": change.position,
        "log_name": origin,
        "log_provider": "Waymark",
        "logged_time": change.recorded_at.timestamp_millis(),
        "profiles": ["record_integrity"],
        "product": {"name": "Waymark", "vendor_name": "Waymark", "version": env!("CARGO_PKG_VERSION")},
    });
    if let Some(cause) = change.cause {
        metadata["correlation_uid"] = cause.to_string().into();
    }
    metadata
}

/// What the framework has no place for.
fn unmapped(change: &Change, leaf: &Hash) -> Value {
    let Ok(Value::Object(members)) = serde_json::to_value(change) else { return Value::Null };
    let mapped = ["id", "actor", "type", "effective_at", "reason", "note", "before", "after", "position"];
    let rest =
        members.into_iter().filter(|(name, value)| !mapped.contains(&name.as_str()) && !value.is_null());
    let mut rest: Map<String, Value> = rest.collect();
    rest.insert("leaf_hash".to_owned(), hex(leaf).into());
    Value::Object(rest)
}

impl Class {
    fn of(change: &Change) -> Self {
        let (family, _) = change.event_type.split_once('.').unwrap_or((&change.event_type, ""));
        match family {
            "member" => Self::user_management(change),
            "projection" | "log" => Self::api_activity(3, "Update"),
            "export" => Self::api_activity(2, "Read"),
            _ => Self::entity_management(change),
        }
    }

    fn user_management(change: &Change) -> Self {
        let removed = change.after.is_none();
        let (activity_id, activity) = if removed { (3, "Delete") } else { (16, "Assign Roles") };
        let (uid, name) = (3_007, "User Management");
        Self { uid, name, category_uid: 3, category: "Identity & Access Management", activity_id, activity }
    }

    fn api_activity(activity_id: u64, activity: &'static str) -> Self {
        let (uid, name, category) = (6_003, "API Activity", "Application Activity");
        Self { uid, name, category_uid: 6, category, activity_id, activity }
    }

    fn entity_management(change: &Change) -> Self {
        let (activity_id, activity) = match (&change.before, &change.after) {
            _ if change.event_type == "customer.erased" => (4, "Delete"),
            (None, Some(_)) if is_creation(&change.event_type) => (1, "Create"),
            (Some(_), None) if !change.event_type.starts_with("customer.") => (4, "Delete"),
            _ => (3, "Update"),
        };
        let (uid, name) = (3_004, "Entity Management");
        Self { uid, name, category_uid: 3, category: "Identity & Access Management", activity_id, activity }
    }

    /// Adds what records of the class have of their own.
    fn complete(&self, change: &Change, record: &mut Value) {
        match self.uid {
            3_007 => {
                let side = change.after.as_ref().or(change.before.as_ref());
                let name = side.and_then(|side| side["actor"].as_str()).unwrap_or(&change.subject);
                record["user"] = json!({"name": name, "uid": name});
                let roles = side.and_then(|side| side["roles"].as_array()).cloned().unwrap_or_default();
                record["iam_roles"] =
                    roles.into_iter().map(|role| json!({"name": role, "uid": role})).collect();
            }
            6_003 => {
                record["api"] = json!({"operation": change.event_type});
                if record.get("src_endpoint").is_none() {
                    record["src_endpoint"] = json!({"name": change.origin.kind.as_str()});
                }
                record["resources"] = json!([{"name": change.subject, "data": change.after}]);
            }
            _ => {
                record["entity"] = entity(change, change.before.as_ref());
                record["entity_result"] = entity(change, change.after.as_ref());
            }
        }
    }
}

/// Whether the first event about something is of this type.
fn is_creation(event_type: &str) -> bool {
    let making = [".registered", ".published", ".created", ".adopted", ".set", ".declared", ".appointed"];
    making.iter().any(|suffix| event_type.ends_with(suffix))
}

fn entity(change: &Change, side: Option<&Value>) -> Value {
    let (kind, id) = change.subject.split_once('/').unwrap_or((&change.subject, ""));
    let mut entity = json!({"type": kind, "uid": if id.is_empty() { kind } else { id }});
    if let Some(side) = side {
        entity["data"] = side.clone();
    }
    if let Some(version) = change.pipeline_version {
        entity["version"] = version.to_string().into();
    }
    entity
}
