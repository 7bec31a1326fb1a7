//! What one event changes, from what to what, given what was recorded of the same subject before.
//!
//! A fold over documents as the log has them, newest version or not: fields that a version lacks are fields that it did not
//! change. Each difference has the fields that changed alone, with the same names on both sides.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Fields, and what they held.
pub(super) type Fields = Map<String, Value>;

/// What an event changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Difference {
    /// What the fields held; none where there was nothing.
    pub(super) before: Option<Fields>,
    /// What they hold since; none where there is nothing.
    pub(super) after: Option<Fields>,
}

/// The fields that describe a customer: those that a registration and a change of details set.
const DESCRIBED: [&str; 10] = [
    "name",
    "external_id",
    "source",
    "channel",
    "contacts",
    "tags",
    "tier",
    "amount",
    "fields",
    "expected_close",
];

/// A customer as far as the differences of its events ask for it.
#[derive(Debug, Default)]
pub(super) struct CustomerFields {
    fields: Fields,
    /// The sub-status of each journey.
    sub_status: HashMap<String, Value>,
    /// What each move said: its stage and its instant.
    moves: HashMap<Uuid, (Value, Value)>,
}

/// An event as the fold takes it.
pub(super) struct FoldedEvent<'a> {
    pub(super) id: Uuid,
    pub(super) event_type: &'a str,
    /// When it happened, as its document has it.
    pub(super) time: &'a Value,
    pub(super) data: &'a Fields,
}

impl FoldedEvent<'_> {
    fn value(&self, field: &str) -> Value {
        self.data.get(field).cloned().unwrap_or_default()
    }

    fn text(&self, field: &str) -> String {
        self.data.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn id(&self, field: &str) -> Option<Uuid> {
        Uuid::try_parse(self.data.get(field)?.as_str()?).ok()
    }

    /// All of it, but for what other columns of an answer say.
    fn whole(&self) -> Option<Fields> {
        let told =
            ["reason", "reason_text", "note", "text", "summary", "rule", "pipeline_version", "credential"];
        let rest = self.data.iter().filter(|(field, _)| !told.contains(&field.as_str()));
        let rest: Fields = rest.map(|(field, value)| (field.clone(), value.clone())).collect();
        (!rest.is_empty()).then_some(rest)
    }
}

impl CustomerFields {
    /// Folds an event in, and answers what it changed.
    pub(super) fn apply(&mut self, said: &FoldedEvent<'_>) -> Difference {
        match said.event_type {
            "customer.registered" => self.registered(said),
            "customer.details_changed" => self.details(said),
            "customer.moved"
            | "customer.move_inserted"
            | "customer.reactivated"
            | "customer.stage_migrated" => self.moved(said),
            "customer.sub_status_set" => {
                let former = self.sub_status.insert(said.text("journey"), said.value("sub_status"));
                one("sub_status", former.unwrap_or_default(), said.value("sub_status"))
            }
            "customer.move_target_corrected" => {
                let former = self.corrected(said).map_or(Value::Null, |(stage, _)| stage);
                one("stage", former, said.value("to"))
            }
            "customer.move_time_corrected" => {
                let former = self.corrected(said).map_or(Value::Null, |(_, at)| at);
                one("effective_at", former, said.value("moved_at"))
            }
            "customer.move_voided" => {
                let (stage, at) = self.corrected(said).unwrap_or_default();
                let before = fields([("stage", stage), ("effective_at", at)]);
                Difference { before: Some(before), after: None }
            }
            "customer.claimed" => self.set(fields([("owner", owner("rep", &said.value("rep")))])),
            "customer.released" => self.set(fields([("owner", owner("pool", &said.value("pool")))])),
            "customer.owner_changed" => self.set(fields([("owner", said.value("to"))])),
            "customer.merged_into" => self.set(fields([("merged_into", said.value("survivor"))])),
            "customer.unmerged" if self.fields.contains_key("merged_into") => {
                self.set(fields([("merged_into", Value::Null)]))
            }
            "customer.next_contact_set" => {
                let next = json!({"at": said.value("at"), "text": said.value("text")});
                self.set(fields([("next_contact", next)]))
            }
            "customer.followed_up" => self.set(fields([("next_contact", said.value("next_plan"))])),
            "customer.risk_flagged" => self.set(fields([("at_risk", said.value("at_risk"))])),
            "customer.scored" => self.scored(said),
            _ => Difference { before: None, after: said.whole() },
        }
    }

    fn registered(&mut self, said: &FoldedEvent<'_>) -> Difference {
        self.moves.insert(said.id, (said.value("stage"), said.time.clone()));
        self.sub_status.insert(said.text("pipeline"), said.value("sub_status"));
        let mut all = described(said.data);
        let begins = ["pipeline", "stage", "sub_status", "owner"];
        all.extend(begins.into_iter().map(|field| (field.to_owned(), said.value(field))));
        all.retain(|_, value| !value.is_null());
        let after = self.set(all).after;
        Difference { before: None, after }
    }

    fn details(&mut self, said: &FoldedEvent<'_>) -> Difference {
        let mut new = described(said.data);
        // Custom fields that are set beside the former ones leave those as they are.
        if said.value("adds_fields") == json!(true)
            && let Some(Value::Object(held)) = self.fields.get("fields")
            && let Some(Value::Object(added)) = new.get_mut("fields")
        {
            *added = held.clone().into_iter().chain(std::mem::take(added)).collect();
        }
        self.set(new)
    }

    /// The score of each scorer stands for itself.
    fn scored(&mut self, said: &FoldedEvent<'_>) -> Difference {
        let by = said.value("by");
        let scorer = format!("score/{}", by["name"].as_str().unwrap_or_default());
        let before = self.fields.insert(scorer, said.value("score")).map(|score| fields([("score", score)]));
        Difference { before, after: said.whole() }
    }

    fn moved(&mut self, said: &FoldedEvent<'_>) -> Difference {
        self.moves.insert(said.id, (said.value("to"), said.time.clone()));
        let (from, to) = (said.value("from"), said.value("to"));
        let sub_status = said.value("sub_status");
        // What is inserted between others says nothing of where the customer is now.
        let former = match said.event_type {
            "customer.move_inserted" => Value::Null,
            _ => self.sub_status.insert(said.text("journey"), sub_status.clone()).unwrap_or_default(),
        };
        let side = |stage: Value, sub_status: Value| {
            let mut side = fields([("stage", stage)]);
            if !sub_status.is_null() {
                side.insert("sub_status".to_owned(), sub_status);
            }
            side
        };
        let before = (!from.is_null()).then(|| side(from, former));
        Difference { before, after: Some(side(to, sub_status)) }
    }

    /// The stage and the instant that a corrected move had when it was recorded, or was corrected last.
    fn corrected(&mut self, said: &FoldedEvent<'_>) -> Option<(Value, Value)> {
        let corrects = said.id("corrects")?;
        let former = self.moves.get(&corrects)?.clone();
        let mut now = former.clone();
        match said.event_type {
            "customer.move_target_corrected" => now.0 = said.value("to"),
            "customer.move_time_corrected" => now.1 = said.value("moved_at"),
            _ => {}
        }
        // A later correction may refer to the move or to this correction.
        self.moves.insert(corrects, now.clone());
        self.moves.insert(said.id, now);
        Some(former)
    }

    /// Sets fields, and answers those that hold something else than before.
    fn set(&mut self, new: Fields) -> Difference {
        let (mut before, mut after) = (Fields::new(), Fields::new());
        for (field, value) in new {
            let former = self.fields.insert(field.clone(), value.clone()).unwrap_or_default();
            if former != value {
                before.insert(field.clone(), former);
                after.insert(field, value);
            }
        }
        Difference { before: Some(before), after: Some(after) }
    }
}

/// What an event says of the fields that describe a customer. What it takes away is null.
fn described(data: &Fields) -> Fields {
    let mut described = Fields::new();
    for field in DESCRIBED {
        if let Some(value) = data.get(field) {
            described.insert(field.to_owned(), value.clone());
        }
    }
    let profile = data.get("profile").and_then(Value::as_object);
    for (field, value) in profile.into_iter().flatten().filter(|(field, _)| *field != "cleared") {
        described.insert(field.clone(), value.clone());
    }
    for cleared in [Some(data), profile].into_iter().flatten().filter_map(|said| said.get("cleared")) {
        let cleared = cleared.as_array().into_iter().flatten().filter_map(Value::as_str);
        described.extend(cleared.map(|name| (name.to_owned(), Value::Null)));
    }
    described
}

fn owner(kind: &str, id: &Value) -> Value {
    json!({"kind": kind, "id": id})
}

fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Fields {
    pairs.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
}

fn one(field: &str, before: Value, after: Value) -> Difference {
    Difference { before: Some(fields([(field, before)])), after: Some(fields([(field, after)])) }
}

/// What a tenant has set up, as far as the differences of its events ask for it: pipelines, people, keys, receivers, settings.
#[derive(Debug, Default)]
pub(super) struct CompanyFields {
    things: HashMap<String, Fields>,
}

impl CompanyFields {
    /// Folds an event in, and answers what it changed.
    pub(super) fn apply(&mut self, said: &FoldedEvent<'_>) -> Difference {
        let Some((thing, now)) = thing_of(said) else {
            return Difference { before: None, after: said.whole() };
        };
        let before = match &now {
            Some(now) => self.things.insert(thing, now.clone()),
            None => self.things.remove(&thing),
        };
        Difference { before, after: now }
    }
}

/// What an event is about, and how that is from now on; none where it is no more.
fn thing_of(said: &FoldedEvent<'_>) -> Option<(String, Option<Fields>)> {
    let nested = |name: &str| said.data.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let within = |object: &Fields, field: &str| {
        object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let set = |kind: &str, object: Fields, key: &str| {
        Some((format!("{kind}/{}", within(&object, key)), Some(object)))
    };
    let gone = |kind: &str, key: &str| Some((format!("{kind}/{}", said.text(key)), None));
    match said.event_type {
        "team.set" => set("team", nested("team"), "key"),
        "team.dissolved" => gone("team", "key"),
        "member.roles_set" => {
            let roles = fields([("actor", said.value("actor")), ("roles", said.value("roles"))]);
            set("member", roles, "actor")
        }
        "member.removed" => gone("member", "actor"),
        "key.created" | "key.adopted" => set("key", nested("key"), "id"),
        "key.revoked" => gone("key", "id"),
        "receiver.created" | "receiver.adopted" => set("receiver", nested("receiver"), "id"),
        "receiver.deleted" => gone("receiver", "id"),
        "consumer.created" => set("consumer", nested("consumer"), "id"),
        "consumer.deleted" => gone("consumer", "id"),
        "deputy.appointed" => set("deputy", nested("deputy"), "id"),
        "deputy.dismissed" => gone("deputy", "id"),
        "field.declared" => set("field", nested("field"), "key"),
        "field.withdrawn" => gone("field", "key"),
        "rates.set" => set("rates", nested("rates"), "date"),
        "calendar.set" => set("calendar", nested("calendar"), "key"),
        "intake.set" => Some(("intake".to_owned(), Some(nested("intake")))),
        "pipeline.published" => {
            let pipeline = nested("pipeline");
            let version = pipeline.get("version").cloned().unwrap_or_default();
            let from = said.value("effective_from");
            let now = fields([("version", version), ("effective_from", from)]);
            Some((format!("pipeline/{}", within(&pipeline, "key")), Some(now)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(customer: &mut CustomerFields, id: u128, event_type: &str, data: &Value) -> Value {
        let time = json!(format!("2026-03-0{id}T08:00:00Z"));
        let data = data.as_object().unwrap();
        let said = FoldedEvent { id: Uuid::from_u128(id), event_type, time: &time, data };
        let Difference { before, after } = customer.apply(&said);
        json!([before, after])
    }

    #[test]
    fn each_event_of_a_customer_tells_what_it_changed_and_from_what() {
        let mut customer = CustomerFields::default();
        let id = |number: u128| Uuid::from_u128(number).to_string();
        let told = |changed: Value, before: Value, after: Value| assert_eq!(changed, json!([before, after]));
        let registered = json!({"pipeline": "p", "stage": "new", "name": "Zhang", "tags": ["a"], "owner": {"kind": "pool", "id": "x"}});
        told(
            apply(&mut customer, 1, "customer.registered", &registered),
            Value::Null,
            json!({"name": "Zhang", "owner": {"id": "x", "kind": "pool"}, "pipeline": "p", "stage": "new", "tags": ["a"]}),
        );
        let details = json!({"name": "Zhang Wei", "tags": ["a"], "tier": "A", "profile": {"industry": "ships", "cleared": ["region"]}});
        told(
            apply(&mut customer, 2, "customer.details_changed", &details),
            json!({"name": "Zhang", "industry": null, "tier": null}),
            json!({"name": "Zhang Wei", "industry": "ships", "tier": "A"}),
        );
        told(
            apply(&mut customer, 2, "customer.details_changed", &json!({"cleared": ["tier", "industry"]})),
            json!({"tier": "A", "industry": "ships"}),
            json!({"tier": null, "industry": null}),
        );
        told(
            apply(
                &mut customer,
                3,
                "customer.moved",
                &json!({"journey": "p", "from": "new", "to": "talking", "sub_status": "s"}),
            ),
            json!({"stage": "new"}),
            json!({"stage": "talking", "sub_status": "s"}),
        );
        told(
            apply(
                &mut customer,
                4,
                "customer.move_target_corrected",
                &json!({"journey": "p", "corrects": id(3), "to": "quoted"}),
            ),
            json!({"stage": "talking"}),
            json!({"stage": "quoted"}),
        );
        told(
            apply(
                &mut customer,
                5,
                "customer.move_time_corrected",
                &json!({"corrects": id(4), "moved_at": "2026-03-02T00:00:00Z"}),
            ),
            json!({"effective_at": "2026-03-03T08:00:00Z"}),
            json!({"effective_at": "2026-03-02T00:00:00Z"}),
        );
        told(
            apply(&mut customer, 6, "customer.move_voided", &json!({"corrects": id(5), "reason": "wrong"})),
            json!({"stage": "quoted", "effective_at": "2026-03-02T00:00:00Z"}),
            Value::Null,
        );
        told(
            apply(&mut customer, 7, "customer.claimed", &json!({"rep": "li", "pool": "x"})),
            json!({"owner": {"kind": "pool", "id": "x"}}),
            json!({"owner": {"kind": "rep", "id": "li"}}),
        );
        told(apply(&mut customer, 8, "customer.noted", &json!({"text": "hm"})), Value::Null, Value::Null);
        told(
            apply(&mut customer, 9, "customer.signalled", &json!({"kind": "paid"})),
            Value::Null,
            json!({"kind": "paid"}),
        );
    }

    #[test]
    fn fields_that_a_move_brings_stand_beside_the_others_and_scores_and_risks_have_their_former_values() {
        let mut customer = CustomerFields::default();
        let mut changed = |event_type: &str, data: Value| apply(&mut customer, 1, event_type, &data);
        changed("customer.registered", json!({"pipeline": "p", "stage": "new", "fields": {"a": 1, "b": 1}}));
        let brought = json!({"fields": {"b": 2}, "field_names": ["b"], "adds_fields": true});
        assert_eq!(
            changed("customer.details_changed", brought),
            json!([{"fields": {"a": 1, "b": 1}}, {"fields": {"a": 1, "b": 2}}])
        );
        let replaced = json!({"fields": {"c": 3}, "field_names": ["c"]});
        assert_eq!(
            changed("customer.details_changed", replaced),
            json!([{"fields": {"a": 1, "b": 2}}, {"fields": {"c": 3}}])
        );
        let scored = |score: &str, by: Value| json!({"score": score, "by": by});
        let model = || json!({"kind": "model", "name": "churn", "version": "1"});
        assert_eq!(changed("customer.scored", scored("0.4", model()))[0], Value::Null);
        let intake = json!({"kind": "intake", "weights_version": 0});
        assert_eq!(changed("customer.scored", scored("70", intake))[0], Value::Null);
        let again = changed("customer.scored", scored("0.8", model()));
        assert_eq!((&again[0], &again[1]["score"]), (&json!({"score": "0.4"}), &json!("0.8")));
        assert_eq!(
            changed("customer.risk_flagged", json!({"at_risk": true, "reason": "silent"})),
            json!([{"at_risk": null}, {"at_risk": true}])
        );
    }

    #[test]
    fn what_is_set_up_is_told_whole_before_and_after_and_apart_by_key() {
        let mut company = CompanyFields::default();
        let mut apply = |event_type: &str, data: Value| {
            let data = data.as_object().unwrap();
            let said = FoldedEvent { id: Uuid::nil(), event_type, time: &Value::Null, data };
            let Difference { before, after } = company.apply(&said);
            json!([before, after])
        };
        let roles = |roles: Value| json!({"actor": "rep:li", "roles": roles});
        assert_eq!(apply("member.roles_set", roles(json!(["rep"]))), json!([null, roles(json!(["rep"]))]));
        assert_eq!(apply("member.roles_set", json!({"actor": "rep:wu", "roles": ["rep"]}))[0], Value::Null);
        let both = roles(json!(["rep", "supervisor"]));
        assert_eq!(apply("member.roles_set", both.clone()), json!([roles(json!(["rep"])), both]));
        assert_eq!(apply("member.removed", json!({"actor": "rep:li"})), json!([both, null]));
        let published = |version: u32| json!({"pipeline": {"key": "p", "version": version, "stages": []}});
        assert_eq!(apply("pipeline.published", published(1))[0], Value::Null);
        let second = apply("pipeline.published", published(2));
        assert_eq!((&second[0]["version"], &second[1]["version"]), (&json!(1), &json!(2)));
    }
}
