//! Reads automations.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reader::{
    Object, count, id, ill_formed, label, one_of, seconds, signed_seconds, text as words, truth,
};
use crate::customer::event::{HIGHEST_SATISFACTION, Money};
use crate::customer::purchases::PurchaseCondition;
use crate::pipeline::automation::{Action, ActionKind, Automation, Condition, Delay, Trigger, is_word};
use crate::refusal::Violation;

/// The most purchases that a condition may count to.
const MAX_PURCHASES: u64 = 10_000;
/// How many particulars of a signal a trigger may name.
const MAX_PARTICULARS: usize = 10;

pub(super) fn automation(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Automation> {
    let mut reader = Object::read(path, value, unmet);
    let (id, name) = (reader.needed("id", id), reader.needed("name", label));
    let trigger = reader.needed("trigger", trigger);
    let delay = reader.optional("delay", delay);
    let condition = reader.optional("condition", condition);
    let cancelled_by = reader.list("cancelled_by", one_of);
    let actions = reader.list("actions", action);
    if actions.is_empty() && !reader.has("actions") {
        reader.missing("actions");
    }
    reader.finish();
    Some(Automation { id: id?, name: name?, trigger: trigger?, delay, condition, cancelled_by, actions })
}

fn trigger(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Trigger> {
    let mut reader = Object::read(path, value, unmet);
    let kind = reader.needed("kind", words)?;
    let trigger = match kind.as_str() {
        "stage_entered" => {
            let stages = reader.list("stages", id);
            Some(Trigger::StageEntered { stages, also_in: reader.list("also_in", id) })
        }
        "stage_idle" => {
            let stages = reader.list("stages", id);
            Some(Trigger::StageIdle { stages, reset_by: reader.list("reset_by", one_of) })
        }
        "field_date" => field_date(&mut reader),
        "signal" => signal(&mut reader),
        "share_alert" => {
            let direction = reader.optional("direction", one_of);
            Some(Trigger::ShareAlert { stages: reader.list("stages", id), direction })
        }
        "schedule" => {
            let every = reader.needed("every", one_of);
            let stages = reader.list("stages", id);
            every.map(|every| Trigger::Schedule { every, stages })
        }
        _ => {
            let kinds = "stage_entered, stage_idle, field_date, signal, share_alert, schedule";
            reader.unmet.push(ill_formed(&format!("{path}.kind"), kinds, &format!("one of {kinds}")));
            return None;
        }
    };
    reader.finish();
    trigger
}

fn field_date(reader: &mut Object<'_>) -> Option<Trigger> {
    let (field, offset_seconds) =
        (reader.needed("field", id), reader.needed("offset_seconds", signed_seconds));
    let stages = reader.list("stages", id);
    let also_in = reader.list("also_in", id);
    Some(Trigger::FieldDate { field: field?, offset_seconds: offset_seconds?, stages, also_in })
}

fn signal(reader: &mut Object<'_>) -> Option<Trigger> {
    let (signal, data) = (reader.needed("signal", word), reader.optional("data", particulars));
    let stages = reader.list("stages", id);
    Some(Trigger::Signal { signal: signal?, data: data.unwrap_or_default(), stages })
}

fn word(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<String> {
    let word = value.as_str().filter(|word| is_word(word));
    if word.is_none() {
        unmet.push(ill_formed(
            path,
            "小写字母开头、由小写字母、数字、_、-、.组成的标识",
            "a small letter and then small letters, digits, _, - or .",
        ));
    }
    word.map(str::to_owned)
}

fn particulars(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<BTreeMap<String, Value>> {
    let plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    let well_formed = |map: &&serde_json::Map<String, Value>| {
        map.len() <= MAX_PARTICULARS && map.values().all(plain) && value.to_string().len() <= 1_000
    };
    let map = value.as_object().filter(well_formed);
    if map.is_none() {
        unmet.push(ill_formed(
            path,
            "最多10个文本、数字或真假值的对象",
            "an object of at most 10 texts, numbers or truths",
        ));
    }
    map.map(|map| map.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn delay(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Delay> {
    let mut reader = Object::read(path, value, unmet);
    let seconds = reader.needed("seconds", seconds);
    let clock = reader.optional("clock", one_of).unwrap_or_default();
    let boundary = reader.optional("boundary", one_of).unwrap_or_default();
    let calendar = reader.optional("calendar", id);
    reader.finish();
    Some(Delay { seconds: seconds?, clock, boundary, calendar })
}

pub(super) fn condition(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Condition> {
    let mut reader = Object::read(path, value, unmet);
    let condition = Condition {
        sub_statuses: reader.list("sub_statuses", id),
        tiers: reader.list("tiers", id),
        tags: reader.list("tags", id),
        without_tags: reader.list("without_tags", id),
        without_sub_statuses: reader.list("without_sub_statuses", id),
        without_documents: reader.list("without_documents", id),
        purchases: reader.optional("purchases", purchases),
        min_satisfaction: reader.optional("min_satisfaction", satisfaction),
        sources: reader.list("sources", id),
        channels: reader.list("channels", id),
        reasons: reader.list("reasons", id),
        owned: reader.optional("owned", truth),
        next_contact_planned: reader.optional("next_contact_planned", truth),
    };
    reader.finish();
    Some(condition)
}

fn purchases(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<PurchaseCondition> {
    let mut reader = Object::read(path, value, unmet);
    let kind = reader.optional("kind", one_of);
    let (min_count, max_count) = (reader.optional("min_count", number), reader.optional("max_count", number));
    let min_sum = reader.optional("min_sum", money);
    let within_seconds = reader.optional("within_seconds", seconds);
    reader.finish();
    Some(PurchaseCondition { kind, min_count, max_count, min_sum, within_seconds })
}

fn satisfaction(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<u8> {
    let said = value.as_u64().and_then(|said| u8::try_from(said).ok());
    let said = said.filter(|said| *said <= HIGHEST_SATISFACTION);
    if said.is_none() {
        unmet.push(ill_formed(path, "0至10的整数", "an integer from 0 to 10"));
    }
    said
}

fn number(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<u64> {
    let number = value.as_u64().filter(|number| *number <= MAX_PURCHASES);
    if number.is_none() {
        unmet.push(ill_formed(path, "0至10000的整数", "an integer from 0 to 10000"));
    }
    number
}

fn money(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Money> {
    let mut reader = Object::read(path, value, unmet);
    let (amount, currency) = (reader.needed("amount", words), reader.needed("currency", words));
    reader.finish();
    let (amount, currency) = (amount?, currency?);
    let amount = crate::money::decimal(&amount).filter(|amount| !amount.is_sign_negative());
    if amount.is_none() {
        let path = format!("{path}.amount");
        unmet.push(ill_formed(&path, "小数文本，如\"100000.00\"", "a decimal string, such as \"100000.00\""));
    }
    if crate::money::decimals(&currency).is_none() {
        let path = format!("{path}.currency");
        unmet.push(ill_formed(&path, "ISO 4217货币代码", "an ISO 4217 code"));
        return None;
    }
    Some(Money { amount: amount?, currency })
}

fn action(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Action> {
    let mut reader = Object::read(path, value, unmet);
    let (text, kind) = (reader.needed("text", label), reader.needed("kind", words)?);
    let what = match kind.as_str() {
        "create_task" => {
            let (task, role) = (reader.needed("task", word), reader.needed("role", id));
            let due_seconds = reader.optional("due_seconds", count);
            task.zip(role).map(|(task, role)| ActionKind::CreateTask { task, role, due_seconds })
        }
        "remind" => {
            let (role, channels) = (reader.needed("role", id), reader.list("channels", one_of));
            role.map(|role| ActionKind::Remind { role, channels })
        }
        "move" => {
            let to = reader.needed("to", id);
            let (sub_status, reason) = (reader.optional("sub_status", id), reader.optional("reason", id));
            to.map(|to| ActionKind::Move { to, sub_status, reason })
        }
        "set_sub_status" => {
            reader.needed("sub_status", id).map(|sub_status| ActionKind::SetSubStatus { sub_status })
        }
        "move_to_pool" => reader.needed("pool", id).map(|pool| ActionKind::MoveToPool { pool }),
        "set_tag" => {
            let (tag, present) = (reader.needed("tag", id), reader.optional("present", truth));
            tag.map(|tag| ActionKind::SetTag { tag, present: present.unwrap_or(true) })
        }
        "set_next_contact" => {
            reader.needed("seconds", seconds).map(|seconds| ActionKind::SetNextContact { seconds })
        }
        "start_process" => {
            let (process, role) = (reader.needed("process", word), reader.needed("role", id));
            process.zip(role).map(|(process, role)| ActionKind::StartProcess { process, role })
        }
        _ => {
            let kinds = "create_task, remind, move, set_sub_status, move_to_pool, set_tag, \
                         set_next_contact, start_process";
            reader.unmet.push(ill_formed(&format!("{path}.kind"), kinds, &format!("one of {kinds}")));
            return None;
        }
    };
    reader.finish();
    Some(Action { text: text?, kind: what? })
}
