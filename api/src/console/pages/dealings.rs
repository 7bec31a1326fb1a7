//! What a customer bought, whose it is, and who may be the same: what is beside the way through the stages.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::address::{encoded, with_query};
use super::super::form::{NEXT, ONCE, VERSION};
use super::super::i18n::Locale;
use super::super::layout::Layout;
use super::super::session::PageQuery;
use super::record::{PageData, Refused, form};
use super::{items, text};

/// The parameter of the page that has possible duplicates looked for, which takes longer than the page.
const DUPLICATES: &str = "duplicates";

/// What is known of it.
pub(super) struct Dealings {
    purchases: Value,
    /// Who may be the same, where that was asked.
    suspects: Option<Value>,
}

impl Dealings {
    /// Reads it. A page stands without it, too.
    pub(super) async fn load(layout: &Layout, id: &str, query: &PageQuery) -> Self {
        let id = encoded(id);
        let purchases = layout.read(&format!("/v1/customers/{id}/purchases")).await.unwrap_or_default();
        let suspects = match query.get(DUPLICATES) {
            Some(_) => layout.read(&format!("/v1/customers/{id}/duplicates")).await.ok(),
            None => None,
        };
        Self { purchases, suspects }
    }

    /// Orders, contracts and payments, and the form of another one.
    pub(super) fn purchases(&self, layout: &Layout, data: &PageData, refused: Option<&Refused>) -> Markup {
        let locale = layout.locale;
        let list = self.purchases["transactions"].as_array().map(Vec::as_slice).unwrap_or_default();
        html! {
            section {
                h2 { (locale.text("订单与付款", "Orders and payments")) }
                @if list.is_empty() { p.hint { (locale.text("还没有记录。", "None is recorded.")) } }
                ol.stays {
                    @for one in list {
                        li {
                            span {
                                (kind(locale, text(&one["kind"]))) " " (text(&one["reference"])) " · " (locale.day(&one["effective_at"]))
                                @if one["voided"] == true { " " span.flag { (locale.text("已撤销", "voided")) } }
                            }
                            span.money { @if one["amount"].is_object() { (locale.money(&one["amount"])) } }
                        }
                    }
                }
                @if layout.works() && data.is_workable() {
                    (form(locale, data, refused, "transactions", "", locale.text("记录订单、合同或付款", "Record an order, a contract or a payment"), &transaction(locale)))
                }
            }
        }
    }

    /// Who may be the same: each is merged, or marked as somebody else. Another one is named by its ID.
    pub(super) fn duplicates(&self, layout: &Layout, data: &PageData, refused: Option<&Refused>) -> Markup {
        let locale = layout.locale;
        let here = format!("/console/customers/{}", text(&data.customer["id"]));
        html! {
            section #duplicates {
                h2 { (locale.text("重复客户", "Duplicates")) }
                @match &self.suspects {
                    None => p { a href={ (with_query(&here, [(DUPLICATES, Some("1"))])) "#duplicates" } {
                        (locale.text("查找可能重复的客户", "Look for possible duplicates"))
                    } },
                    Some(suspects) if items(suspects).is_empty() => p.hint { (locale.text("没有发现可能重复的客户。", "Nobody seems to be the same.")) },
                    Some(suspects) => @for suspect in items(suspects) { (self::suspect(layout, data, suspect, &here)) },
                }
                (form(locale, data, refused, "merges", "", locale.text("按编号合并", "Merge one by its ID"), &merge(locale)))
            }
        }
    }
}

/// The form that gives a customer to somebody else.
pub(super) fn hand_over(locale: Locale, data: &PageData, refused: Option<&Refused>) -> Markup {
    let schema = json!({
        "required": ["to", "reason"],
        "properties": {
            "to": {"type": "string", "title": "New owner, such as rep:li or pool:KEY", "title_zh": "新的负责人，如 rep:li 或 pool:标识"},
            "reason": {"type": "string"},
        }
    });
    form(locale, data, refused, "owner-changes", "", locale.text("变更负责人", "Change the owner"), &schema)
}

fn suspect(layout: &Layout, data: &PageData, suspect: &Value, here: &str) -> Markup {
    let locale = layout.locale;
    let id = text(&suspect["customer_id"]);
    let button = |act: &str, field: &str, caption: &str| {
        html! {
            form.inline method="post" action={ (here) "/" (act) } {
                input type="hidden" name=(VERSION) value=(data.customer["version"]);
                input type="hidden" name=(ONCE) value={ (data.once) ":" (act) ":" (id) };
                input type="hidden" name=(field) value=(id);
                input type="hidden" name="reason" value=(locale.text("人工确认", "confirmed by a person"));
                input type="hidden" name=(NEXT) value={ (with_query(here, [(DUPLICATES, Some("1"))])) };
                button.quiet { (caption) }
            }
        }
    };
    let reasons = suspect["reasons"].as_array().into_iter().flatten();
    let reasons: Vec<&str> = reasons.map(|reason| because(locale, text(reason))).collect();
    html! {
        div.card {
            a.name href={ "/console/customers/" (id) } { (suspect["name"].as_str().unwrap_or(id)) }
            span.line {
                span { (locale.holder(&suspect["owner"])) " · " (reasons.join(locale.text("、", ", "))) }
                span { (locale.share(suspect["score"].as_f64().unwrap_or_default())) }
            }
            span.acts {
                (button("merges", "absorbed", locale.text("并入当前客户", "Merge into this one")))
                (button("distinctions", "other", locale.text("不是同一客户", "Not the same")))
            }
        }
    }
}

fn because(locale: Locale, reason: &str) -> &str {
    match reason {
        "same_company_name" => locale.text("公司名称相同", "same company name"),
        "similar_company_name" => locale.text("公司名称相近", "similar company name"),
        "same_name" => locale.text("姓名相同", "same name"),
        "other_place" => locale.text("地区不同", "other place"),
        "same_email_domain" => locale.text("邮箱域名相同", "same e-mail domain"),
        other => other,
    }
}

fn kind(locale: Locale, kind: &str) -> &str {
    match kind {
        "order" => locale.text("订单", "Order"),
        "contract" => locale.text("合同", "Contract"),
        "payment" => locale.text("付款", "Payment"),
        other => other,
    }
}

fn transaction(locale: Locale) -> Value {
    let kinds =
        ["order", "contract", "payment"].map(|word| json!({"const": word, "title": kind(locale, word)}));
    let short = json!({"type": "string"});
    json!({
        "required": ["kind", "amount"],
        "properties": {
            "kind": {"oneOf": kinds},
            "amount": {"type": "object", "required": ["amount"], "properties": {"amount": short, "currency": short}},
            "reference": short,
            "effective_at": {"type": "string", "format": "date-time"},
        }
    })
}

fn merge(locale: Locale) -> Value {
    let policies = [
        ("survivor", locale.text("保持当前客户的状态", "this customer's stage")),
        ("furthest", locale.text("更靠后的状态", "the one further on")),
        ("latest_effective", locale.text("最近进入的状态", "the one entered last")),
    ];
    let policies = policies.map(|(word, title)| json!({"const": word, "title": title}));
    json!({
        "required": ["absorbed"],
        "properties": {
            "absorbed": {"type": "string", "title": "ID of the customer that is absorbed", "title_zh": "被并入客户的编号"},
            "stage_policy": {"oneOf": policies},
            "reason": {"type": "string"},
        }
    })
}
