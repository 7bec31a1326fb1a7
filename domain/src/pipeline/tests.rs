//! What makes a definition usable, and what the templates promise.

use serde_json::{Value, json};

use super::{Pipeline, StageType, Transitions, templates};
use crate::refusal::Code;

fn definition() -> Value {
    let mut definition = serde_json::to_value(&templates()[1].pipeline).unwrap();
    let fields = definition.as_object_mut().unwrap();
    fields.remove("key");
    fields.remove("version");
    definition
}

/// The codes and fields that the definition is refused with, after a change.
fn refused(change: impl FnOnce(&mut Value)) -> Vec<(String, String)> {
    let mut definition = definition();
    change(&mut definition);
    let refusal = Pipeline::parse("k", 1, &definition).expect_err("a refusal was expected");
    refusal.violations.into_iter().map(|v| (v.code.into_owned(), v.field)).collect()
}

fn one(code: Code, field: &str) -> Vec<(String, String)> {
    vec![(code.as_str().to_owned(), field.to_owned())]
}

#[test]
fn a_template_reads_back_as_it_was_written() {
    for template in templates() {
        let written = serde_json::to_value(&template.pipeline).unwrap();
        assert_eq!(Pipeline::parse(template.key, 1, &written).unwrap(), template.pipeline);
        assert_eq!(serde_json::from_value::<Pipeline>(written).unwrap(), template.pipeline);
    }
}

#[test]
fn templates_say_everything_of_every_stage_in_both_languages() {
    for template in templates() {
        for stage in &template.pipeline.stages {
            assert!(stage.definition.is_some() && stage.playbook.is_some(), "{}", stage.id);
            assert!(stage.probability.is_some() && stage.phase.is_some(), "{}", stage.id);
        }
        let text = serde_json::to_string(&template.pipeline).unwrap();
        assert_eq!(text.matches("\"zh\":").count(), text.matches("\"en\":").count());
        let chinese = |label: &str| label.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert!(
            template.pipeline.stages.iter().all(|stage| chinese(&stage.name.zh) && !chinese(&stage.name.en))
        );
    }
}

#[test]
fn the_templates_have_the_stages_of_their_sources() {
    let stages = |n: usize| {
        templates()[n].pipeline.stages.iter().map(|stage| stage.name.zh.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(
        stages(0),
        [
            "新线索",
            "已联系",
            "需求确认",
            "方案沟通",
            "谈判中",
            "待决策",
            "已成交",
            "部分成交",
            "未成交",
            "延期",
            "已交付",
            "售后服务中",
            "续约考虑中"
        ]
    );
    assert_eq!(stages(1), ["初次接触", "需求确认", "已报价", "决策中", "成交", "暂停", "待激活"]);
    assert_eq!(templates()[0].pipeline.phases.len(), 4);
    assert_eq!(templates()[1].pipeline.stages.iter().filter(|stage| stage.core).count(), 6);
}

#[test]
fn the_deadlines_of_landian_are_those_of_its_source() {
    let deadline = |stage: &str| {
        let action = templates()[1].pipeline.stage(stage).and_then(|stage| stage.next_action.as_ref());
        action.map(|action| action.deadline_seconds / 3_600)
    };
    assert_eq!(["first_contact", "quoted", "deciding"].map(deadline), [Some(24), Some(48), Some(72)]);
}

#[test]
fn every_ill_formed_field_is_named_at_once() {
    let found = refused(|d| {
        d["stages"][0]["type"] = json!("dreaming");
        d["stages"][1]["nmae"] = json!("typo");
        d["stages"][2]["next_action"]["deadline_seconds"] = json!(-1);
        d["pools"][0]["timezone"] = json!("Mars/Olympus");
        d["name"] = json!({ "zh": "只有中文" });
        d["surprise"] = json!(true);
    });
    let expected = [
        (Code::MissingField, "name.en"),
        (Code::InvalidValue, "stages[0].type"),
        (Code::UnknownField, "stages[1].nmae"),
        (Code::InvalidValue, "stages[2].next_action.deadline_seconds"),
        (Code::InvalidValue, "pools[0].timezone"),
        (Code::UnknownField, "surprise"),
    ];
    assert_eq!(found, expected.map(|(code, field)| (code.as_str().to_owned(), field.to_owned())));
}

#[test]
fn a_definition_that_is_no_object_or_empty_is_refused() {
    assert!(Pipeline::parse("k", 1, &json!([])).is_err());
    assert!(Pipeline::parse("k", 1, &json!({})).is_err());
    assert!(Pipeline::parse("", 1, &definition()).is_err());
    assert!(Pipeline::check_key("x".repeat(65).as_str()).is_err());
    assert_eq!(Pipeline::check_key("landian-6"), Ok(()));
}

#[test]
fn ids_are_unique_and_references_lead_somewhere() {
    assert_eq!(
        refused(|d| d["reasons"][1]["code"] = d["reasons"][0]["code"].clone()),
        one(Code::DuplicateId, "reasons[1].code")
    );
    assert_eq!(
        refused(|d| d["stages"][0]["phase"] = json!("none")),
        one(Code::DanglingReference, "stages[0].phase")
    );
    let found = refused(|d| d["transitions"][0]["to"] = json!("none"));
    assert!(found.iter().any(|(code, _)| code == Code::DanglingReference.as_str()), "{found:?}");
}

#[test]
fn a_pipeline_begins_ends_and_can_be_walked() {
    let found = refused(|d| d["stages"][4]["type"] = json!("open"));
    let codes: Vec<&str> = found.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, [Code::NoTerminalStage.as_str(), Code::DeadEnd.as_str()]);
    let found = refused(|d| {
        d["transitions"].as_array_mut().unwrap().retain(|rule| rule["to"] != "won");
    });
    assert_eq!(found, one(Code::UnreachableStage, "stages[4]"));
}

#[test]
fn a_stage_without_criterion_or_action_is_not_published() {
    let found = refused(|d| {
        d["stages"][0].as_object_mut().unwrap().remove("entry_criterion");
        d["stages"][1].as_object_mut().unwrap().remove("next_action");
    });
    let expected = [
        one(Code::CriterionMissing, "stages[0].entry_criterion"),
        one(Code::ActionMissing, "stages[1].next_action"),
    ];
    assert_eq!(found, expected.concat());
}

#[test]
fn exactly_one_pool_is_the_default() {
    assert_eq!(refused(|d| d["pools"][0]["default"] = json!(false)), one(Code::NoDefaultPool, "pools"));
    assert_eq!(refused(|d| d["pools"][1]["default"] = json!(true)), one(Code::NoDefaultPool, "pools"));
}

#[test]
fn what_is_unwise_is_said_and_permitted() {
    let mut pipeline = templates()[1].pipeline.clone();
    assert_eq!(pipeline.warnings(), []);
    pipeline.stages[0].core = false;
    pipeline.stages[1].core = false;
    pipeline.stages[6].kind = StageType::Lost;
    pipeline.stages[3].name.en = "Quotes".to_owned();
    pipeline.stages[2].name.en = "Quoted".to_owned();
    let order: Vec<String> = pipeline.stages.iter().map(|stage| stage.id.clone()).collect();
    if let Transitions::Listed(rules) = &mut pipeline.transitions {
        let place = |id: &String| order.iter().position(|known| known == id);
        rules.retain(|rule| place(&rule.from) < place(&rule.to));
    }
    let warned = pipeline.warnings();
    let codes: Vec<&str> = warned.iter().map(|warning| warning.code.as_ref()).collect();
    assert_eq!(codes, ["core-stage-count", "similar-names", "no-way-back", "no-loss-reasons"]);
}

#[test]
fn the_pipeline_of_a_file_permits_any_move_and_ends_where_told() {
    let text = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
    let pipeline = Pipeline::any_move("tiny", &text(&["New", "Won", "Lost"]), &text(&["Won", "Lost"]));
    assert!(
        pipeline.allows("Lost", "New") && !pipeline.allows("New", "New") && !pipeline.allows("New", "Old")
    );
    let finals: Vec<bool> = pipeline.stages.iter().map(|stage| stage.kind.is_final()).collect();
    assert_eq!(finals, [false, true, true]);
    assert_eq!(pipeline.direction("Lost", "New"), None);
    assert_eq!(
        serde_json::from_value::<Pipeline>(serde_json::to_value(&pipeline).unwrap()).unwrap(),
        pipeline
    );
}
