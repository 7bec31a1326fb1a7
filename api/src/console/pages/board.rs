//! The board: a column per stage, a card per customer.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::address::{encoded, with_query};
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part};
use super::super::session::PageQuery;
use super::{FilterBar, figure, text};

/// Cards that a column shows; the list of customers has the rest.
const CARDS: &str = "20";

/// Shows a pipeline's board, of now or of any two instants.
pub(in super::super) async fn show(
    layout: Layout,
    Path(pipeline): Path<String>,
    query: PageQuery,
) -> Response {
    let filter_bar = FilterBar { locale: layout.locale, query: &query };
    let path = filter_bar.on(&format!("/v1/boards/{}", encoded(&pipeline)), &[("limit", CARDS)]);
    let board = match layout.get(&path).await {
        Ok(board) => board,
        Err(error) => return layout.failed(Part::Board, &error),
    };
    let locale = layout.locale;
    let body = html! {
        h1 { (locale.text("看板", "Board")) " " small { (pipeline) " · " (locale.customers(&board["total"])) } }
        (filter_bar.form(&board))
        div.board {
            @for stage in board["stages"].as_array().into_iter().flatten() {
                (column(locale, stage))
            }
        }
    };
    layout.page(Part::Board, Some(&pipeline), locale.text("看板", "Board"), &body)
}

fn column(locale: Locale, stage: &Value) -> Markup {
    let cards = stage["cards"].as_array().map(Vec::as_slice).unwrap_or_default();
    let count = stage["count"].as_u64().unwrap_or_default();
    html! {
        section.column data-type=(text(&stage["type"])) {
            header {
                h2 { (text(&stage["name"])) span.count { (count) } }
                p.hint {
                    (locale.share(figure(&stage["share"])))
                    @if let Some(age) = stage["median_age_seconds"].as_f64() {
                        " · " (locale.text("停留中位数", "median")) " " (locale.lasting(age))
                    }
                }
                @for amount in stage["amounts"].as_array().into_iter().flatten() {
                    p.money { (locale.money(amount)) }
                }
            }
            @if cards.is_empty() { p.hint { (locale.text("没有客户", "No customers")) } }
            ol {
                @for card in cards { li { (self::card(locale, card)) } }
            }
            @if !stage["next_cursor"].is_null() {
                a.more href=(with_query("/console/customers", [("stage", stage["stage"].as_str())])) {
                    (locale.text("全部", "All")) " " (count)
                }
            }
        }
    }
}

fn card(locale: Locale, card: &Value) -> Markup {
    let id = text(&card["customer_id"]);
    html! {
        a.card href={ "/console/customers/" (id) } {
            strong { @if let Some(name) = card["name"].as_str() { (name) } @else { (id) } }
            span.line {
                span title=(text(&card["owner"]["id"])) { (locale.holder(&card["owner"])) }
                span title=(locale.moment(&card["entered_at"])) { (locale.lasting(figure(&card["age_seconds"]))) }
            }
            @if card["amount"].is_object() { span.money { (locale.money(&card["amount"])) } }
            span.flags {
                // Whose it is stands above.
                @for flag in card["flags"].as_array().into_iter().flatten().filter(|flag| **flag != "in_pool") {
                    span.flag data-flag=(text(flag)) { (locale.flag(text(flag))) }
                }
            }
        }
    }
}
