//! Where a customer may go from here, and what each move asks for.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::decide::{migrate, proof, transition};
use super::form_member::{choice, day, member, money};
use super::state::Customer;
use super::timeline::Stay;
use crate::field::FieldType;
use crate::pipeline::{Approval, EntryForm, EvidenceKind, Stage, demanded_evidence};
use crate::{Context, CustomerField, Label, Pipeline, Violation};

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

/// Whether a move can bring a field along that a stage asks for: a custom field it always can.
fn comes_along(field: &str) -> bool {
    CustomerField::parse(field).is_none_or(|field| member(field).is_some())
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
        let asked = transition::form::asked(pipeline, from, stage);
        let brought: BTreeSet<String> = asked.filter(|field| comes_along(field)).map(str::to_owned).collect();
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
    // What is asked to be known comes in as `demanded_fields`; follow-ups are records of their own and stand before the move.
    let EntryForm { note, next_step, reasons, evidence, fields: _, offers, min_follow_ups: _ } =
        &stage.entry_form;
    let demanded = |kinds: &[EvidenceKind]| demanded(customer, &pipeline.key, from, kinds);
    let finer = stage.sub_statuses.iter().map(|sub| (&sub.id, demanded(&sub.evidence)));
    let finer = finer.filter(|(_, demanded)| !demanded.is_empty()).map(|(id, demanded)| {
        json!({
            "if": { "properties": { "sub_status": { "const": id } }, "required": ["sub_status"] },
            "then": { "allOf": demanded },
        })
    });
    let asking: Vec<Value> = demanded(evidence).into_iter().chain(finer).collect();
    let missing = |field: &str| demanded_fields.contains(field) && !customer.knows(field);
    let named = demanded_fields.iter().map(String::as_str).chain(offers.iter().map(|field| offered(field)));
    let (parts, custom) = in_the_form(customer, named.collect());
    let missing_custom: Vec<&&str> = custom.iter().filter(|field| missing(field)).collect();
    let mut required = vec!["to"];
    for (field, (name, _)) in parts.iter().filter_map(|field| Some((field, member(*field)?))) {
        if missing(field.key()) && !required.contains(&name) {
            required.push(name);
        }
    }
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
    let of_the_deal = [
        (CustomerField::PostponedUntil, stage.kind.stops_clock()),
        (CustomerField::WonAmount, stage.kind.closes_a_deal()),
    ];
    let of_the_deal = of_the_deal.into_iter().filter(|(_, is_said)| *is_said).map(|(field, _)| field);
    // Where both are asked for, a contract with its end comes after one with any day, and in its place.
    let members = of_the_deal.chain(parts.iter().copied()).filter_map(member);
    properties.extend(members.map(|(name, schema)| (name.to_owned(), schema)));
    if !custom.is_empty() {
        let each = custom.iter().map(|key| ((*key).to_owned(), custom_field(key, context)));
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

/// What an offer is called: the end of a contract may be left open where nobody demands it.
fn offered(field: &str) -> &str {
    match CustomerField::parse(field) {
        Some(CustomerField::ContractEnd) => CustomerField::Contract.key(),
        _ => field,
    }
}

/// The parts of the customer that a form holds of what is named, in their order, and the custom fields. What would take the place
/// of all that there is, such as contacts, is asked of a customer without any.
fn in_the_form<'a>(customer: &Customer, named: BTreeSet<&'a str>) -> (Vec<CustomerField>, Vec<&'a str>) {
    let stays = |field: CustomerField| {
        let is_list = member(field).is_some_and(|(_, schema)| schema["type"] == "array");
        is_list && customer.knows(field.key())
    };
    let parts = CustomerField::all().filter(|field| named.contains(field.key()) && !stays(*field));
    (parts.collect(), named.into_iter().filter(|name| CustomerField::parse(name).is_none()).collect())
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

/// What a custom field takes, as far as it is declared.
fn custom_field(key: &str, context: &Context<'_>) -> Value {
    let Some(field) = context.fields.get(key) else { return json!({ "title": key }) };
    let mut schema = match &field.kind {
        FieldType::Text => json!({ "type": "string", "minLength": 1 }),
        FieldType::Number => json!({ "type": ["number", "string"] }),
        FieldType::Integer => json!({ "type": "integer" }),
        FieldType::Money => money(),
        FieldType::Date => day(),
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
    use crate::ProfileTexts;
    use crate::customer::command::{ChangeDetails, NewContact, NewProfile, Transition};
    use crate::customer::contact::ContactKind;
    use crate::customer::decide::spec::day;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{Contract, CustomerEvent, Money, Registered};
    use crate::pipeline::templates;
    use crate::refusal::Code;

    fn listed(spec: &Spec, pipeline: &Pipeline) -> Vec<AllowedTransition> {
        allowed_transitions(spec.customer.as_ref().unwrap(), pipeline, &spec.context())
    }

    #[test]
    fn every_stage_but_the_present_one_is_listed_with_what_stands_in_the_way() {
        let pipeline = &templates()[0].pipeline;
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
        let pipeline = &templates()[0].pipeline;
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
            let command = Transition {
                reason,
                details: Box::new(ChangeDetails {
                    profile: NewProfile { postponed_until, ..NewProfile::default() },
                    ..ChangeDetails::default()
                }),
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
        let pipeline = &templates()[0].pipeline;
        let all = listed(&given([registered_by_li(), moved("new_lead", "need_confirmed")]), pipeline);
        let quoted = all.iter().find(|item| item.to == "proposal").unwrap();
        let properties = &quoted.form["properties"];
        assert_eq!(properties["amount"]["required"], json!(["amount", "currency"]));
        assert_eq!(properties["fields"]["properties"]["product"]["title"], "product");
        assert_eq!(quoted.form["required"], json!(["to"]));
    }

    /// helloword-13, where a contacted customer must be known by this.
    fn asking(field: &str) -> Pipeline {
        let mut pipeline = templates()[0].install("helloword-13");
        let stage = pipeline.stages.iter_mut().find(|stage| stage.id == "contacted").unwrap();
        stage.entry_form = EntryForm { fields: vec![field.to_owned()], ..EntryForm::default() };
        pipeline
    }

    fn way_to_contacted(spec: &Spec, pipeline: &Pipeline) -> AllowedTransition {
        listed(spec, pipeline).into_iter().find(|item| item.to == "contacted").unwrap()
    }

    /// Details that say a part of a customer; none where a move cannot.
    fn said(field: CustomerField) -> Option<ChangeDetails> {
        let some = || Some("some".to_owned());
        let money = || Some(Money { amount: 12.into(), currency: "CNY".to_owned() });
        let on = |n| Some(day(n).date_naive());
        let of_itself = ChangeDetails::default();
        let of_profile = |profile| ChangeDetails { profile, ..ChangeDetails::default() };
        let profile = NewProfile::default();
        Some(match field {
            CustomerField::ExternalId => return None,
            CustomerField::Name => ChangeDetails { name: some(), ..of_itself },
            CustomerField::Contacts => {
                let contact = NewContact { kind: ContactKind::Wechat, value: "li-wx".to_owned() };
                ChangeDetails { contacts: Some(vec![contact]), ..of_itself }
            }
            CustomerField::Source => ChangeDetails { source: some(), ..of_itself },
            CustomerField::Channel => ChangeDetails { channel: some(), ..of_itself },
            CustomerField::Tags => ChangeDetails { tags: Some(vec!["vip".to_owned()]), ..of_itself },
            CustomerField::Tier => ChangeDetails { tier: some(), ..of_itself },
            CustomerField::Amount => ChangeDetails { amount: money(), ..of_itself },
            CustomerField::CreditCode => {
                of_profile(NewProfile { credit_code: Some("91330100799655058B".to_owned()), ..profile })
            }
            CustomerField::Text(text) => {
                of_profile(NewProfile { texts: ProfileTexts::default().with(text, "some"), ..profile })
            }
            CustomerField::Contract => {
                let contract = Contract { starts_on: on(10), ends_on: None };
                of_profile(NewProfile { contract: Some(contract), ..profile })
            }
            CustomerField::ContractEnd => {
                let contract = Contract { starts_on: None, ends_on: on(375) };
                of_profile(NewProfile { contract: Some(contract), ..profile })
            }
            CustomerField::DeliveredOn => of_profile(NewProfile { delivered_on: on(9), ..profile }),
            CustomerField::PostponedUntil => of_profile(NewProfile { postponed_until: on(11), ..profile }),
            CustomerField::WonAmount => of_profile(NewProfile { won_amount: money(), ..profile }),
            CustomerField::Satisfaction => of_profile(NewProfile { satisfaction: Some(0), ..profile }),
        })
    }

    fn bringing(details: ChangeDetails) -> Transition {
        Transition { details: Box::new(details), ..to("contacted") }
    }

    #[test]
    fn whatever_a_stage_asks_to_be_known_stands_in_the_form_and_comes_along_with_the_move() {
        for field in CustomerField::all() {
            let (key, pipeline) = (field.key(), asking(field.key()));
            let story = || given([registered_by_li()]).with_pipeline(pipeline.clone());
            story().when(to("contacted")).refuses([Code::FieldRequired]);
            let way = way_to_contacted(&story(), &pipeline);
            let Some(details) = said(field) else {
                // It is given when the customer is registered, and the refusal says so.
                assert_eq!((way.allowed, &*way.violations[0].field), (false, "external_id"));
                assert!(way.violations[0].how_to_fix.en.contains("registered"));
                continue;
            };
            let (name, schema) = member(field).unwrap();
            assert!(way.allowed, "{key}: {:?}", way.violations);
            assert_eq!(
                (&way.form["required"], &way.form["properties"][name]),
                (&json!(["to", name]), &schema)
            );
            let events = story().when(bringing(details)).both();
            let [CustomerEvent::Moved(_), details @ CustomerEvent::DetailsChanged(_)] = events else {
                panic!("{key}: {events:?}")
            };
            let known = given([registered_by_li(), details]).with_pipeline(pipeline.clone());
            assert!(known.customer.as_ref().unwrap().knows(key), "{key}");
            let way = way_to_contacted(&known, &pipeline);
            assert_eq!((way.allowed, &way.form["required"]), (true, &json!(["to"])), "{key}");
            let stays = matches!(field, CustomerField::Contacts | CustomerField::Tags);
            assert_eq!(way.form["properties"].get(name).is_none(), stays, "{key}");
        }
    }

    #[test]
    fn what_is_empty_or_half_is_not_what_a_stage_asks_for() {
        let refused = |field: CustomerField, details: ChangeDetails| {
            let story = given([registered_by_li()]).with_pipeline(asking(field.key()));
            story.when(bringing(details)).refuses([Code::FieldRequired]);
        };
        refused(CustomerField::ContractEnd, said(CustomerField::Contract).unwrap());
        refused(CustomerField::Contacts, ChangeDetails { contacts: Some(Vec::new()), ..Default::default() });
        refused(CustomerField::Tags, ChangeDetails { tags: Some(Vec::new()), ..Default::default() });
    }

    #[test]
    fn the_end_of_a_contract_is_demanded_where_it_is_asked_for_and_not_where_it_is_offered() {
        let contract = |fields: &[&str], offers: &[&str]| {
            let mut pipeline = asking("name");
            let stage = pipeline.stages.iter_mut().find(|stage| stage.id == "contacted").unwrap();
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            stage.entry_form.fields = names(fields);
            stage.entry_form.offers = names(offers);
            let story = given([registered_by_li()]).with_pipeline(pipeline.clone());
            way_to_contacted(&story, &pipeline).form["properties"]["contract"]["required"].clone()
        };
        assert_eq!(contract(&["contract"], &["contract_end"]), json!([]));
        assert_eq!(contract(&["contract", "contract_end"], &[]), json!(["ends_on"]));
    }

    #[test]
    fn the_form_of_losing_asks_for_one_of_the_reasons() {
        let pipeline = &templates()[0].pipeline;
        let all = listed(&given([registered_by_li()]), pipeline);
        let lost = all.iter().find(|item| item.to == "lost").unwrap();
        assert!(lost.allowed);
        assert_eq!(lost.form["required"], json!(["to", "reason"]));
        assert_eq!(lost.form["properties"]["reason"]["oneOf"][0]["const"], "price");
    }

    #[test]
    fn the_form_asks_for_the_evidence_of_a_sub_status_where_that_is_chosen() {
        let pipeline = &templates()[1].pipeline;
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
        let pipeline = &templates()[0].pipeline;
        assert!(listed(&given([registered_by_li()]).by(zhao()), pipeline).iter().all(|item| !item.allowed));
    }
}
