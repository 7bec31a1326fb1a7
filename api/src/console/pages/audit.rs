//! The change review: who changed what, from what to what; and the proof that an entry is in the log, for the reader's own
//! browser to check.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::Console;
use super::super::address::{encoded, with_query};
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part};
use super::super::session::{ConsoleSession, PageQuery};
use super::{items, reports, text};

const HERE: &str = "/console/audit";
/// What changes are found by, as they are asked of the API.
const SOUGHT: [&str; 6] = ["actor", "type", "customer", "rule", "origin", "q"];
/// Instants between which they took effect.
const WINDOW: [&str; 2] = ["from", "to"];
/// How many of them are not folded up.
const USUAL: usize = 3;
/// How many entries a tile of the log has.
const TILE: u64 = 256;

/// Shows the changes that are sought, the latest first.
pub(in super::super) async fn show(layout: Layout, query: PageQuery) -> Response {
    let layout = layout.with_script("audit.js");
    let locale = layout.locale;
    let instants = WINDOW.map(|name| (name, query.get(name).map(|field| locale.instant(field))));
    let sought = SOUGHT.iter().map(|name| (*name, query.get(name)));
    let asked = sought.chain(instants.iter().map(|(name, instant)| (*name, instant.as_deref())));
    let asked = asked.chain([("limit", Some("50")), ("cursor", query.get("cursor"))]);
    let asked = with_query("/v1/audit/changes", asked);
    let changes = match layout.get(&asked).await {
        Ok(changes) => changes,
        Err(error) => return layout.failed(Part::Audit, &error),
    };
    let title = locale.text("审计", "Audit");
    let next = changes["next_cursor"].as_str().map(|cursor| {
        let sought = SOUGHT.iter().chain(&WINDOW).map(|name| (*name, query.get(name)));
        with_query(HERE, sought.chain([("cursor", Some(cursor))]))
    });
    let body = html! {
        (sections(locale, HERE))
        (filters(locale, &query))
        @if items(&changes).is_empty() { p.empty { (locale.text("没有符合条件的变更。请减少筛选条件。", "No changes match. Remove a filter.")) } }
        @else {
            div.scroll { table.changes {
                thead { tr {
                    th { (locale.text("时间", "Time")) } th { (locale.text("操作人", "Who")) }
                    th { (locale.text("事项", "What")) } th { (locale.text("变更前后", "Before and after")) } th { (locale.text("证明", "Proof")) }
                } }
                tbody { @for change in items(&changes) { (row(locale, change)) } }
            } }
        }
        @if let Some(next) = next { a.more href=(next) { (locale.text("下一页", "Next page")) } }
        (reports::links(locale, &[&asked, "/v1/audit/bundle"]))
        (words(locale))
    };
    layout.page(Part::Audit, None, title, &body)
}

/// What there is for auditors, and which of it is shown.
pub(super) fn sections(locale: Locale, current: &str) -> Markup {
    let all = [
        (HERE, locale.text("变更", "Changes")),
        ("/console/audit/access", locale.text("查阅记录", "Access log")),
        ("/console/audit/legal-holds", locale.text("依法保留", "Legal holds")),
        ("/console/audit/erasures", locale.text("资料删除", "Erasures")),
    ];
    let title = locale.text("审计", "Audit");
    html! {
        h1 { (title) }
        nav.tabs aria-label=(title) {
            @for (address, name) in all { a href=(address) aria-current=[(address == current).then_some("page")] { (name) } }
        }
    }
}

fn filters(locale: Locale, query: &PageQuery) -> Markup {
    let told = |name: &str| query.get(name).unwrap_or_default();
    let captions = [
        locale.text("操作人", "Who"),
        locale.text("事件类型", "Event type"),
        locale.text("客户", "Customer"),
        locale.text("规则", "Rule"),
        locale.text("来源", "Origin"),
        locale.text("文字", "Words"),
    ];
    html! {
        form.fields role="search" {
            @for (name, caption) in SOUGHT.iter().zip(captions).take(USUAL) {
                label { (caption) input name=(name) value=(told(name)); }
            }
            button { (locale.text("查看", "Apply")) }
            details.narrowing open[SOUGHT[USUAL..].iter().chain(&WINDOW).any(|name| query.get(name).is_some())] {
                summary { (locale.text("更多筛选", "More filters")) }
                div.fields {
                    @for (name, caption) in SOUGHT.iter().zip(captions).skip(USUAL) {
                        label { (caption) input name=(name) value=(told(name)); }
                    }
                    label { (locale.text("自", "From")) input type="datetime-local" name="from" value=(told("from")); }
                    label { (locale.text("至", "To")) input type="datetime-local" name="to" value=(told("to")); }
                }
            }
        }
    }
}

fn row(locale: Locale, change: &Value) -> Markup {
    let id = text(&change["id"]);
    html! {
        tr data-event=(id) {
            td {
                (locale.moment(&change["effective_at"])) br;
                span.hint { "#" (change["position"]) }
            }
            td { (text(&change["actor"])) @if let Some(via) = change["via"].as_str() { br; span.hint { (via) } } }
            td {
                (locale.event(text(&change["type"])))
                @if let Some(customer) = change["customer"].as_str() {
                    br; a href={ "/console/customers/" (customer) } { (locale.text("打开客户", "Open the customer")) }
                }
                @if !change["superseded_by"].is_null() { br; span.flag { (locale.text("已被更正", "corrected")) } }
            }
            td.change {
                (difference(locale, &change["before"], &change["after"]))
                @if let Some(reason) = change["reason"].as_str() { p { (locale.text("原因：", "Reason: ")) (reason) } }
                @if let Some(note) = change["note"].as_str() { p { (note) } }
            }
            td { button.quiet data-verify=(id) hidden { (locale.text("验证", "Verify")) } }
        }
    }
}

/// What differs between two states, field by field.
fn difference(locale: Locale, before: &Value, after: &Value) -> Markup {
    let empty = serde_json::Map::new();
    let (was, is) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
    names.sort_unstable();
    names.dedup();
    html! {
        dl {
            @for name in names {
                @if was.get(name) != is.get(name) {
                    dt { (locale.caption(name)) }
                    dd {
                        @if let Some(value) = was.get(name) { del { (locale.value(value)) } " " }
                        @if let Some(value) = is.get(name) { ins { (locale.value(value)) } }
                    }
                }
            }
        }
    }
}

/// What the script says, in the reader's language.
fn words(locale: Locale) -> Markup {
    html! {
        template #words
            data-verified=(locale.text(
                "已验证：本条记录在签名的检查点之内。",
                "Verified: the entry is in the log that the signed checkpoint stands for.",
            ))
            data-entry=(locale.text(
                "已被篡改：记录内容与其在树中的哈希不符。",
                "Tampered: the entry is not the one whose hash is in the tree.",
            ))
            data-path=(locale.text(
                "已被篡改：证明路径得不出检查点的根。",
                "Tampered: the path does not lead to the root of the checkpoint.",
            ))
            data-checkpoint=(locale.text(
                "已被篡改：检查点与证明的大小或根不符。",
                "Tampered: the checkpoint is of another size or root than the proof.",
            ))
            data-signature=(locale.text(
                "已被篡改：检查点的签名与公钥不符。",
                "Tampered: the checkpoint is not signed by the public key.",
            ))
            data-unsupported=(locale.text(
                "此浏览器在此地址不提供加密功能：请使用 HTTPS。",
                "This browser offers no cryptography at this address: use HTTPS.",
            ))
            data-key=(locale.text("公钥", "Public key"))
            data-leaf=(locale.text("记录的哈希", "Hash of the entry"))
            data-left=(locale.text("左侧", "left"))
            data-right=(locale.text("右侧", "right"))
            data-root=(locale.text("根", "Root"))
            data-close=(locale.text("关闭", "Close")) {}
    }
}

/// What a browser needs to check that an entry is in the log: the entry byte for byte, the path to the root, the signed
/// checkpoint, and the public keys. Each is an answer of the API.
pub(in super::super) async fn proof(
    State(console): State<Console>,
    session: ConsoleSession,
    Path(event): Path<String>,
) -> Response {
    let path = format!("/v1/audit/proofs/inclusion?event_id={}", encoded(&event));
    let keys = console.api.get(&session, "/v1/audit/keys");
    let (proof, keys) = match tokio::try_join!(console.api.get(&session, &path), keys) {
        Ok(answers) => answers,
        Err(error) => return (error.status, Json(error.problem)).into_response(),
    };
    let (Some(index), Some(size)) = (proof["index"].as_u64(), proof["size"].as_u64()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tile = console.api.bytes(&session, &tile_path(index, size)).await;
    match tile.map(|tile| entry_of(&tile, index % TILE).map(str::to_owned)) {
        Ok(Some(entry)) => {
            Json(json!({"proof": proof, "keys": keys["items"], "entry": entry})).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (error.status, Json(error.problem)).into_response(),
    }
}

/// Where the tile of an entry is, in a log of a size (C2SP tlog-tiles).
fn tile_path(index: u64, size: u64) -> String {
    let number = index / TILE;
    let mut digits = vec![format!("{:03}", number % 1_000)];
    let mut rest = number / 1_000;
    while rest > 0 {
        digits.insert(0, format!("x{:03}", rest % 1_000));
        rest /= 1_000;
    }
    let width = (size - number * TILE).min(TILE);
    let partial = if width < TILE { format!(".p/{width}") } else { String::new() };
    format!("/v1/audit/tile/entries/{}{partial}", digits.join("/"))
}

/// An entry of a tile: each has its length before it, two bytes with the larger first.
fn entry_of(tile: &[u8], place: u64) -> Option<&str> {
    let mut rest = tile;
    for _ in 0..place {
        rest = split(rest)?.1;
    }
    std::str::from_utf8(split(rest)?.0).ok()
}

fn split(tile: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = tile.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::Language;

    #[test]
    fn a_tile_is_named_as_the_format_says() {
        assert_eq!(tile_path(0, 8), "/v1/audit/tile/entries/000.p/8");
        assert_eq!(tile_path(255, 256), "/v1/audit/tile/entries/000");
        assert_eq!(tile_path(256, 300), "/v1/audit/tile/entries/001.p/44");
        assert_eq!(tile_path(1_234_067 * 256, 1_234_068 * 256), "/v1/audit/tile/entries/x001/x234/067");
    }

    #[test]
    fn an_entry_is_found_behind_those_before_it() {
        let tile = b"\0\x01a\0\x03bcd\0\0";
        assert_eq!(
            (0..4).map(|place| entry_of(tile, place)).collect::<Vec<_>>(),
            [Some("a"), Some("bcd"), Some(""), None]
        );
        assert_eq!(entry_of(b"\0\x09a", 0), None);
    }

    #[test]
    fn only_what_differs_is_shown() {
        let locale = Locale { language: Language::En, zone: Tz::UTC };
        let shown = difference(
            locale,
            &json!({"tier": "B", "name": "x"}),
            &json!({"tier": "A", "name": "x", "amount": null}),
        );
        let expected =
            "<dl><dt>Amount</dt><dd><ins>—</ins></dd><dt>Tier</dt><dd><del>B</del> <ins>A</ins></dd></dl>";
        assert_eq!(shown.into_string(), expected);
    }
}
