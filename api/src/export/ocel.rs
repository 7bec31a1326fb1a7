//! Customers and the stages they enter as an object-centric event log, OCEL 2.0 in JSON (ocel-standard.org), after its schema.
//!
//! Objects are customers, journeys, reps, pools and versions of pipelines. An event is of the type of the stage that is entered.
//! All values are texts, as the schema wants them; what they are is said by the types. Values of objects hold from 1970-01-01T00:00:00Z on: the format wants an instant for each, and knows no other way to
//! say that none is known.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use waymark_domain::ProfileField;
use waymark_projections::board::CustomerReport;

use super::entered::Entered;
use super::table::{Cell, Column, ColumnType, instant_text};

/// The instant from which values hold of which no instant is known.
const ALWAYS: &str = "1970-01-01T00:00:00Z";

/// The attributes of each type of objects.
fn object_types() -> [(&'static str, Vec<&'static str>); 5] {
    let before = ["external_id", "tier", "source", "channel"];
    let texts = ProfileField::IN_REPORTS.map(ProfileField::key);
    [
        ("customer", [&before[..], &texts, &["amount", "currency"]].concat()),
        ("journey", vec!["pipeline"]),
        ("rep", vec!["name"]),
        ("pool", vec!["key"]),
        ("pipeline_version", vec!["pipeline", "version"]),
    ]
}

/// What is collected while objects and events are written.
pub(super) struct Ocel {
    /// The attributes of every type of events.
    attributes: &'static [Column],
    actors: BTreeSet<String>,
    pools: BTreeSet<String>,
    versions: BTreeSet<(String, u32)>,
    stages: BTreeSet<String>,
    comma: bool,
}

impl Ocel {
    pub(super) fn new(attributes: &'static [Column]) -> Self {
        let (actors, pools, stages) = Default::default();
        Self { attributes, actors, pools, stages, versions: BTreeSet::new(), comma: false }
    }

    /// Notes what an event refers to, before anything is written.
    pub(super) fn note(&mut self, entered: &Entered) {
        let actor = entered.recorded.as_ref().map(|(actor, _)| actor);
        let texts = [(&mut self.actors, actor), (&mut self.stages, Some(&entered.stage))];
        for (known, text) in texts {
            if let Some(text) = text
                && !known.contains(text)
            {
                known.insert(text.clone());
            }
        }
        let is_known = |(pipeline, version): &(String, u32)| {
            *pipeline == entered.pipeline && *version == entered.version
        };
        if !self.versions.iter().any(is_known) {
            self.versions.insert((entered.pipeline.clone(), entered.version));
        }
    }

    /// The types, and the beginning of the objects.
    pub(super) fn begin(&self, out: &mut String) {
        let objects = object_types().map(|(name, attributes)| {
            let attributes: Vec<Value> =
                attributes.iter().map(|name| json!({"name": name, "type": "string"})).collect();
            json!({"name": name, "attributes": attributes})
        });
        let attributes = self.attributes.iter();
        let attributes: Vec<Value> =
            attributes.map(|column| json!({"name": column.name, "type": type_word(column.kind)})).collect();
        let events: Vec<Value> =
            self.stages.iter().map(|stage| json!({"name": stage, "attributes": attributes})).collect();
        out.push_str("{\"objectTypes\":");
        out.push_str(&Value::from(objects.to_vec()).to_string());
        out.push_str(",\"eventTypes\":");
        out.push_str(&Value::Array(events).to_string());
        out.push_str(",\"objects\":[");
    }

    /// A customer, and whose it is.
    pub(super) fn customer(&mut self, customer: &CustomerReport, out: &mut String) {
        let amount = customer.amount.as_ref();
        let before = [
            ("external_id", customer.external_id.clone()),
            ("tier", customer.tier.clone()),
            ("source", customer.source.clone()),
            ("channel", customer.channel.clone()),
        ];
        let texts = ProfileField::IN_REPORTS.map(|field| (field.key(), customer.texts.get(field).clone()));
        let after = [
            ("amount", amount.map(|amount| amount.amount.clone())),
            ("currency", amount.map(|amount| amount.currency.clone())),
        ];
        let values: Vec<_> = before.into_iter().chain(texts).chain(after).collect();
        let owner = if customer.owner.kind == "pool" {
            self.pools.insert(customer.owner.id.clone());
            format!("pool:{}", customer.owner.id)
        } else {
            let rep = format!("rep:{}", customer.owner.id);
            self.actors.insert(rep.clone());
            rep
        };
        let related = [(owner, "owner")];
        self.object(&format!("customer:{}", customer.id), "customer", &values, &related, out);
    }

    /// A customer of whom nothing is shown but that events are its.
    pub(super) fn bare_customer(&mut self, customer: uuid::Uuid, out: &mut String) {
        self.object(&format!("customer:{customer}"), "customer", &[], &[], out);
    }

    /// A journey.
    pub(super) fn journey(&mut self, entered: &Entered, out: &mut String) {
        let related = [(format!("customer:{}", entered.customer), "customer")];
        let values = [("pipeline", Some(entered.pipeline.clone()))];
        self.object(&journey_id(entered), "journey", &values, &related, out);
    }

    /// What was collected, the end of the objects, and the beginning of the events.
    pub(super) fn events(&mut self, out: &mut String) {
        for actor in std::mem::take(&mut self.actors) {
            self.object(&actor_id(&actor), "rep", &[("name", Some(actor.clone()))], &[], out);
        }
        for pool in std::mem::take(&mut self.pools) {
            self.object(&format!("pool:{pool}"), "pool", &[("key", Some(pool.clone()))], &[], out);
        }
        for (pipeline, version) in std::mem::take(&mut self.versions) {
            let id = version_id(&pipeline, version);
            let values = [("pipeline", Some(pipeline)), ("version", Some(version.to_string()))];
            self.object(&id, "pipeline_version", &values, &[], out);
        }
        out.push_str("\n],\"events\":[");
        self.comma = false;
    }

    /// An event.
    pub(super) fn event(&mut self, entered: &Entered, out: &mut String) {
        let mut attributes = Vec::new();
        for (column, cell) in
            self.attributes.iter().zip(&entered.cells).filter(|(_, cell)| **cell != Cell::Empty)
        {
            let mut value = String::new();
            cell.write(&mut value);
            attributes.push(json!({"name": column.name, "value": value}));
        }
        let Entered { pipeline, version, customer, recorded, .. } = entered;
        let mut related = vec![
            (format!("customer:{customer}"), "customer"),
            (journey_id(entered), "journey"),
            (version_id(pipeline, *version), "definition"),
        ];
        related.extend(recorded.as_ref().map(|(actor, _)| (actor_id(actor), "actor")));
        let by = recorded.as_ref().map_or(customer, |(_, event)| event);
        let event = json!({
            "id": format!("event:{by}:{pipeline}"),
            "type": entered.stage,
            "time": instant_text(entered.at),
            "attributes": attributes,
            "relationships": relationships(&related),
        });
        self.item(&event, out);
    }

    /// The end.
    pub(super) fn end(out: &mut String) {
        out.push_str("\n]}\n");
    }

    fn object(
        &mut self,
        id: &str,
        kind: &str,
        values: &[(&str, Option<String>)],
        related: &[(String, &str)],
        out: &mut String,
    ) {
        let attributes: Vec<Value> = values
            .iter()
            .filter_map(|(name, value)| Some(json!({"name": name, "time": ALWAYS, "value": value.as_ref()?})))
            .collect();
        let object = json!({"id": id, "type": kind, "attributes": attributes, "relationships": relationships(related)});
        self.item(&object, out);
    }

    fn item(&mut self, item: &Value, out: &mut String) {
        out.push_str(if self.comma { ",\n" } else { "\n" });
        self.comma = true;
        out.push_str(&item.to_string());
    }
}

fn relationships(related: &[(String, &str)]) -> Vec<Value> {
    related.iter().map(|(id, qualifier)| json!({"objectId": id, "qualifier": qualifier})).collect()
}

/// The word of a type.
fn type_word(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "string",
        ColumnType::Integer => "integer",
        ColumnType::Number | ColumnType::Amount => "float",
        ColumnType::Instant => "time",
        ColumnType::Boolean => "boolean",
    }
}

fn journey_id(entered: &Entered) -> String {
    format!("journey:{}:{}", entered.pipeline, entered.customer)
}

/// Every actor is an object of the type rep, the system's own rules among them.
fn actor_id(actor: &str) -> String {
    if actor.starts_with("rep:") { actor.to_owned() } else { format!("rep:{actor}") }
}

fn version_id(pipeline: &str, version: u32) -> String {
    format!("pipeline_version:{pipeline}:{version}")
}
