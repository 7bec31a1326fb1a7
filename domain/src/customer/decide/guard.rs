//! Conditions that several decisions share. Each answers with what is unmet.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Utc};
use serde_json::Value;

use crate::context::CLOCK_SKEW;
use crate::customer::command::NewContact;
use crate::customer::event::{ContactKind, Money};
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::{EvidenceKind, Pipeline, Stage};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Owner, field, identity};

/// Free text: notes, summaries, reasons.
pub(crate) const MAX_TEXT_CHARS: usize = 4_000;
/// Names of customers and of sources, channels and tiers.
pub(crate) const MAX_NAME_CHARS: usize = 200;
/// Ids given by clients: reps, tags, external ids.
pub(crate) const MAX_ID_CHARS: usize = 100;
const MAX_TAGS: usize = 30;
const MAX_CONTACTS: usize = 10;
const MAX_FIELDS_BYTES: usize = 8_000;

pub(super) fn not_erased(customer: &Customer) -> Vec<Violation> {
    require(!customer.erased, || {
        Violation::new(
            Code::CustomerErased,
            "",
            Label::new(
                "客户资料已按要求删除，不再接受任何操作。",
                "The customer was erased on request and takes no commands.",
            ),
            Label::new("如客户再次联系，请重新登记。", "Register the person anew if they come back."),
        )
    })
}

/// A merged customer's stream has ended: its survivor takes the commands.
pub(super) fn not_merged(customer: &Customer) -> Vec<Violation> {
    let Some(survivor) = customer.merged_into else { return Vec::new() };
    vec![
        Violation::new(
            Code::Merged,
            "",
            Label::new("该客户已合并到另一个客户。", "The customer was merged into another one."),
            Label::new(
                "请操作 merged_into 指出的客户，或先撤销合并。",
                "Work with the customer named by merged_into, or undo the merge first.",
            ),
        )
        .with("merged_into", survivor.to_string()),
    ]
}

/// Analysts and auditors read; the others command.
pub(super) fn may_command(context: &Context<'_>) -> Vec<Violation> {
    require(context.import || context.actor.may_command(), || {
        forbidden_role(
            Label::new("该角色只能查看，不能操作。", "This role reads; it does not command."),
            Label::new("请由销售、主管或管理员操作。", "Ask a rep, a manager or an admin."),
        )
    })
}

/// What only managers, admins and rules of the system may do.
pub(super) fn supervises(context: &Context<'_>, field: &str) -> Vec<Violation> {
    require(context.actor.supervises(), || Violation {
        field: field.to_owned(),
        ..forbidden_role(
            Label::new("此操作需要主管权限。", "This needs a manager."),
            Label::new("请由主管或管理员操作。", "Ask a manager or an admin."),
        )
    })
}

pub(super) fn forbidden_role(message: Label, how_to_fix: Label) -> Violation {
    Violation::new(Code::ForbiddenRole, "", message, how_to_fix)
}

/// A rep works its own customers, those in a pool and those of whom it stands in for; another rep's only who leads may
/// touch.
pub(super) fn may_work(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    if context.import || context.actor.supervises() {
        return Vec::new();
    }
    let Some(rep) = context.actor.rep_id() else { return may_command(context) };
    let Owner::Rep(owner) = &customer.owner else { return Vec::new() };
    require(owner == rep || context.stands_in_for.contains(owner), not_owner)
}

/// What a deputy may not do: to give the customer away is its owner's, or of those who lead.
pub(super) fn may_give_up(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    let stands_in = match &customer.owner {
        Owner::Rep(owner) => context.stands_in_for.contains(owner) && context.actor.rep_id() != Some(owner),
        Owner::Pool(_) => false,
    };
    if stands_in && !context.actor.supervises() { vec![not_owner()] } else { may_work(customer, context) }
}

fn not_owner() -> Violation {
    Violation::new(
        Code::NotOwner,
        "",
        Label::new("该客户属于其他销售。", "The customer belongs to another rep."),
        Label::new(
            "请联系其负责人，或由主管转移归属。",
            "Ask its owner, or have a manager change the owner.",
        ),
    )
}

/// When a command happened: now, unless it says otherwise. Servers' clocks differ a little, so now is never
/// before the stay that another server has just recorded.
pub(super) fn instant(context: &Context<'_>, current: Option<&Stay>) -> DateTime<Utc> {
    context.effective_at.unwrap_or_else(|| {
        let entered = current.map(|stay| stay.entered_at).filter(|at| *at <= context.now + CLOCK_SKEW);
        entered.map_or(context.now, |at| at.max(context.now))
    })
}

/// The instant lies neither in the future, nor before the customer's first event, nor out of the actor's window.
pub(super) fn effective(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    let Some(at) = context.effective_at else { return Vec::new() };
    [in_window(at, "effective_at", context), after_creation(customer, at, "effective_at", context)].concat()
}

/// The instant lies neither in the future nor out of the actor's window for recording the past.
pub(super) fn in_window(at: DateTime<Utc>, field: &str, context: &Context<'_>) -> Vec<Violation> {
    let out_of_range = in_range(at, field);
    if !out_of_range.is_empty() {
        return out_of_range;
    }
    if at > context.now + CLOCK_SKEW {
        let latest = context.now + CLOCK_SKEW;
        return vec![
            Violation::new(
                Code::EffectiveInFuture,
                field,
                Label::new("生效时间不能在未来。", "What has not happened yet cannot be recorded."),
                Label::new("请填写实际发生的时间。", "Give the instant at which it happened."),
            )
            .with_instant("latest", latest),
        ];
    }
    let Some(window) = context.actor.backdate_window().filter(|_| !context.import) else { return Vec::new() };
    require(context.now - at <= window, || {
        let days = window.num_days();
        Violation::new(
            Code::BackdateWindowExceeded,
            field,
            Label::new(
                format!("该角色最多可补录{days}天内的变更。"),
                format!("This role records at most {days} days back."),
            ),
            Label::new("请由权限更高的人补录。", "Ask somebody whose role reaches further back."),
        )
        .with_instant("earliest", context.now - window)
    })
}

fn after_creation(
    customer: &Customer,
    at: DateTime<Utc>,
    field: &str,
    context: &Context<'_>,
) -> Vec<Violation> {
    let Some(began_at) = customer.journeys.began_at() else { return Vec::new() };
    require(at >= began_at || context.allow_before_creation || context.import, || {
        before_creation(field, began_at)
    })
}

pub(super) fn before_creation(field: &str, began_at: DateTime<Utc>) -> Violation {
    Violation::new(
        Code::EffectiveBeforeCreation,
        field,
        Label::new("生效时间早于该客户的第一条记录。", "The instant lies before the customer's first event."),
        Label::new("请先更正登记的时间。", "Correct the instant of the registration first."),
    )
    .with_instant("earliest", began_at)
}

/// The instant can be written as RFC 3339 and lies in the era of computers.
pub(super) fn in_range(at: DateTime<Utc>, field: &str) -> Vec<Violation> {
    require((1970..=9999).contains(&at.year()), || {
        Violation::new(
            Code::EffectiveOutOfRange,
            field,
            Label::new("时间须在1970年至9999年之间。", "The instant must lie in the years 1970 to 9999."),
            Label::new("请检查年份。", "Check the year."),
        )
    })
}

/// The definition in force of a pipeline.
pub(super) fn known_pipeline<'a>(context: &Context<'a>, key: &str) -> Result<&'a Pipeline, Refusal> {
    context.pipeline(key).ok_or_else(|| {
        let message = Label::new(format!("没有销售流程“{key}”。"), format!("There is no pipeline {key:?}."));
        let how_to_fix = Label::new("请使用已有销售流程的标识。", "Use the key of a pipeline that exists.");
        Refusal::from_code(Code::UnknownPipeline, "pipeline", message, how_to_fix)
    })
}

pub(super) fn known_stage(pipeline: &Pipeline, stage: &str, field: &str) -> Vec<Violation> {
    require(pipeline.stage(stage).is_some(), || {
        let stages: Vec<&str> = pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
        Violation::new(
            Code::UnknownStage,
            field,
            Label::new("销售流程中没有这个状态。", "The pipeline has no such stage."),
            Label::new("请从状态列表中选择。", "Choose from the pipeline's stages."),
        )
        .with("stages", stages)
    })
}

pub(super) fn known_sub_status(stage: Option<&Stage>, sub_status: Option<&str>) -> Vec<Violation> {
    let (Some(stage), Some(sub_status)) = (stage, sub_status) else { return Vec::new() };
    require(stage.sub_statuses.iter().any(|known| known.id == sub_status), || {
        let known: Vec<&str> = stage.sub_statuses.iter().map(|known| known.id.as_str()).collect();
        Violation::new(
            Code::UnknownSubStatus,
            "sub_status",
            Label::new("该状态没有这个子状态。", "The stage has no such sub-status."),
            Label::new("请从子状态列表中选择。", "Choose from the stage's sub-statuses."),
        )
        .with("sub_statuses", known)
    })
}

/// A document that a stage or sub-status asks for and nobody has shown.
pub(super) fn without_evidence(kind: &EvidenceKind, field: &str) -> Violation {
    Violation::new(
        Code::EvidenceRequired,
        field,
        Label::new(
            format!("进入该状态需要凭证：{}。", kind.name.zh),
            format!("Entering this stage needs evidence: {}.", kind.name.en),
        ),
        Label::new("请附上凭证的编号或地址。", "Refer to the document by its id or address."),
    )
    .with("kind", kind.kind.clone())
}

/// Who has no documents to show (a registration, a rule) sets no sub-status that asks for some.
pub(super) fn sub_status_without_evidence(
    stage: Option<&Stage>,
    sub_status: Option<&str>,
    context: &Context<'_>,
) -> Vec<Violation> {
    let finer = stage.zip(sub_status).and_then(|(stage, id)| stage.sub_status(id));
    let asked = finer.into_iter().flat_map(|finer| &finer.evidence).filter(|kind| kind.required);
    asked.filter(|_| !context.import).map(|kind| without_evidence(kind, "sub_status")).collect()
}

/// Journeys begin in the entry stage or another open one; only who supervises may begin one further on, lest
/// registering become a way around the transition rules.
pub(super) fn stage_for_entry(
    pipeline: &Pipeline,
    stage: &str,
    field: &str,
    context: &Context<'_>,
) -> Vec<Violation> {
    use crate::pipeline::StageType;
    let open = pipeline.stage(stage).is_none_or(|stage| stage.kind == StageType::Open);
    require(open || stage == pipeline.entry_stage || context.import || context.actor.supervises(), || {
        Violation::new(
            Code::StageNotForEntry,
            field,
            Label::new("销售只能从进行中的状态开始。", "A rep begins a journey in an open stage."),
            Label::new("请选择进行中的状态，或由主管登记。", "Choose an open stage, or ask a manager."),
        )
    })
}

pub(super) fn known_pool(context: &Context<'_>, pipeline: &str, pool: &str, field: &str) -> Vec<Violation> {
    require(context.pool(pipeline, pool).is_some(), || {
        Violation::new(
            Code::UnknownPool,
            field,
            Label::new("没有这个公海。", "There is no such pool."),
            Label::new("请使用已有公海的标识。", "Use the key of a pool that exists."),
        )
    })
}

/// A rep or a pool that can own a customer.
pub(super) fn known_owner(
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

/// Text that must be there, over several lines if need be.
pub(super) fn text(field: &str, text: &str) -> Vec<Violation> {
    if text.trim().is_empty() {
        return vec![Violation::new(
            Code::EmptyText,
            field,
            Label::new("内容不能为空。", "The text is empty."),
            Label::new("请填写内容。", "Write something."),
        )];
    }
    let breaks = |c: char| matches!(c, '\n' | '\r' | '\t');
    [within(field, text, MAX_TEXT_CHARS), without_controls(field, text, breaks)].concat()
}

/// Text over several lines that may be absent but not empty.
pub(super) fn optional_text(field: &str, value: Option<&str>) -> Vec<Violation> {
    value.map(|value| text(field, value)).unwrap_or_default()
}

/// Text of one line that must be there.
pub(super) fn line(field: &str, text: &str, max_chars: usize) -> Vec<Violation> {
    if text.trim().is_empty() {
        return self::text(field, text);
    }
    [within(field, text, max_chars), without_controls(field, text, |_| false)].concat()
}

/// Text of one line that may be absent but not empty.
pub(super) fn optional_line(field: &str, text: Option<&str>, max_chars: usize) -> Vec<Violation> {
    text.map(|text| line(field, text, max_chars)).unwrap_or_default()
}

fn within(field: &str, text: &str, max_chars: usize) -> Vec<Violation> {
    require(text.chars().count() <= max_chars, || {
        Violation::new(
            Code::TextTooLong,
            field,
            Label::new(
                format!("内容最多{max_chars}个字符。"),
                format!("The text has more than {max_chars} characters."),
            ),
            Label::new("请缩短内容。", "Shorten it."),
        )
        .with("max_chars", max_chars)
    })
}

fn without_controls(field: &str, text: &str, except: impl Fn(char) -> bool) -> Vec<Violation> {
    require(!text.chars().any(|c| c.is_control() && !except(c)), || {
        Violation::new(
            Code::ControlCharacter,
            field,
            Label::new("内容含有控制字符。", "The text has control characters."),
            Label::new("请删除控制字符。", "Remove them."),
        )
    })
}

/// A word for programs: a small letter, then small letters, digits, `_`, `-` or `.`, 64 in all at most.
pub(super) fn identifier(field: &str, id: &str) -> Vec<Violation> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    let well_formed =
        id.len() <= 64 && id.starts_with(|c: char| c.is_ascii_lowercase()) && id.bytes().all(inner);
    require(well_formed, || {
        Violation::new(
            Code::InvalidIdentifier,
            field,
            Label::new(
                "标识须以小写字母开头，只含小写字母、数字、_、-、.，最多64个字符。",
                "An identifier is a small letter and then small letters, digits, _, - or ., 64 at most.",
            ),
            Label::new("例如 logged_in。", "Write it like logged_in."),
        )
    })
}

/// An amount of money that a deal can be worth.
pub(super) fn money(field: &str, money: Option<&Money>) -> Vec<Violation> {
    let Some(money) = money else { return Vec::new() };
    let limit = rust_decimal::Decimal::from(1_000_000_000_000_000_u64);
    let amount_sane = !money.amount.is_sign_negative() && money.amount < limit && money.amount.scale() <= 6;
    let decimals = crate::money::decimals(&money.currency);
    let fine_enough = decimals.is_none_or(|decimals| money.amount.normalize().scale() <= decimals);
    let amount = require(amount_sane, || {
        Violation::new(
            Code::InvalidMoney,
            format!("{field}.amount"),
            Label::new(
                "金额须为不小于零、小于一千万亿、最多六位小数的数。",
                "An amount is from zero to below 10^15, with six decimals at most.",
            ),
            Label::new("例如 12.30。", "Write it like 12.30."),
        )
    });
    let currency = require(decimals.is_some(), || {
        Violation::new(
            Code::InvalidMoney,
            format!("{field}.currency"),
            Label::new("货币须为ISO 4217中现行的货币代码。", "A currency is an active code of ISO 4217."),
            Label::new("例如 CNY。", "Write it like CNY."),
        )
    });
    let minor_units = require(fine_enough, || {
        let decimals = decimals.unwrap_or_default();
        let currency = &money.currency;
        Violation::new(
            Code::InvalidMoney,
            format!("{field}.amount"),
            Label::new(
                format!("{currency} 的金额最多{decimals}位小数。"),
                format!("An amount in {currency} has at most {decimals} decimals."),
            ),
            Label::new("请按货币的最小单位填写。", "Give it in the currency's minor units."),
        )
        .with("decimals", decimals)
    });
    [amount, currency, minor_units].concat()
}

/// Labels that are not statuses.
pub(super) fn tags(tags: &[String]) -> Vec<Violation> {
    let each =
        tags.iter().enumerate().flat_map(|(n, tag)| line(&format!("tags[{n}]"), tag, MAX_ID_CHARS / 2));
    [at_most("tags", tags.len(), MAX_TAGS), each.collect()].concat()
}

/// Ways to reach a customer.
pub(super) fn contacts(contacts: &[NewContact]) -> Vec<Violation> {
    let each = contacts.iter().enumerate().flat_map(|(n, c)| contact(&format!("contacts[{n}].value"), c));
    [at_most("contacts", contacts.len(), MAX_CONTACTS), each.collect()].concat()
}

fn contact(field: &str, contact: &NewContact) -> Vec<Violation> {
    let malformed = line(field, &contact.value, MAX_NAME_CHARS);
    if !malformed.is_empty() {
        return malformed;
    }
    let value = contact.value.as_str();
    let plausible = match contact.kind {
        ContactKind::Phone if identity::phone(value).is_some() => true,
        ContactKind::Email if identity::email(value).is_some() => true,
        ContactKind::Phone => {
            value.bytes().filter(u8::is_ascii_digit).count() >= 3
                && value.chars().all(|c| c.is_ascii_digit() || "+-() .#*/x".contains(c))
        }
        ContactKind::Email => {
            value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
                && !value.contains(char::is_whitespace)
        }
        ContactKind::Wechat => !value.contains(char::is_whitespace),
    };
    require(plausible, || {
        Violation::new(
            Code::InvalidContact,
            field,
            Label::new("联系方式与其类型不符。", "The value does not look like its kind of contact."),
            Label::new("请检查号码、邮箱或微信号。", "Check the number, address or account."),
        )
    })
}

/// Custom fields: bounded, with named keys and without control characters.
pub(super) fn fields(fields: Option<&BTreeMap<String, Value>>, context: &Context<'_>) -> Vec<Violation> {
    let Some(fields) = fields else { return Vec::new() };
    let mut unmet = field::values(context.fields, fields);
    let mut bytes = 0;
    for (key, value) in fields {
        bytes += key.len() + value.to_string().len();
        let field = format!("fields.{key}");
        unmet.extend(line("fields", key, MAX_ID_CHARS));
        unmet.extend(json_without_controls(&field, value));
    }
    unmet.extend(at_most_bytes("fields", bytes, MAX_FIELDS_BYTES));
    unmet
}

/// Particulars in JSON: bounded, and without control characters.
pub(super) fn json(field: &str, value: &Value) -> Vec<Violation> {
    let bounded = at_most_bytes(field, value.to_string().len(), 2 * MAX_FIELDS_BYTES);
    [bounded, json_without_controls(field, value)].concat()
}

fn json_without_controls(field: &str, value: &Value) -> Vec<Violation> {
    let breaks = |c: char| matches!(c, '\n' | '\r' | '\t');
    match value {
        Value::String(text) => without_controls(field, text, breaks),
        Value::Array(items) => items.iter().flat_map(|item| json_without_controls(field, item)).collect(),
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, item)| {
                [without_controls(field, key, |_| false), json_without_controls(field, item)].concat()
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn at_most_bytes(field: &str, bytes: usize, max_bytes: usize) -> Vec<Violation> {
    require(bytes <= max_bytes, || {
        Violation::new(
            Code::TextTooLong,
            field,
            Label::new(
                format!("内容最多{max_bytes}字节。"),
                format!("The content has more than {max_bytes} bytes."),
            ),
            Label::new("请减少内容。", "Shorten it."),
        )
        .with("max_bytes", max_bytes)
    })
}

pub(super) fn at_most(field: &str, items: usize, max_items: usize) -> Vec<Violation> {
    require(items <= max_items, || {
        Violation::new(
            Code::TooManyItems,
            field,
            Label::new(format!("最多{max_items}项。"), format!("There are more than {max_items} items.")),
            Label::new("请减少条目。", "Leave some out."),
        )
        .with("max_items", max_items)
    })
}
