//! The board: a column a stage, a card a customer.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::super::address::{encoded, with_query};
use super::super::frame::{Frame, Part};
use super::super::visitor::Asked;
use super::super::words::Words;
use super::{Narrowing, figure, text};

/// Cards that a column shows; the list of customers has the rest.
const CARDS: &str = "20";

/// Shows a pipeline's board, of now or of any two instants.
pub(in super::super) async fn show(frame: Frame, Path(pipeline): Path<String>, asked: Asked) -> Response {
    let narrowing = Narrowing { words: frame.words, asked: &asked };
    let path = narrowing.on(&format!("/v1/boards/{}", encoded(&pipeline)), &[("limit", CARDS)]);
    let board = match frame.get(&path).await {
        Ok(board) => board,
        Err(trouble) => return frame.trouble(Part::Board, &trouble),
    };
    let words = frame.words;
    let body = html! {
        h1 { (words.say("看板", "Board")) " " small { (pipeline) " · " (board["total"]) " " (words.say("位客户", "customers")) } }
        (narrowing.form(&board))
        div.board {
            @for stage in board["stages"].as_array().into_iter().flatten() {
                (column(words, stage))
            }
        }
    };
    frame.page(Part::Board, Some(&pipeline), words.say("看板", "Board"), &body)
}

fn column(words: Words, stage: &Value) -> Markup {
    let cards = stage["cards"].as_array().map(Vec::as_slice).unwrap_or_default();
    let count = stage["count"].as_u64().unwrap_or_default();
    html! {
        section.column data-type=(text(&stage["type"])) {
            header {
                h2 { (text(&stage["name"])) span.count { (count) } }
                p.hint {
                    (words.share(figure(&stage["share"])))
                    @if let Some(age) = stage["median_age_seconds"].as_f64() {
                        " · " (words.say("停留中位数", "median")) " " (words.lasting(age))
                    }
                }
                @for amount in stage["amounts"].as_array().into_iter().flatten() {
                    p.money { (words.money(amount)) }
                }
            }
            @if cards.is_empty() { p.hint { (words.say("没有客户", "Nobody")) } }
            ol {
                @for card in cards { li { (self::card(words, card)) } }
            }
            @if !stage["next_cursor"].is_null() {
                a.more href=(with_query("/console/customers", [("stage", stage["stage"].as_str())])) {
                    (words.say("全部", "All")) " " (count)
                }
            }
        }
    }
}

fn card(words: Words, card: &Value) -> Markup {
    let id = text(&card["customer_id"]);
    html! {
        a.card href={ "/console/customers/" (id) } {
            strong { @if let Some(name) = card["name"].as_str() { (name) } @else { (id) } }
            span.line {
                span title=(text(&card["owner"]["id"])) { (words.holder(&card["owner"])) }
                span title=(words.moment(&card["entered_at"])) { (words.lasting(figure(&card["age_seconds"]))) }
            }
            @if card["amount"].is_object() { span.money { (words.money(&card["amount"])) } }
            span.flags {
                // Whose it is stands above.
                @for flag in card["flags"].as_array().into_iter().flatten().filter(|flag| **flag != "in_pool") {
                    span.flag data-flag=(text(flag)) { (words.flag(text(flag))) }
                }
            }
        }
    }
}
