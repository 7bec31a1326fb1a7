//! Reads pools and their rules.

use serde_json::Value;

use super::reader::{Object, claims, count, id, label, number_of, one_of, seconds, truth};
use crate::pool::Pool;
use crate::pool::rules::{Exempt, FirstContact, PoolRules, Reclaim, RepeatedClaims};
use crate::refusal::Violation;

pub(super) fn pool(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Pool> {
    let mut reader = Object::read(path, value, unmet);
    let (key, kind) = (reader.needed("key", id), reader.needed("kind", one_of));
    let (name, timezone) = (reader.needed("name", label), reader.needed("timezone", one_of));
    let claims_per_day = reader.optional("claims_per_day", claims).unwrap_or(3);
    let default = reader.optional("default", truth).unwrap_or_default();
    let rules = reader.optional("rules", rules);
    reader.finish();
    Some(Pool { key: key?, kind: kind?, name: name?, timezone: timezone?, claims_per_day, default, rules })
}

fn rules(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<PoolRules> {
    let mut reader = Object::read(path, value, unmet);
    let rules = PoolRules {
        reclaim: reader.list("reclaim", reclaim),
        exempt: reader.optional("exempt", exempt),
        reclaims_per_run: reader.optional("reclaims_per_run", number_of),
        first_contact: reader.optional("first_contact", first_contact),
        previous_owner_blocked_seconds: reader.optional("previous_owner_blocked_seconds", seconds),
        new_protected_seconds: reader.optional("new_protected_seconds", seconds),
        repeated_claims: reader.optional("repeated_claims", repeated_claims),
        holding_cap: reader.optional("holding_cap", number_of),
        views_per_day: reader.optional("views_per_day", number_of),
        claimant_roles: reader.list("claimant_roles", id),
        handover_grace_seconds: reader.optional("handover_grace_seconds", seconds),
    };
    reader.finish();
    Some(rules)
}

fn reclaim(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Reclaim> {
    let mut reader = Object::read(path, value, unmet);
    let (id, name) = (reader.needed("id", id), reader.needed("name", label));
    let reset_by = reader.list("reset_by", one_of);
    let seconds = reader.needed("seconds", seconds);
    let boundary = reader.optional("boundary", one_of).unwrap_or_default();
    let unit = reader.optional("unit", one_of).unwrap_or_default();
    let warn_before_seconds = reader.list("warn_before_seconds", super::seconds);
    reader.finish();
    Some(Reclaim { id: id?, name: name?, reset_by, seconds: seconds?, boundary, unit, warn_before_seconds })
}

fn exempt(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<Exempt> {
    let mut reader = Object::read(path, value, unmet);
    let exempt = Exempt {
        stage_types: reader.list("stage_types", one_of),
        tiers: reader.list("tiers", id),
        next_contact_planned: reader.optional("next_contact_planned", truth).unwrap_or_default(),
    };
    reader.finish();
    Some(exempt)
}

fn first_contact(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<FirstContact> {
    let mut reader = Object::read(path, value, unmet);
    let within_seconds = reader.needed("within_seconds", seconds);
    let grace_seconds = reader.optional("grace_seconds", count).unwrap_or_default();
    let strikes = reader.optional("strikes", number_of);
    let ban_seconds = reader.optional("ban_seconds", seconds);
    reader.finish();
    Some(FirstContact { within_seconds: within_seconds?, grace_seconds, strikes, ban_seconds })
}

fn repeated_claims(path: &str, value: &Value, unmet: &mut Vec<Violation>) -> Option<RepeatedClaims> {
    let mut reader = Object::read(path, value, unmet);
    let max = reader.needed("max", number_of);
    let within_seconds = reader.needed("within_seconds", seconds);
    reader.finish();
    Some(RepeatedClaims { max: max?, within_seconds: within_seconds? })
}
