//! The board: a column per stage, a card per customer.

use std::collections::{BTreeMap, HashMap};

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::address::{encoded, exchanged, with_query};
use super::super::i18n::Locale;
use super::super::layout::{Layout, Part};
use super::super::session::PageQuery;
use super::{FilterBar, called, figure, moving, text};

/// Cards that a column shows; the list of customers has the rest.
const CARDS: &str = "20";

/// The order by tier, then by amount, which lists of customers have, too.
const BY_VALUE: &str = "value";
/// The order by when customers are due to be contacted next.
const BY_CONTACT: &str = "next_contact";

/// More stages than this do not fit beside each other with room for cards.
const MANY: usize = 8;

/// What a card needs of the page that it is on.
struct Surface<'a> {
    locale: Locale,
    /// Whether cards can be moved here: on a board of now, by somebody who works customers.
    is_open: bool,
    /// The instants of a board of the past, as parameters of a customer's page.
    then: String,
    /// The filters, for the list of a whole column.
    filters: Vec<(&'static str, Option<&'a str>)>,
    pipeline: &'a str,
    /// The phase of each stage, as people call it.
    phases: HashMap<String, String>,
    /// Where a move leads back to.
    here: &'a str,
}

/// Shows a pipeline's board, of now or of any two instants.
pub(in super::super) async fn show(
    layout: Layout,
    Path(pipeline): Path<String>,
    query: PageQuery,
) -> Response {
    let layout = layout.with_script("board.js");
    let filter_bar = FilterBar { locale: layout.locale, query: &query, pipeline: &pipeline };
    let instants = ["effective_at", "known_at"].map(|name| (name, query.get(name)));
    let is_past = instants.iter().any(|(_, given)| given.is_some());
    // What is planned is known of now alone: a board that goes back in time keeps to its cards.
    let sort = query.get("sort").filter(|sort| !is_past || *sort != BY_CONTACT);
    let mut asked = vec![("limit", CARDS)];
    asked.extend(sort.map(|sort| ("sort", sort)));
    let path = filter_bar.on(&format!("/v1/boards/{}", encoded(&pipeline)), &asked);
    let definition = format!("/v1/pipelines/{}", encoded(&pipeline));
    let (board, in_force) = tokio::join!(layout.read(&path), layout.get(&definition));
    let board = match board {
        Ok(board) => board,
        Err(error) => return layout.failed(Part::Board, &error),
    };
    let definition = match in_force.ok().filter(|in_force| in_force["version"] == board["version"]) {
        Some(in_force) => in_force,
        // A board stands without it, too.
        None => {
            let version = board["version"].to_string();
            layout.get(&with_query(&definition, [("version", Some(&*version))])).await.unwrap_or_default()
        }
    };
    let locale = layout.locale;
    let surface = Surface {
        locale,
        is_open: !is_past && layout.works(),
        then: with_query("", instants),
        filters: FilterBar::WHO
            .map(|name| (name, query.get(name)))
            .into_iter()
            .chain([("sort", sort.filter(|sort| !is_past && *sort == BY_VALUE))])
            .chain(instants)
            .collect(),
        pipeline: &pipeline,
        phases: phases(locale, &definition),
        here: layout.here(),
    };
    let notice = moving::notice(&layout, &query, &board["known_at"]).await;
    // What happens from here on is followed.
    let after = board["position"].to_string();
    let live = (!is_past).then(|| with_query("/console/live", [("after", Some(after.as_str()))]));
    let stages = board["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_crowded = stages.len() > MANY;
    let body = html! {
        header.heading {
            h1 { (locale.text("看板", "Board")) " " small { (layout.pipeline_name(&pipeline)) " · " (locale.customers(&board["total"])) } }
            (totals(locale, &board))
        }
        @if is_past { (banner(locale, &board, &query)) }
        (filter_bar.form(&board, &html! { @if let Some(sort) = sort { input type="hidden" name="sort" value=(sort); } }))
        @if board["total"] == 0 {
            (nobody(&layout, is_past || FilterBar::WHO.iter().any(|name| query.get(name).is_some())))
        } @else {
            (orders(locale, layout.here(), sort, is_past))
        }
        div.board data-pipeline=(pipeline) data-position=(board["position"]) data-live=[live] {
            @for (place, stage) in stages.iter().enumerate() {
                @let before = place.checked_sub(1).and_then(|place| surface.phase(&stages[place]));
                @let begins = surface.phase(stage).filter(|phase| before != Some(*phase));
                (column(&surface, stage, begins, is_crowded))
            }
        }
        @if surface.is_open {
            p.hint.keys {
                (locale.text("键盘：方向键选择卡片，M 变更状态，U 撤销刚才的变更。", "Keyboard: arrows choose a card, M moves it, U undoes the last move."))
            }
        }
    };
    layout.page_with(Part::Board, Some(&pipeline), locale.text("看板", "Board"), notice, &body)
}

/// What to do where nobody is on the board.
fn nobody(layout: &Layout, is_narrowed: bool) -> Markup {
    let locale = layout.locale;
    html! {
        p.empty {
            @if is_narrowed {
                (locale.text("没有符合筛选条件的客户。", "No customers match the filters.")) " "
                a href="?" { (locale.text("清除筛选", "Clear the filters")) }
            } @else {
                (locale.text("还没有客户。", "There are no customers yet.")) " "
                @if layout.works() { a href="/console/customers/new" { (locale.text("登记新客户", "Register one")) } }
                @if layout.has_role(&["manager", "admin"]) {
                    " · " a href="/console/imports" { (locale.text("从文件导入", "Import a file")) }
                }
            }
        }
    }
}

/// In which order cards stand, each a link that keeps everything else.
fn orders(locale: Locale, here: &str, chosen: Option<&str>, is_past: bool) -> Markup {
    let orders = [
        (None, locale.text("停留最久", "Longest in stage")),
        (Some("amount"), locale.text("金额", "Amount")),
        (Some(BY_VALUE), locale.text("等级和金额", "Tier and amount")),
        (Some(BY_CONTACT), locale.text("下次联系", "Next contact")),
    ];
    let offered = orders.iter().filter(|(name, _)| !is_past || *name != Some(BY_CONTACT));
    html! {
        nav.choices aria-label=(locale.text("排序", "Sort by")) {
            span.hint { (locale.text("排序", "Sort by")) }
            @for (name, caption) in offered {
                a href=(exchanged(here, "sort", *name)) aria-current=[(*name == chosen).then_some("true")] { (caption) }
            }
        }
    }
}

/// That this is the past, and the way back.
fn banner(locale: Locale, board: &Value, query: &PageQuery) -> Markup {
    let kept = FilterBar::WHO.iter().chain(&["sort"]).map(|name| (*name, query.get(name)));
    let now = with_query("", kept);
    html! {
        p.banner role="note" {
            (locale.text("历史看板：业务时间", "The board as of")) " " strong { (locale.moment(&board["effective_at"])) }
            (locale.text("，当时所知", ", as known at")) " " strong { (locale.moment(&board["known_at"])) } " · "
            a href=(if now.is_empty() { "?" } else { now.as_str() }) { (locale.text("回到现在", "Back to now")) }
        }
    }
}

/// What all open deals come to, in each currency, and converted where there are rates.
fn totals(locale: Locale, board: &Value) -> Markup {
    let stages = || board["stages"].as_array().into_iter().flatten().filter(|stage| stage["type"] == "open");
    let count: u64 = stages().filter_map(|stage| stage["count"].as_u64()).sum();
    let sums = summed(stages().flat_map(|stage| stage["amounts"].as_array().into_iter().flatten()));
    let converted = summed(stages().map(|stage| &stage["converted"]).filter(|sum| sum.is_object()));
    html! {
        p.pipeline-totals {
            span { (locale.text("进行中", "Open")) " " strong { (count) } }
            @for sum in &sums { span.money title=(locale.money(sum)) { (locale.about(sum)) } }
            @if sums.len() > 1 {
                @for sum in &converted { span.money.hint title=(locale.money(sum)) { "≈ " (locale.about(sum)) } }
            }
        }
    }
}

/// Sums by currency. What is no decimal is left out.
fn summed<'a>(amounts: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
    for amount in amounts {
        let Some(more) = text(&amount["amount"]).parse::<Decimal>().ok() else { continue };
        let sum = sums.entry(text(&amount["currency"])).or_default();
        *sum = sum.checked_add(more).unwrap_or(*sum);
    }
    sums.iter().map(|(currency, sum)| json!({"amount": sum.to_string(), "currency": currency})).collect()
}

impl Surface<'_> {
    /// The phase that a stage is in.
    fn phase(&self, stage: &Value) -> Option<&str> {
        self.phases.get(text(&stage["stage"])).map(String::as_str)
    }
}

/// The phase of each stage of a definition.
fn phases(locale: Locale, definition: &Value) -> HashMap<String, String> {
    let parts = |name: &str| definition[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = |id: &Value| parts("phases").iter().find(|phase| phase["id"] == *id);
    let of = |stage: &Value| {
        let phase = named(&stage["phase"])?;
        Some((text(&stage["id"]).to_owned(), locale.label(&phase["name"]).to_owned()))
    };
    parts("stages").iter().filter_map(of).collect()
}

/// A column. `begins` is the phase that begins with it.
fn column(surface: &Surface<'_>, stage: &Value, begins: Option<&str>, is_crowded: bool) -> Markup {
    let locale = surface.locale;
    let cards = stage["cards"].as_array().map(Vec::as_slice).unwrap_or_default();
    let count = stage["count"].as_u64().unwrap_or_default();
    // What is over takes little room until it is wanted; where there is much, so does what is empty or comes after the sale.
    let is_open = match text(&stage["type"]) {
        "lost" | "closed" | "dormant" => false,
        "after_sale" | "paused" => !is_crowded,
        _ => count > 0 || !is_crowded,
    };
    html! {
        details.column data-stage=(text(&stage["stage"])) data-name=(text(&stage["name"]))
            data-type=(text(&stage["type"])) data-begins[begins.is_some()] open[is_open] {
            summary {
                @if !surface.phases.is_empty() { span.phase { (begins.unwrap_or_default()) } }
                h2 { span { (text(&stage["name"])) } span.count { (count) } }
                p.hint {
                    span { (locale.share(figure(&stage["share"]))) } " "
                    @if let Some(age) = stage["median_age_seconds"].as_f64() {
                        span { (locale.text("中位", "median")) " " (locale.briefly(age)) }
                    }
                }
                @for amount in stage["amounts"].as_array().into_iter().flatten() {
                    p.money title=(locale.money(amount)) { (locale.about(amount)) }
                }
            }
            @if cards.is_empty() { p.hint { (locale.text("没有客户", "No customers")) } }
            ol { @for card in cards { (self::card(surface, card)) } }
            @if !stage["next_cursor"].is_null() {
                @let stage = [("pipeline", Some(surface.pipeline)), ("stage", stage["stage"].as_str())];
                a.more href=(with_query("/console/customers", stage.into_iter().chain(surface.filters.iter().copied()))) {
                    (locale.text("全部", "All")) " " (count)
                }
            }
        }
    }
}

fn card(surface: &Surface<'_>, card: &Value) -> Markup {
    let locale = surface.locale;
    let id = text(&card["customer_id"]);
    html! {
        li.card data-customer=(id) draggable=[surface.is_open.then_some("true")] {
            a.name draggable="false" href={ "/console/customers/" (id) (surface.then) } {
                (called(locale, &card["name"], id))
            }
            span.line {
                span title=(text(&card["owner"]["id"])) { (locale.holder(&card["owner"])) }
                span title=(locale.moment(&card["entered_at"])) { (locale.briefly(figure(&card["age_seconds"]))) }
            }
            @if card["amount"].is_object() { span.money { (locale.money(&card["amount"])) } }
            span.flags {
                (next_contact(locale, &card["next_action"]))
                // Whose it is stands above.
                @for flag in card["flags"].as_array().into_iter().flatten().filter(|flag| **flag != "in_pool") {
                    span.flag data-flag=(text(flag)) { (locale.flag(text(flag))) }
                }
                @if let Some(pushes) = card["expected_close"]["pushes"].as_u64().filter(|pushes| *pushes > 0) {
                    span.flag data-flag="put_off" title=(text(&card["expected_close"]["on"])) {
                        (locale.text("推迟次数：", "Times put off: ")) (pushes)
                    }
                }
                @if surface.is_open {
                    a.move draggable="false" href=(with_query(&format!("/console/customers/{id}/move"), [("next", Some(surface.here))])) {
                        (locale.text("变更…", "Move…"))
                    }
                }
            }
        }
    }
}

/// The day of the contact that is agreed; nothing where the stage alone says what comes next.
fn next_contact(locale: Locale, next: &Value) -> Markup {
    let called = locale.text("下次联系：", "Next contact: ");
    html! {
        @if next["source"] == "plan" {
            span.next title={ (called) (locale.moment(&next["due_at"])) " " (text(&next["text"])) } {
                (locale.day_of_year(&next["due_at"]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_added_by_currency_without_rounding() {
        let amounts = [
            json!({"amount": "0.10", "currency": "CNY"}),
            json!({"amount": "0.20", "currency": "CNY"}),
            json!({"amount": "5", "currency": "USD"}),
            json!({"amount": "x", "currency": "USD"}),
        ];
        let expected =
            [json!({"amount": "0.30", "currency": "CNY"}), json!({"amount": "5", "currency": "USD"})];
        assert_eq!(summed(amounts.iter()), expected);
    }
}
