//! Pools and owners.

use super::text::{MAX_ID_CHARS, line};
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label, Owner};

pub(in crate::customer::decide) fn known_pool(
    context: &Context<'_>,
    pipeline: &str,
    pool: &str,
    field: &str,
) -> Vec<Violation> {
    require(context.pool(pipeline, pool).is_some(), || {
        Violation::new(
            Code::UnknownPool,
            field,
            Label::new("没有这个公海。", "The pool does not exist."),
            Label::new("请使用已有公海的标识。", "Use the key of an existing pool."),
        )
    })
}

/// A rep or a pool that can own a customer.
pub(in crate::customer::decide) fn known_owner(
    context: &Context<'_>,
    pipeline: &str,
    owner: &Owner,
    field: &str,
) -> Vec<Violation> {
    match owner {
        Owner::Rep(rep) => line(field, rep, MAX_ID_CHARS),
        Owner::Pool(pool) => known_pool(context, pipeline, pool, field),
    }
}
