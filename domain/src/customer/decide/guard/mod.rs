//! Conditions that several decisions share, grouped by what they look at. Each answers with what is unmet.

mod contact;
mod holds;
mod json;
mod lifecycle;
mod money;
mod owner;
mod permission;
mod stage;
mod text;
mod time;

pub(super) use contact::contacts;
pub(in crate::customer) use holds::no_legal_hold;
pub(super) use json::{fields, json};
pub use lifecycle::may_be_named;
pub(super) use lifecycle::{not_merged, still_exists};
pub(super) use money::money;
pub(super) use owner::{known_owner, known_pool};
pub(super) use permission::{forbidden_role, may_command, may_give_up, may_work, supervises};
pub(super) use stage::{
    known_pipeline, known_stage, known_sub_status, stage_for_entry, sub_status_without_evidence,
    without_evidence,
};
pub(crate) use text::{MAX_ID_CHARS, MAX_NAME_CHARS, MAX_TAG_CHARS, MAX_TEXT_CHARS};
pub(super) use text::{at_most, identifier, line, long_text, optional_line, optional_text, tags, text};
pub(super) use time::{before_creation, changed_at, effective, effective_in, in_range, in_window, instant};
