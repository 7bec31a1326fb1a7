//! What makes a definition usable, and what the templates promise.

use serde_json::{Value, json};

use super::automation::{Action, ActionKind, Boundary, Trigger};
use super::{Automation, Endings, Pipeline, StageType, Transitions, templates};
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
    let five = [
        ["潜在客户", "意向客户", "成交客户", "休眠客户", "流失客户"],
        ["潜在客户", "意向客户", "成交客户", "休眠客户", "流失客户"],
        ["潜在客户", "意向客户", "跟进客户", "成交客户", "忠诚客户"],
        ["潜在客户", "新客户", "活跃客户", "沉睡客户", "流失客户"],
        ["线索", "意向", "沟通", "成交", "流失"],
    ];
    assert_eq!([2, 4, 5, 6, 7].map(stages), five);
    assert_eq!(stages(3), ["网站访问", "注册用户", "加购", "首单", "复购", "流失"]);
    assert_eq!(templates()[0].pipeline.phases.len(), 4);
    assert_eq!(templates()[1].pipeline.stages.iter().filter(|stage| stage.core).count(), 6);
}

/// The automation of that id, in the template of that key.
fn automation(template: &str, id: &str) -> Automation {
    let template = templates().iter().find(|known| known.key == template).expect(template);
    template.pipeline.automations.iter().find(|known| known.id == id).expect(id).clone()
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

#[test]
fn the_numbers_of_the_sources_stand_in_the_delays_of_the_automations() {
    use Boundary::{Exceeded, Reached};
    for (template, id, seconds, boundary) in [
        ("helloword-13", "negotiation_reminder", 3 * DAY, Reached),
        ("helloword-13", "satisfaction_visit", 7 * DAY, Reached),
        ("landian-6", "wecom_on_day_two", 48 * HOUR, Reached),
        ("landian-6", "comparing_prices_reminder", 3 * DAY, Reached),
        ("landian-6", "quoted_without_update", 3 * DAY, Reached),
        ("landian-6", "deciding_without_update", 3 * DAY, Reached),
        ("landian-6", "silent_without_intent", 7 * DAY, Exceeded),
        ("bajun-5", "dormant_after_30_days", 30 * DAY, Exceeded),
        ("bajun-5", "mail_unread", 7 * DAY, Reached),
        ("ecommerce-6", "low_activity", 15 * DAY, Exceeded),
        ("ecommerce-6", "mail_unread", 7 * DAY, Reached),
        ("education", "dormant_after_30_days", 30 * DAY, Exceeded),
    ] {
        let delay = automation(template, id).delay.expect("a delay");
        assert_eq!((delay.seconds, delay.boundary), (seconds, boundary), "{template}/{id}");
    }
}

#[test]
fn tasks_are_due_when_the_sources_say() {
    for (template, id, task, due) in [
        ("helloword-13", "recontact_in_three_days", "contact_again", 3 * DAY),
        ("landian-6", "send_material", "send_material", 24 * HOUR),
        ("landian-6", "call_back_about_quote", "call_back", 48 * HOUR),
        ("funnel-5", "return_visit", "return_visit", 3 * DAY),
    ] {
        let found = automation(template, id).actions.into_iter().find_map(|action| match action.kind {
            ActionKind::CreateTask { task: known, due_seconds, .. } if known == task => due_seconds,
            _ => None,
        });
        assert_eq!(found, Some(due), "{template}/{id}");
    }
}

#[test]
fn what_happens_by_itself_leads_where_the_sources_say() {
    let moves = |template, id| {
        let actions = automation(template, id).actions.into_iter();
        actions.filter_map(|action| match action.kind {
            ActionKind::Move { to, .. } => Some(to),
            ActionKind::SetSubStatus { sub_status } => Some(sub_status),
            ActionKind::MoveToPool { pool } => Some(pool),
            ActionKind::StartProcess { process, .. } => Some(process),
            ActionKind::Remind { role, .. } => Some(role),
            _ => None,
        })
    };
    for (template, id, expected) in [
        ("landian-6", "quoted_without_update", vec!["to_reactivate", "rep"]),
        ("landian-6", "deciding_without_update", vec!["supervisor"]),
        ("landian-6", "silent_without_intent", vec!["paused", "dormant_pool"]),
        ("bajun-5", "paid_is_won", vec!["won"]),
        ("bajun-5", "dormant_after_30_days", vec!["dormant", "rep"]),
        ("ecommerce-6", "low_activity", vec!["low_activity", "marketing"]),
        ("education", "expires_in_30_days", vec!["expiring_in_30_days"]),
        ("education", "left_for_price", vec!["left_for_price"]),
        ("lifecycle-5", "after_the_deal", vec!["signing", "collection", "delivery"]),
        ("funnel-5", "signing_and_collection", vec!["signing", "collection"]),
    ] {
        assert_eq!(moves(template, id).collect::<Vec<_>>(), expected, "{template}/{id}");
    }
    let Trigger::FieldDate { offset_seconds, field, .. } =
        automation("education", "expires_in_30_days").trigger
    else {
        panic!("the end of a contract is a date")
    };
    assert_eq!((field.as_str(), offset_seconds), ("contract_end", -30 * DAY.cast_signed()));
}

#[test]
fn the_pools_of_the_templates_take_customers_back_after_five_and_seven_days() {
    for template in templates() {
        for pool in &template.pipeline.pools {
            let named = format!("{}/{}", template.key, pool.key);
            let rules = pool.rules.as_ref().expect(&named);
            let clock =
                |id: &str| rules.reclaim.iter().find(|clock| clock.id == id).map(|clock| clock.seconds);
            assert_eq!((clock("no_update"), clock("no_visit")), (Some(5 * DAY), Some(7 * DAY)), "{named}");
            let first = rules.first_contact.expect(&named);
            assert_eq!((first.within_seconds, pool.claims_per_day), (48 * HOUR, 3), "{named}");
        }
    }
}

#[test]
fn supervisors_of_every_template_hear_of_a_silent_customer_before_a_pool_takes_it_back() {
    for template in templates() {
        let pools = template.pipeline.pools.iter().filter_map(|pool| pool.rules.as_ref());
        for rules in pools.clone() {
            let told = rules.last_warning().expect("every pool of the templates takes customers back");
            assert_eq!(told.num_seconds().unsigned_abs(), 4 * DAY, "{}", template.key);
        }
        let taken = pools.flat_map(|rules| &rules.reclaim).map(|clock| clock.seconds).min();
        for automation in &template.pipeline.automations {
            let tells = |action: &Action| matches!(&action.kind, ActionKind::Remind { role, .. } if role == "supervisor");
            let idle = matches!(automation.trigger, Trigger::StageIdle { .. });
            if idle && automation.actions.iter().any(tells) {
                let waits = automation.delay.as_ref().map_or(0, |delay| delay.seconds);
                assert!(Some(waits) < taken, "{}/{}: {waits}", template.key, automation.id);
            }
        }
    }
}

#[test]
fn what_comes_after_the_pool_has_taken_the_customer_back_is_said_at_the_number_and_not_before() {
    let late = |pipeline: &Pipeline| -> Vec<String> {
        let late = pipeline.warnings().into_iter().filter(|one| one.code == Code::LaterThanReclaim.as_str());
        late.map(|one| one.field).collect()
    };
    let warned = |change: &dyn Fn(&mut Value)| -> Vec<String> {
        let mut definition = definition();
        change(&mut definition);
        late(&Pipeline::parse("k", 1, &definition).unwrap())
    };
    for template in templates() {
        assert_eq!(late(&template.pipeline), [""; 0], "{}", template.key);
    }
    let rules: Vec<String> = templates()[1].pipeline.automations.iter().map(|rule| rule.id.clone()).collect();
    let place = |id: &str| rules.iter().position(|known| known == id).unwrap();
    let deciding = place("deciding_without_update");
    let wait =
        |seconds: u64| move |d: &mut Value| d["automations"][deciding]["delay"]["seconds"] = json!(seconds);
    assert_eq!(warned(&wait(5 * DAY - 1)), [""; 0]);
    assert_eq!(warned(&wait(5 * DAY)), [format!("automations[{deciding}].delay.seconds")]);
    let due = |seconds: u64| {
        move |d: &mut Value| d["stages"][0]["next_action"]["deadline_seconds"] = json!(seconds)
    };
    assert_eq!(warned(&due(5 * DAY)), [""; 0]);
    assert_eq!(warned(&due(5 * DAY + 1)), ["stages[0].next_action.deadline_seconds"]);
    let warns = |seconds: u64| {
        move |d: &mut Value| {
            d["pools"][0]["rules"]["reclaim"][0]["warn_before_seconds"] = json!([DAY, seconds]);
        }
    };
    assert_eq!(warned(&warns(5 * DAY - 1)), [""; 0]);
    assert_eq!(warned(&warns(5 * DAY)), ["pools[0].rules.reclaim[0].warn_before_seconds[1]"]);
}

#[test]
fn completing_a_follow_up_and_a_deal_asks_for_what_the_sources_say() {
    let funnel = &templates().iter().find(|known| known.key == "funnel-5").unwrap().pipeline;
    assert_eq!(funnel.transition("talking", "won").unwrap().min_follow_ups, 1);
    let evidence = &funnel.stage("won").unwrap().entry_form.evidence;
    let required: Vec<&str> =
        evidence.iter().filter(|kind| kind.required).map(|kind| kind.kind.as_str()).collect();
    assert_eq!(required, ["order_contract", "invoice_information_confirmed"]);
}

#[test]
fn an_automation_that_refers_to_nothing_or_does_nothing_is_named_by_its_path() {
    let label = json!({"zh": "字", "en": "text"});
    let automation = |trigger: Value, action: Value| json!({"id": "a", "name": label, "trigger": trigger, "actions": [action]});
    let entered = json!({"kind": "stage_entered", "stages": ["quoted"]});
    let action = |what: Value| {
        let mut action = what;
        action["text"] = label.clone();
        action
    };
    for (trigger, what, code, field) in [
        (
            json!({"kind": "stage_entered", "stages": ["none"]}),
            json!({"kind": "set_tag", "tag": "x"}),
            Code::DanglingReference,
            "automations[0].trigger.stages[0]",
        ),
        (
            json!({"kind": "stage_entered", "stages": ["quoted"], "also_in": ["won", "none"]}),
            json!({"kind": "set_tag", "tag": "x"}),
            Code::DanglingReference,
            "automations[0].trigger.also_in[1]",
        ),
        (
            json!({"kind": "stage_idle"}),
            json!({"kind": "set_tag", "tag": "x"}),
            Code::InvalidValue,
            "automations[0].trigger.stages",
        ),
        (
            entered.clone(),
            json!({"kind": "move", "to": "none"}),
            Code::DanglingReference,
            "automations[0].actions[0].to",
        ),
        (
            json!({"kind": "stage_entered", "stages": ["first_contact"]}),
            json!({"kind": "move", "to": "won"}),
            Code::InvalidValue,
            "automations[0].actions[0].to",
        ),
        (
            entered.clone(),
            json!({"kind": "move_to_pool", "pool": "none"}),
            Code::DanglingReference,
            "automations[0].actions[0].pool",
        ),
        (
            entered.clone(),
            json!({"kind": "set_sub_status", "sub_status": "none"}),
            Code::DanglingReference,
            "automations[0].actions[0].sub_status",
        ),
        (
            json!({"kind": "whenever"}),
            json!({"kind": "set_tag", "tag": "x"}),
            Code::InvalidValue,
            "automations[0].trigger.kind",
        ),
        (
            entered.clone(),
            json!({"kind": "create_task", "role": "rep"}),
            Code::MissingField,
            "automations[0].actions[0].task",
        ),
    ] {
        let found = refused(|d| d["automations"] = json!([automation(trigger, action(what))]));
        assert!(found.contains(&one(code, field)[0]), "{field}: {found:?}");
    }
    let found = refused(|d| {
        d["automations"] = json!([{"id": "a", "name": label, "trigger": entered, "actions": []}]);
    });
    assert_eq!(found, one(Code::InvalidValue, "automations[0].actions"));
}

#[test]
fn a_move_with_settings_is_listed_once_and_an_approval_names_who_may_give_it() {
    let found = refused(|d| {
        let rule = json!({"from": "quoted", "to": "won", "min_follow_ups": 1});
        d["transitions"].as_array_mut().unwrap().push(rule);
    });
    assert_eq!(found, one(Code::DuplicateId, "transitions[quoted → won]"));
    let found = refused(|d| d["transitions"][0]["approval"] = json!({"effective": "whenever"}));
    let fields: Vec<&str> = found.iter().map(|(_, field)| field.as_str()).collect();
    assert_eq!(
        fields,
        ["roles", "effective", "expires_seconds"].map(|f| format!("transitions[0].approval.{f}"))
    );
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
fn a_role_that_nobody_can_have_is_not_published_and_those_that_teams_fill_are() {
    let found = refused(|d| {
        d["stages"][0]["next_action"]["role"] = json!("astronaut");
        d["stages"][1]["next_action"]["role"] = json!("team");
        d["automations"][0]["actions"] = json!([
            {"kind": "remind", "role": "astronaut", "text": {"zh": "字", "en": "text"}},
            {"kind": "remind", "role": "team", "text": {"zh": "字", "en": "text"}},
            {"kind": "create_task", "task": "x", "role": "Rep", "text": {"zh": "字", "en": "text"}},
            {"kind": "start_process", "process": "x", "role": "sales", "text": {"zh": "字", "en": "text"}}
        ]);
    });
    let fields = [
        "stages[0].next_action.role",
        "stages[1].next_action.role",
        "automations[0].actions[0].role",
        "automations[0].actions[2].role",
        "automations[0].actions[3].role",
    ];
    assert_eq!(found, fields.map(|field| one(Code::UnknownRole, field)).concat());
    for role in
        ["rep", "supervisor", "manager", "admin", "service", "delivery", "finance", "marketing", "advisor"]
    {
        let mut definition = definition();
        definition["stages"][0]["next_action"]["role"] = json!(role);
        assert!(Pipeline::parse("k", 1, &definition).is_ok(), "{role}");
    }
}

#[test]
fn wherever_a_quote_is_given_its_form_has_room_for_it() {
    for (template, stage) in [("helloword-13", "proposal"), ("landian-6", "quoted"), ("funnel-5", "talking")]
    {
        let found = templates().iter().find(|known| known.key == template).unwrap();
        let form = &found.pipeline.stage(stage).unwrap().entry_form;
        assert_eq!(form.offers, ["amount", "product"], "{template}");
        assert!(form.fields.is_empty(), "{template}: a quote is recorded without them as well");
    }
}

#[test]
fn exactly_one_pool_is_the_default() {
    assert_eq!(refused(|d| d["pools"][0]["default"] = json!(false)), one(Code::NoDefaultPool, "pools"));
    assert_eq!(refused(|d| d["pools"][1]["default"] = json!(true)), one(Code::NoDefaultPool, "pools"));
}

#[test]
fn five_to_eight_core_statuses_are_enough_and_one_less_or_more_is_warned_of() {
    let warned = |core: usize| {
        let mut pipeline = templates()[0].pipeline.clone();
        for (n, stage) in pipeline.stages.iter_mut().enumerate() {
            stage.core = n < core;
        }
        pipeline.warnings().iter().any(|warning| warning.code == "core-stage-count")
    };
    assert_eq!([4, 5, 8, 9].map(warned), [true, false, false, true]);
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
    let endings = Endings { finals: text(&["Won", "Lost", "Filed"]), ..Endings::default() };
    let pipeline = Pipeline::any_move("tiny", &text(&["New", "Won", "Lost", "Filed"]), &endings);
    assert!(
        pipeline.allows("Lost", "New") && !pipeline.allows("New", "New") && !pipeline.allows("New", "Old")
    );
    let finals: Vec<bool> = pipeline.stages.iter().map(|stage| stage.kind.is_final()).collect();
    assert_eq!(finals, [false, true, true, true]);
    let kinds: Vec<StageType> = pipeline.stages.iter().map(|stage| stage.kind).collect();
    assert_eq!(kinds, [StageType::Open, StageType::Won, StageType::Lost, StageType::Closed]);
    assert_eq!(pipeline.direction("Lost", "New"), None);
    let newest_first = Pipeline::any_move("tiny", &text(&["Won", "New"]), &endings);
    assert_eq!(
        (&*pipeline.entry_stage, &*newest_first.entry_stage),
        ("New", "New"),
        "nobody enters by the end"
    );
    assert_eq!(
        serde_json::from_value::<Pipeline>(serde_json::to_value(&pipeline).unwrap()).unwrap(),
        pipeline
    );
}

#[test]
fn a_sub_status_that_asks_for_evidence_is_read_and_refused_where_it_cannot_be_met() {
    let interested = |change: fn(&mut Value)| {
        refused(|definition| {
            let stage = definition["stages"].as_array_mut().unwrap();
            let stage = stage.iter_mut().find(|stage| stage["id"] == "need_confirmed").unwrap();
            change(&mut stage["sub_statuses"][0]);
        })
    };
    let twice = interested(|sub| {
        let kind = sub["evidence"][0].clone();
        sub["evidence"].as_array_mut().unwrap().push(kind);
    });
    assert_eq!(twice, one(Code::DuplicateId, "stages[1].sub_statuses[0].evidence[1].kind"));
    let unknown = interested(|sub| sub["evidence"][0]["proof"] = json!(true));
    assert_eq!(unknown, one(Code::UnknownField, "stages[1].sub_statuses[0].evidence[0].proof"));
    let by_rule = refused(|definition| {
        let action = json!({
            "kind": "set_sub_status", "sub_status": "interested", "text": {"zh": "有意向", "en": "Interested"}
        });
        let entered = json!({"kind": "stage_entered", "stages": ["need_confirmed"]});
        let rules = definition["automations"].as_array_mut().unwrap();
        rules.clear();
        rules.push(json!({
            "id": "guess", "name": {"zh": "猜测", "en": "Guess"}, "trigger": entered, "actions": [action]
        }));
    });
    assert_eq!(by_rule, one(Code::InvalidValue, "automations[0].actions[0].sub_status"));
}

#[test]
fn landian_6_names_what_its_source_names_and_interest_is_shown_by_evidence() {
    let pipeline = &templates().iter().find(|template| template.key == "landian-6").unwrap().pipeline;
    let stage = |id: &str| pipeline.stage(id).unwrap();
    assert_eq!(
        (stage("to_reactivate").name.zh.as_str(), stage("to_reactivate").kind),
        ("待激活", StageType::Dormant)
    );
    assert_eq!(stage("quoted").sub_status("comparing_prices").unwrap().name.zh, "正在比价");
    assert_eq!(pipeline.pool("dormant_pool").unwrap().name.zh, "休眠池");
    let interested = stage("need_confirmed").sub_status("interested").unwrap();
    assert_eq!(interested.name.zh, "有意向");
    assert!(interested.evidence.iter().any(|kind| kind.required));
}
