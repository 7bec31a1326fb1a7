//! Rows as receivers and messages.

use chrono::{DateTime, Utc};

use super::error::{OutboundError, Result};
use crate::domain::Language;
use crate::outbound::endpoint::{Delivery, Endpoint, Kind, State};
use crate::projections::db::Row;

pub(super) fn damaged(what: &'static str, word: impl Into<String>) -> OutboundError {
    OutboundError::Damaged { what, word: word.into() }
}

pub(super) fn instant(micros: i64) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| damaged("instant", micros.to_string()))
}

pub(super) fn endpoint(row: &Row) -> Result<Endpoint> {
    let kind = row.str(1)?;
    let former = match row.opt_int(11)? {
        Some(until) => Some((row.bytes(10)?, instant(until)?)),
        None => None,
    };
    let disabled = match row.opt_int(14)? {
        Some(at) => Some((instant(at)?, row.opt_text(15)?.unwrap_or_default())),
        None => None,
    };
    let language = Language::parse(row.str(8)?);
    Ok(Endpoint {
        id: row.uuid(0)?,
        kind: Kind::of(kind).ok_or_else(|| damaged("kind", kind))?,
        description: row.opt_text(2)?,
        include_personal: row.flag(3)?,
        url: row.opt_text(4)?,
        types: row.str(5)?.split_whitespace().map(str::to_owned).collect(),
        member: row.opt_text(6)?,
        team: row.opt_text(7)?,
        language: language.unwrap_or(Language::Zh),
        secret: row.bytes(9)?,
        former,
        created_at: instant(row.int(12)?)?,
        created_by: row.text(13)?,
        disabled,
        cursor: row.position(16)?,
    })
}

pub(super) fn delivery(row: &Row) -> Result<Delivery> {
    let state = row.str(5)?;
    let parts = row.str(4)?.split_whitespace().map(|part| part.parse().map_err(|_| damaged("part", part)));
    let status = row
        .opt_int(8)?
        .map(|status| u16::try_from(status).map_err(|_| damaged("status", status.to_string())));
    Ok(Delivery {
        endpoint: row.uuid(0)?,
        position: row.position(1)?,
        event_id: row.uuid(2)?,
        event_type: row.text(3)?,
        parts: parts.collect::<Result<_>>()?,
        state: State::of(state).ok_or_else(|| damaged("state", state))?,
        attempts: row.number(6)?,
        next_at: row.opt_int(7)?.map(instant).transpose()?,
        last_status: status.transpose()?,
        last_error: row.opt_text(9)?,
        queued_at: instant(row.int(10)?)?,
        changed_at: instant(row.int(11)?)?,
        epoch: row.position(12)?,
    })
}
