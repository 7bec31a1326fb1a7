//! Reads a definition strictly: every field that is unknown, missing or ill-formed is named by its path, all of
//! them at once.

mod automation;
mod pool;
mod reader;
mod version;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::Value;

use super::{
    Approval, Criterion, EntryForm, EvidenceKind, NextAction, Phase, Pipeline, PushRules, Reason, Stage,
    SubStatus, TransitionRule, Transitions, VisitReminder, check,
};
use crate::Label;
use crate::actor::Role;
use crate::calendar::Calendar;
use crate::refusal::{Refusal, Violation};
use reader::{Object, at_most, claims, count, id, ill_formed, label, one_of, seconds, truth};

const MAX_TRANSITIONS: usize = 1_000;

impl Pipeline {
    /// Reads a definition, such as a client sends it: a pipeline without `key` and `version`, which are given
    /// apart (where they stand in the definition too, they are ignored).
    ///
    /// # Errors
    /// Every unknown, missing or ill-formed field by its path; then every reference that leads nowhere, stage
    /// that cannot be reached, and whatever else makes the definition unusable.
    pub fn parse(key: &str, version: u32, definition: &Value) -> Result<Self, Refusal> {
        let read = read(key, version, definition)?;
        Refusal::require_all([check::errors(&read)])?;
        Ok(read)
    }

    /// Reads a definition that nobody publishes: a supposed next version of this one. What a version published today has to
    /// have and this one lacks, as a pipeline made from a file does, the supposed one may lack, too.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn suppose(&self, version: u32, definition: &Value) -> Result<Self, Refusal> {
        let read = read(&self.key, version, definition)?;
        let lacks: BTreeSet<_> = check::errors(self).into_iter().map(|lacking| lacking.code).collect();
        let errors = check::errors(&read).into_iter();
        Refusal::require_all([errors.filter(|error| !lacks.contains(&error.code)).collect()])?;
        Ok(read)
    }

    /// Whether a text can be a pipeline's key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_key(key: &str) -> Result<(), Refusal> {
        let mut unmet = Vec::new();
        id("key", &Value::String(key.to_owned()), &mut unmet);
        Refusal::require_all([unmet])
    }

    /// What is permitted but unwise: too many or too few core stages, names that are easily confused, no way
    /// back, no reasons for losing.
    pub fn warnings(&self) -> Vec<Violation> {
        check::warnings(self)
    }
}

/// Reads what stands there, whether or not it makes a usable pipeline.
fn read(key: &str, version: u32, definition: &Value) -> Result<Pipeline, Refusal> {
    let mut unmet = Vec::new();
    if !definition.is_object() {
        Refusal::require_all([vec![ill_formed("definition", "一个对象", "an object")]])?;
    }
    let mut reader = Object::read("", definition, &mut unmet);
    reader.known(&["key", "version"]);
    for list in ["stages", "pools"] {
        if reader.fields.is_some() && !reader.has(list) {
            reader.missing(list);
        }
    }
    let key_given = Value::String(key.to_owned());
    let read = Pipeline {
        key: id("key", &key_given, reader.unmet).unwrap_or_default(),
        version,
        kind: reader.needed("kind", one_of).unwrap_or(super::PipelineKind::Sales),
        name: reader.needed("name", label).unwrap_or_else(|| Label::same("")),
        phases: reader.list("phases", phase),
        stages: reader.list("stages", stage),
        entry_stage: reader.needed("entry_stage", id).unwrap_or_default(),
        transitions: reader.needed("transitions", transitions).unwrap_or(Transitions::Any),
        reasons: reader.list("reasons", reason),
        pools: reader.list("pools", pool::pool),
        automations: reader.list("automations", automation::automation),
        visits: reader.optional("visits", visits),
        expected_close: reader.optional("expected_close", expected_close),
        calendars: reader.list("calendars", calendar),
    };
    reader.finish();
    Refusal::require_all([unmet])?;
    Ok(read)
}

fn calendar(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Calendar> {
    let mut reader = Object::read(path, value, unmet);
    let (key, name) = (reader.needed("key", id), reader.needed("name", label));
    let (timezone, weekly) = (reader.needed("timezone", one_of), reader.needed("weekly", one_of));
    let (days, known_until) = (reader.optional("days", one_of), reader.optional("known_until", one_of));
    reader.finish();
    let days = days.unwrap_or_default();
    Some(Calendar { key: key?, name: name?, timezone: timezone?, weekly: weekly?, days, known_until })
}

fn visits(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<VisitReminder> {
    let mut reader = Object::read(path, value, unmet);
    let remind_before_seconds = reader.optional("remind_before_seconds", count).unwrap_or_default();
    let channels = reader.list("channels", one_of);
    reader.finish();
    Some(VisitReminder { remind_before_seconds, channels })
}

fn expected_close(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<PushRules> {
    let mut reader = Object::read(path, value, unmet);
    let reason_after_days = reader.optional("reason_after_days", claims);
    let max_pushes = reader.optional("max_pushes", max_pushes).unwrap_or_default();
    reader.finish();
    Some(PushRules { reason_after_days, max_pushes })
}

fn max_pushes(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<BTreeMap<Role, u32>> {
    let mut reader = Object::read(path, value, unmet);
    let roles = [Role::Rep, Role::Supervisor, Role::Manager, Role::Admin];
    let caps = roles.into_iter().filter_map(|role| Some((role, reader.optional(role.as_str(), claims)?)));
    let caps = caps.collect();
    reader.finish();
    Some(caps)
}

fn phase(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Phase> {
    let mut reader = Object::read(path, value, unmet);
    let (id, name) = (reader.needed("id", id), reader.needed("name", label));
    reader.finish();
    Some(Phase { id: id?, name: name? })
}

fn reason(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Reason> {
    let mut reader = Object::read(path, value, unmet);
    let (code, name) = (reader.needed("code", id), reader.needed("name", label));
    reader.finish();
    Some(Reason { code: code?, name: name? })
}

fn sub_status(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<SubStatus> {
    let mut reader = Object::read(path, value, unmet);
    let (id, name) = (reader.needed("id", id), reader.needed("name", label));
    let evidence = reader.list("evidence", evidence);
    reader.finish();
    Some(SubStatus { id: id?, name: name?, evidence })
}

fn evidence(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<EvidenceKind> {
    let mut reader = Object::read(path, value, unmet);
    let (kind, name) = (reader.needed("kind", id), reader.needed("name", label));
    let required = reader.optional("required", truth).unwrap_or_default();
    let any_of = reader.optional("any_of", id);
    let on_record = reader.optional("on_record", truth).unwrap_or_default();
    let transaction = reader.optional("transaction", one_of);
    reader.finish();
    Some(EvidenceKind { kind: kind?, name: name?, required, any_of, on_record, transaction })
}

fn entry_form(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<EntryForm> {
    let mut reader = Object::read(path, value, unmet);
    let form = EntryForm {
        note: reader.optional("note", truth).unwrap_or_default(),
        next_step: reader.optional("next_step", truth).unwrap_or_default(),
        reasons: reader.list("reasons", id),
        evidence: reader.list("evidence", evidence),
        fields: reader.list("fields", id),
        offers: reader.list("offers", id),
        min_follow_ups: reader.optional("min_follow_ups", claims).unwrap_or_default(),
    };
    reader.finish();
    Some(form)
}

fn criterion(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Criterion> {
    let mut reader = Object::read(path, value, unmet);
    let (action, result) = (reader.needed("action", label), reader.needed("result", label));
    reader.finish();
    Some(Criterion { action: action?, result: result? })
}

fn next_action(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<NextAction> {
    let mut reader = Object::read(path, value, unmet);
    let (what, role) = (reader.needed("what", label), reader.needed("role", id));
    let deadline_seconds = reader.needed("deadline_seconds", seconds);
    reader.finish();
    Some(NextAction { what: what?, role: role?, deadline_seconds: deadline_seconds? })
}

fn probability(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Decimal> {
    let decimal = value.as_str().and_then(crate::money::decimal);
    let probability = decimal.filter(|p| (Decimal::ZERO..=Decimal::ONE).contains(p));
    if probability.is_none() {
        unmet.push(ill_formed(
            path,
            "0至1的小数文本，如\"0.25\"",
            "a decimal string from 0 to 1, such as \"0.25\"",
        ));
    }
    probability
}

fn stage(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Stage> {
    let mut reader = Object::read(path, value, unmet);
    let (id, kind, name) =
        (reader.needed("id", id), reader.needed("type", one_of), reader.needed("name", label));
    let stage = Stage {
        id: id.unwrap_or_default(),
        phase: reader.optional("phase", self::id),
        kind: kind.unwrap_or(super::StageType::Open),
        name: name.unwrap_or_else(|| Label::same("")),
        definition: reader.optional("definition", label),
        entry_criterion: reader.optional("entry_criterion", criterion),
        next_action: reader.optional("next_action", next_action),
        sub_statuses: reader.list("sub_statuses", sub_status),
        probability: reader.optional("probability", probability),
        entry_form: reader.optional("entry_form", entry_form).unwrap_or_default(),
        core: reader.optional("core", truth).unwrap_or_default(),
        playbook: reader.optional("playbook", label),
        stagnant_after_seconds: reader.optional("stagnant_after_seconds", seconds),
    };
    reader.finish();
    Some(stage)
}

fn transitions(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Transitions> {
    if value.as_str() == Some("any") {
        return Some(Transitions::Any);
    }
    if !value.is_array() {
        unmet.push(ill_formed(path, "\"any\"或转换列表", "\"any\" or a list of transitions"));
        return None;
    }
    let mut rules = at_most(MAX_TRANSITIONS, path, value, unmet, transition);
    rules.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    rules.dedup();
    Some(Transitions::Listed(rules))
}

fn transition(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<TransitionRule> {
    let mut reader = Object::read(path, value, unmet);
    let (from, to) = (reader.needed("from", id), reader.needed("to", id));
    let approval = reader.optional("approval", approval);
    let fields = reader.list("fields", id);
    let min_follow_ups = reader.optional("min_follow_ups", claims).unwrap_or_default();
    reader.finish();
    Some(TransitionRule { from: from?, to: to?, approval, fields, min_follow_ups })
}

fn approval(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Approval> {
    let mut reader = Object::read(path, value, unmet);
    let roles = reader.list("roles", one_of);
    if roles.is_empty() {
        reader.missing("roles");
    }
    let effective = reader.optional("effective", one_of).unwrap_or_default();
    let expires_seconds = reader.needed("expires_seconds", seconds);
    reader.finish();
    Some(Approval { roles, effective, expires_seconds: expires_seconds? })
}
