//! Where a customer may go from here, and what each move asks for.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::decide::{migrate, proof, transition};
use super::state::Customer;
use super::timeline::Stay;
use crate::field::FieldType;
use crate::pipeline::{Approval, CUSTOMER_FIELDS, EntryForm, EvidenceKind, Stage, demanded_evidence};
use crate::{Context, Label, Pipeline, Violation};

/// One stage that is not the present one.
#[derive(Debug, Clone, PartialEq)]
pub struct AllowedTransition {
    /// The stage.
    pub to: String,
    /// What it is called.
    pub name: Label,
    /// Whether a move there succeeds once its form is filled in.
    pub allowed: bool,
    /// What stands in the way.
    pub violations: Vec<Violation>,
    /// A JSON Schema of what the move asks for.
    pub form: Value,
    /// Who must approve, where the move needs it.
    pub approval: Option<Approval>,
}

/// What a stage may ask to be known of a customer that a move can bring along, custom fields aside.
const IN_THE_FORM: [&str; 3] = ["postponed_until", "won_amount", "amount"];

/// Whether a move can bring a field along that a stage asks for: what is no part of every customer is a custom field.
fn comes_along(field: &str) -> bool {
    IN_THE_FORM.contains(&field) || !CUSTOMER_FIELDS.contains(&field)
}

/// Every stage of the pipeline but the present one, in order, judged by the rules that decide the move itself.
pub fn allowed_transitions(
    customer: &Customer,
    pipeline: &Pipeline,
    context: &Context<'_>,
) -> Vec<AllowedTransition> {
    // Judged as the move itself would be: in the definition in force, where the customer may have to be placed first.
    let settled = migrate::settled(customer, &pipeline.key, context).ok().flatten();
    let customer = settled.as_ref().map_or(customer, |(_, settled)| settled);
    let from = customer.journeys.current(&pipeline.key);
    let elsewhere = |stage: &&Stage| from.is_none_or(|from| from.stage != stage.id);
    let judged = |stage: &Stage| {
        let rule = from.and_then(|from| pipeline.transition(&from.stage, &stage.id));
        let asked = stage.entry_form.fields.iter().chain(rule.iter().flat_map(|rule| &rule.fields));
        let brought: BTreeSet<String> = asked.filter(|field| comes_along(field)).cloned().collect();
        let standing = transition::form::unmet_standing(customer, pipeline, from, stage, &brought);
        let blocking_violations =
            transition::blocking_violations(customer, pipeline, from, &stage.id, context);
        let violations = [blocking_violations, standing].concat();
        AllowedTransition {
            to: stage.id.clone(),
            name: stage.name.clone(),
            allowed: violations.is_empty(),
            violations,
            form: form(customer, pipeline, (from, stage), &brought, context),
            approval: transition::approval(pipeline, from, &stage.id, context).cloned(),
        }
    };
    pipeline.stages.iter().filter(elsewhere).map(judged).collect()
}

/// The JSON Schema (draft 2020-12) of the body of a move to the stage.
fn form(
    customer: &Customer,
    pipeline: &Pipeline,
    (from, stage): (Option<&Stay>, &Stage),
    demanded_fields: &BTreeSet<String>,
    context: &Context<'_>,
) -> Value {
    let EntryForm { note, next_step, reasons, evidence, offers, .. } = &stage.entry_form;
    let demanded = |kinds: &[EvidenceKind]| demanded(customer, &pipeline.key, from, kinds);
    let finer = stage.sub_statuses.iter().map(|sub| (&sub.id, demanded(&sub.evidence)));
    let finer = finer.filter(|(_, demanded)| !demanded.is_empty()).map(|(id, demanded)| {
        json!({
            "if": { "properties": { "sub_status": { "const": id } }, "required": ["sub_status"] },
            "then": { "allOf": demanded },
        })
    });
    let asking: Vec<Value> = demanded(evidence).into_iter().chain(finer).collect();
    let mut required = vec!["to"];
    let missing = |field: &str| demanded_fields.contains(field) && !customer.knows(field);
    required.extend(IN_THE_FORM.iter().filter(|name| missing(name)));
    let custom: Vec<&String> = demanded_fields
        .iter()
        .chain(offers.iter().filter(|field| !demanded_fields.contains(*field)))
        .filter(|field| !CUSTOMER_FIELDS.contains(&field.as_str()))
        .collect();
    let missing_custom: Vec<&&String> = custom.iter().filter(|field| missing(field)).collect();
    required.extend((!missing_custom.is_empty()).then_some("fields"));
    required.extend(note.then_some("note"));
    required.extend(next_step.then_some("next_step"));
    required.extend((!reasons.is_empty()).then_some("reason"));
    let mut properties = Map::new();
    properties.insert("to".to_owned(), json!({ "const": stage.id }));
    properties.insert("note".to_owned(), text());
    properties.insert("next_step".to_owned(), text());
    properties.insert("reason".to_owned(), reason(pipeline, reasons));
    properties.insert("evidence".to_owned(), documents(stage));
    properties.insert("effective_at".to_owned(), json!({ "type": "string", "format": "date-time" }));
    if stage.kind.stops_clock() {
        properties.insert("postponed_until".to_owned(), json!({ "type": "string", "format": "date" }));
    }
    if stage.kind.closes_a_deal() {
        properties.insert("won_amount".to_owned(), money());
    }
    let asks_amount = demanded_fields.iter().chain(offers).any(|field| field == "amount");
    if asks_amount {
        properties.insert("amount".to_owned(), money());
    }
    if !custom.is_empty() {
        let each = custom.iter().map(|key| ((*key).clone(), custom_field(key, context)));
        let each: Map<String, Value> = each.collect();
        let fields = json!({ "type": "object", "properties": each, "required": missing_custom });
        properties.insert("fields".to_owned(), fields);
    }
    properties.insert("documents".to_owned(), new_documents(stage));
    if !stage.sub_statuses.is_empty() {
        let choices = stage.sub_statuses.iter().map(|sub| choice(&sub.id, &sub.name));
        properties.insert("sub_status".to_owned(), json!({ "oneOf": choices.collect::<Vec<_>>() }));
    }
    let mut form = json!({
        "type": "object", "additionalProperties": false, "properties": properties, "required": required
    });
    if !asking.is_empty() {
        form["allOf"] = Value::Array(asking);
    }
    form
}

/// That of each group of kinds one is shown: named as evidence, or brought along as a document. What a transaction shows already
/// is not asked for.
fn demanded(customer: &Customer, journey: &str, from: Option<&Stay>, kinds: &[EvidenceKind]) -> Vec<Value> {
    let bought = |kind: &&EvidenceKind| proof::transaction(customer, journey, from, kind).is_some();
    let open = demanded_evidence(kinds.iter()).into_iter().filter(|group| !group.iter().any(bought));
    open.map(|group| {
        let kinds: Vec<&str> = group.iter().map(|kind| kind.kind.as_str()).collect();
        let one =
            json!({ "contains": { "properties": { "kind": { "enum": kinds } }, "required": ["kind"] } });
        let in_list = |list: &str| json!({ "properties": { (list): one }, "required": [list] });
        json!({ "anyOf": [in_list("evidence"), in_list("documents")] })
    })
    .collect()
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": super::decide::guard::MAX_TEXT_CHARS })
}

fn money() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object", "additionalProperties": false, "required": ["amount", "currency"],
        "properties": { "amount": text, "currency": text }
    })
}

/// What a custom field takes, as far as it is declared.
fn custom_field(key: &str, context: &Context<'_>) -> Value {
    let Some(field) = context.fields.get(key) else { return json!({ "title": key }) };
    let mut schema = match &field.kind {
        FieldType::Text => json!({ "type": "string", "minLength": 1 }),
        FieldType::Number => json!({ "type": ["number", "string"] }),
        FieldType::Integer => json!({ "type": "integer" }),
        FieldType::Money => money(),
        FieldType::Date => json!({ "type": "string", "format": "date" }),
        FieldType::Instant => json!({ "type": "string", "format": "date-time" }),
        FieldType::Boolean => json!({ "type": "boolean" }),
        FieldType::Choice { options, many } => {
            let one = options.iter().map(|option| choice(&option.id, &option.name)).collect::<Vec<_>>();
            let one = json!({ "oneOf": one });
            if *many { json!({ "type": "array", "uniqueItems": true, "items": one }) } else { one }
        }
    };
    schema["title"] = json!(field.name.en);
    schema["title_zh"] = json!(field.name.zh);
    schema
}

/// Documents that are added with the move; those that the stage asks for are its evidence.
fn new_documents(stage: &Stage) -> Value {
    let kind = match taken(stage) {
        kinds if kinds.is_empty() => json!({ "type": "string", "minLength": 1 }),
        kinds => one_of(&kinds),
    };
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "kind": kind,
                "name": { "type": "string", "minLength": 1 },
                "reference": { "type": "string", "minLength": 1 },
                "sha256": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
            },
            "required": ["kind", "reference", "sha256"],
        },
    })
}

fn choice(id: &str, name: &Label) -> Value {
    json!({ "const": id, "title": name.en, "title_zh": name.zh })
}

fn reason(pipeline: &Pipeline, codes: &[String]) -> Value {
    if codes.is_empty() {
        return text();
    }
    let named = codes.iter().filter_map(|code| pipeline.reasons.iter().find(|reason| reason.code == *code));
    json!({ "oneOf": named.map(|reason| choice(&reason.code, &reason.name)).collect::<Vec<_>>() })
}

/// The kinds of documents that the stage and its sub-statuses take, each once.
fn taken(stage: &Stage) -> Vec<&EvidenceKind> {
    let finer = stage.sub_statuses.iter().flat_map(|sub| &sub.evidence);
    let mut kinds: Vec<&EvidenceKind> = Vec::new();
    for kind in stage.entry_form.evidence.iter().chain(finer) {
        // Two sub-statuses may take the same kind.
        if !kinds.iter().any(|known| known.kind == kind.kind) {
            kinds.push(kind);
        }
    }
    kinds
}

fn one_of(kinds: &[&EvidenceKind]) -> Value {
    json!({ "oneOf": kinds.iter().map(|kind| choice(&kind.kind, &kind.name)).collect::<Vec<_>>() })
}

fn documents(stage: &Stage) -> Value {
    let kind = match taken(stage) {
        kinds if kinds.is_empty() => json!({ "type": "string" }),
        kinds => one_of(&kinds),
    };
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "kind": kind,
                "reference": { "type": "string", "minLength": 1 },
                "sha256": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
            },
            "required": ["kind", "reference"],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{CustomerEvent, Registered};
    use crate::refusal::Code;

    fn listed(spec: &Spec, pipeline: &Pipeline) -> Vec<AllowedTransition> {
        allowed_transitions(spec.customer.as_ref().unwrap(), pipeline, &spec.context())
    }

    #[test]
    fn every_stage_but_the_present_one_is_listed_with_what_stands_in_the_way() {
        let pipeline = &crate::pipeline::templates()[0].pipeline;
        let spec = given([registered_by_li()]);
        let all = listed(&spec, pipeline);
        assert_eq!(all.len(), 12);
        let allowed: Vec<&str> =
            all.iter().filter(|item| item.allowed).map(|item| item.to.as_str()).collect();
        assert_eq!(allowed, pipeline.allowed_from("new_lead"));
        let won = all.iter().find(|item| item.to == "won").unwrap();
        assert_eq!(won.violations[0].code, Code::TransitionNotAllowed.as_str());
    }

    #[test]
    fn what_is_listed_as_allowed_is_what_deciding_allows() {
        let pipeline = &crate::pipeline::templates()[0].pipeline;
        for item in listed(&given([registered_by_li(), moved("new_lead", "negotiating")]), pipeline) {
            let reason = item.form["required"]
                .as_array()
                .unwrap()
                .contains(&"reason".into())
                .then(|| "price".to_owned());
            let put_off = item.form["required"].as_array().unwrap().contains(&"postponed_until".into());
            let postponed_until = put_off.then(|| day(30).date_naive());
            let kinds =
                item.form["properties"]["documents"]["items"]["properties"]["kind"]["oneOf"].as_array();
            let papers = kinds.into_iter().flatten().map(|kind| crate::customer::command::AddDocument {
                kind: kind["const"].as_str().unwrap().to_owned(),
                reference: "dms-1".to_owned(),
                sha256: "0f".repeat(32),
                ..Default::default()
            });
            let command = crate::customer::command::Transition {
                reason,
                postponed_until,
                documents: papers.collect(),
                ..to(&item.to)
            };
            let spec = given([registered_by_li(), moved("new_lead", "negotiating")]);
            match item.allowed {
                true => drop(spec.when(command).events()),
                false => drop(spec.when(command).refuses([Code::TransitionNotAllowed])),
            }
        }
    }

    #[test]
    fn the_form_of_a_quote_has_room_for_amount_and_product_and_demands_the_receipt_alone() {
        let pipeline = &crate::pipeline::templates()[0].pipeline;
        let all = listed(&given([registered_by_li(), moved("new_lead", "need_confirmed")]), pipeline);
        let quoted = all.iter().find(|item| item.to == "proposal").unwrap();
        let properties = &quoted.form["properties"];
        assert_eq!(properties["amount"]["required"], json!(["amount", "currency"]));
        assert_eq!(properties["fields"]["properties"]["product"]["title"], "product");
        assert_eq!(quoted.form["required"], json!(["to"]));
    }

    #[test]
    fn the_form_of_losing_asks_for_one_of_the_reasons() {
        let pipeline = &crate::pipeline::templates()[0].pipeline;
        let all = listed(&given([registered_by_li()]), pipeline);
        let lost = all.iter().find(|item| item.to == "lost").unwrap();
        assert!(lost.allowed);
        assert_eq!(lost.form["required"], json!(["to", "reason"]));
        assert_eq!(lost.form["properties"]["reason"]["oneOf"][0]["const"], "price");
    }

    #[test]
    fn the_form_asks_for_the_evidence_of_a_sub_status_where_that_is_chosen() {
        let pipeline = &crate::pipeline::templates()[1].pipeline;
        let CustomerEvent::Registered(registered) = registered_by_li() else { panic!("a registration") };
        let first = Registered { pipeline: "landian-6".into(), stage: "first_contact".into(), ..registered };
        let all = listed(&given([CustomerEvent::Registered(first)]), pipeline);
        let form = &all.iter().find(|item| item.to == "need_confirmed").unwrap().form;
        assert!(
            !form["required"].as_array().unwrap().contains(&"evidence".into()),
            "only with the sub-status"
        );
        let asked = &form["allOf"][0];
        assert_eq!(asked["if"]["properties"]["sub_status"]["const"], "interested");
        for (n, list) in ["evidence", "documents"].into_iter().enumerate() {
            let way = &asked["then"]["allOf"][0]["anyOf"][n];
            assert_eq!(way["required"], json!([list]));
            let kind = &way["properties"][list]["contains"]["properties"]["kind"];
            assert_eq!(kind["enum"], json!(["intent_stated"]));
        }
        assert_eq!(
            form["properties"]["evidence"]["items"]["properties"]["kind"]["oneOf"][0]["const"],
            "intent_stated"
        );
    }

    #[test]
    fn another_reps_customer_may_go_nowhere() {
        let pipeline = &crate::pipeline::templates()[0].pipeline;
        assert!(listed(&given([registered_by_li()]).by(zhao()), pipeline).iter().all(|item| !item.allowed));
    }
}
