//! The board in a real browser: moves by mouse, by drag and by keyboard, and the moves of others.

#![cfg(test)]

use serde_json::json;
use waymark_tests::{Client, Page, Server, Stage, Team};

const PIPELINE: &str = Stage::PIPELINE;
const BOARD: &str = "/console/boards/landian-6";

fn card(id: &str) -> String {
    format!("li[data-customer=\"{id}\"]")
}

/// A card in a column.
fn in_stage(stage: &str, id: &str) -> String {
    format!("document.querySelector('details[data-stage=\"{stage}\"] li[data-customer=\"{id}\"]')")
}

/// The board, once its script has taken over.
fn opened(page: &Page) {
    page.goto(BOARD);
    page.until("document.documentElement.dataset.ready === 'board'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_moved_by_keyboard_alone_with_the_form_that_the_move_asks_for() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("keys");
    let id = stage.customer(&li, "keys", "Keyboard Foods").await;
    let page = stage.page_of(&li);
    opened(&page);
    page.focus(&format!("{} a.name", card(&id)));
    page.press("m");
    // The stages come first to the keyboard; Enter opens the form of one.
    page.until("document.activeElement.closest('.way')?.dataset.to === 'need_confirmed'");
    page.press("Enter");
    page.until("document.querySelector('dialog .way[open] textarea[name=note]')?.checkVisibility()");
    page.fill("dialog .way[open] [name=note]", "three units");
    page.fill("dialog .way[open] [name=next_step]", "send the proposal");
    page.focus("dialog .way[open] form > button");
    page.press("Enter");
    page.until(&in_stage("need_confirmed", &id));
    page.sees("Keyboard Foods → ");
    assert_eq!(page.value("document.querySelector('dialog').open"), false);
    assert_eq!(li.customer(&id).await.text_at("/journeys/0/stage"), "need_confirmed");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn escape_closes_the_dialog_and_moves_nothing() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("escape");
    let id = stage.customer(&li, "escape", "Escape Foods").await;
    let page = stage.page_of(&li);
    opened(&page);
    page.click(&format!("{} a.move", card(&id)));
    page.until("document.querySelector('dialog .way')");
    page.press("Escape");
    page.until("!document.querySelector('dialog').open");
    assert_eq!(li.customer(&id).await.number_at("/version"), 1);
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_refused_stays_in_the_dialog_with_what_was_typed() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("refused");
    let id = stage.customer(&li, "refused", "Refused Foods").await;
    let page = stage.page_of(&li);
    opened(&page);
    page.click(&format!("{} a.move", card(&id)));
    page.click("dialog .way[data-to=need_confirmed] > summary");
    page.fill("dialog .way[open] [name=note]", "three units");
    page.fill("dialog .way[open] [name=next_step]", "call");
    // Meanwhile somebody else writes into the customer: what was decided on is no longer what is there.
    assert_eq!(li.command(&id, "notes", json!({"text": "met"})).await.status, 200);
    page.click("dialog .way[open] form > button");
    page.until("document.querySelector('dialog .problem')");
    assert_eq!(page.value("document.querySelector('dialog .way[open] [name=note]').value"), "three units");
    page.click("dialog .way[open] form > button");
    page.until(&in_stage("need_confirmed", &id));
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_dragged_moves_at_once_where_nothing_is_asked_for() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("drag");
    let id = stage.customer(&li, "drag", "Drag Foods").await;
    let page = stage.page_of(&li);
    opened(&page);
    let to = "details[data-stage=need_confirmed] > summary";
    page.drag_over(&card(&id), to);
    page.until("document.querySelector('details[data-stage=need_confirmed]').dataset.way === 'open'");
    page.drop_on(to);
    page.until(&in_stage("need_confirmed", &id));
    page.sees("Drag Foods → Need confirmed");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_goes_ahead_of_the_answer_and_comes_back_where_it_is_refused() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("ahead");
    let id = stage.customer(&li, "ahead", "Ahead Foods").await;
    let page = stage.page_of(&li);
    opened(&page);
    let column = format!("document.querySelector('{}').closest('.column').dataset.stage", card(&id));
    let first = page.value(&column);
    let to = "details[data-stage=need_confirmed] > summary";
    page.drag_over(&card(&id), to);
    page.until("document.querySelector('details[data-stage=need_confirmed]').dataset.way === 'open'");
    // Where cards go is written down, because it is over too soon to be looked at.
    let _ = page.value(
        "(() => { window.went = []; \
         new MutationObserver(changes => { for (const change of changes) for (const node of change.addedNodes) \
         if (node.dataset?.customer) window.went.push(node.closest('.column').dataset.stage); }) \
         .observe(document.querySelector('.board'), {subtree: true, childList: true}); return true; })()",
    );
    // Somebody else was faster: the move is refused, because it was decided on what is no more.
    assert_eq!(li.command(&id, "notes", json!({"text": "rang them"})).await.status, 200);
    page.drop_on(to);
    page.until("document.querySelector('dialog.moving').open");
    page.until(&in_stage(first.as_str().unwrap(), &id));
    assert_eq!(page.value("window.went"), json!(["need_confirmed", first]));
    assert_eq!(li.customer(&id).await.number_at("/version"), 2);
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_dragged_asks_for_what_the_move_needs() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("asks");
    let (id, strict) = (stage.strict_customer(&li, "asks", "Asking Foods").await, Stage::STRICT);
    let page = stage.page_of(&li);
    page.goto(&format!("/console/boards/{strict}"));
    page.until("document.documentElement.dataset.ready === 'board'");
    let to = "details[data-stage=lost] > summary";
    page.drag_over(&card(&id), to);
    page.until("document.querySelector('details[data-stage=lost]').dataset.way === 'open'");
    page.drop_on(to);
    page.until("document.activeElement.closest('.way')?.dataset.to === 'lost'");
    page.choose("dialog .way[data-to=lost] [name=reason]", "price");
    page.click("dialog .way[data-to=lost] form > button");
    page.until(&in_stage("lost", &id));
    let events = li.get(&format!("/v1/events?customer={id}&type=customer.moved")).await.expect(200);
    assert_eq!(events.text_at("/items/0/data/reason"), "price");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_a_card_may_not_go_to_dims_and_says_why() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("forbidden");
    let id = stage.customer(&li, "forbidden", "Forbidden Foods").await;
    let ways = li.get(&format!("/v1/customers/{id}/allowed-transitions")).await.expect(200);
    let closed = ways.items().into_iter().find(|way| way["allowed"] == false).unwrap();
    let (to, why) = (closed["to"].as_str().unwrap(), closed["violations"][0]["message"].as_str().unwrap());
    let page = stage.page_of(&li);
    opened(&page);
    let column = format!("details[data-stage={to}]");
    page.drag_over(&card(&id), &format!("{column} > summary"));
    page.until(&format!("document.querySelector('{column}').dataset.way === 'closed'"));
    let reason = page.value(&format!("document.querySelector('{column} .why').textContent"));
    assert!(reason.as_str().unwrap().contains(why), "{reason} is not {why}");
    page.drop_on(&format!("{column} > summary"));
    page.until(&format!("document.querySelector('#notices')?.innerText.includes({})", json!(why)));
    assert_eq!(li.customer(&id).await.number_at("/version"), 1);
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_see_each_others_moves_without_a_reload() {
    let Some(stage) = Stage::shared().await else { return };
    let (li, wang) = (stage.team.rep("seen"), stage.team.manager("wang"));
    let id = stage.customer(&li, "seen", "Seen Foods").await;
    let (own, other) = (stage.page_of(&li), stage.page_of(&wang));
    // A column shows its first cards, and the manager sees everybody's: one rep's are asked for.
    for page in [&own, &other] {
        page.goto(&format!("{BOARD}?owner=rep:seen"));
        page.until("document.documentElement.dataset.ready === 'board'");
        page.until("document.documentElement.dataset.live === 'on'");
        let _ = page.value("window.same = true");
    }
    own.click(&format!("{} a.move", card(&id)));
    own.click("dialog .way[data-to=need_confirmed] > summary");
    own.fill("dialog .way[open] [name=note]", "x");
    own.fill("dialog .way[open] [name=next_step]", "y");
    own.click("dialog .way[open] form > button");
    other.until(&in_stage("need_confirmed", &id));
    assert_eq!(wang.command(&id, "corrections", void(&wang, &id).await).await.status, 200);
    own.until(&in_stage("new_customer", &id).replace("new_customer", &first_stage(&wang).await));
    for page in [&own, &other] {
        assert_eq!(page.value("window.same"), true, "it was loaded again");
        page.insist_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_is_one_though_others_move_customers_before_it_is_let_go() {
    let Some(stage) = Stage::shared().await else { return };
    let (li, wang) = (stage.team.rep("press"), stage.team.manager("wang"));
    let id = stage.customer(&li, "press", "Pressed Foods").await;
    let (own, other) = (stage.page_of(&li), stage.page_of(&wang));
    for page in [&own, &other] {
        page.goto(&format!("{BOARD}?owner=rep:press"));
        page.until("document.documentElement.dataset.ready === 'board'");
        page.until("document.documentElement.dataset.live === 'on'");
    }
    let held = own.hold(&format!("{} a.move", card(&id)));
    let new = stage.customer(&li, "press", "Newer Foods").await;
    other.until(&in_stage(&first_stage(&wang).await, &new));
    own.let_go(held);
    own.until("document.querySelector('dialog.moving').open");
    own.press("Escape");
    own.until(&in_stage(&first_stage(&wang).await, &new));
    own.insist_clean();
}

/// The stage in which customers of the pipeline begin.
async fn first_stage(anybody: &Client) -> String {
    anybody.get(&format!("/v1/boards/{PIPELINE}")).await.expect(200).text_at("/stages/0/stage")
}

/// What voids the last move of a customer.
async fn void(person: &Client, id: &str) -> serde_json::Value {
    let _ = person.customer(id).await;
    let head = person.head().await;
    let path = format!("/v1/customers/{id}/timeline?min_position={head}&wait_ms=20000");
    let moved = person.get(&path).await.expect(200).items().into_iter().rev();
    let moved = moved.into_iter().find(|item| item["type"] == "customer.moved").unwrap();
    json!({"corrects": moved["id"], "kind": "void", "reason": "by mistake"})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_goes_on_following_after_a_restart_of_the_server() {
    let Some(stage) = Stage::shared().await else { return };
    let Team { installation, server, .. } = Team::on(PIPELINE).await;
    let key = installation.key("rep:li", &["rep"]);
    let body = json!({"pipeline": PIPELINE, "name": "Restart Foods", "owner": {"kind": "rep", "id": "li"}});
    let li = server.with_key(&key);
    let id = li.register(body).await;
    let _ = li.customer(&id).await;
    let page = stage.browser.page(server.address());
    page.cookie("waymark_session", li.key().unwrap());
    page.cookie("waymark_language", "en");
    opened(&page);
    page.until("document.documentElement.dataset.live === 'on'");
    let _ = page.value("window.same = true");
    let listen = server.address().trim_start_matches("http://").to_owned();
    assert_eq!(server.stop(), 0);
    page.until("document.documentElement.dataset.live === 'off'");
    let again = ["serve", "--listen", &listen, "--automations", "off"];
    let server = Server::launch(&installation, &again, 1);
    let li = server.with_key(&key);
    let moved = json!({"to": "need_confirmed", "note": "x", "next_step": "y"});
    assert_eq!(li.command(&id, "transitions", moved).await.status, 200);
    page.until(&in_stage("need_confirmed", &id));
    assert_eq!(page.value("window.same"), true, "it was loaded again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_undone_by_one_press_and_both_stay_in_the_log() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("undo");
    let id = stage.customer(&li, "undo", "Undo Foods").await;
    let page = stage.page_of(&li);
    opened(&page);
    page.click(&format!("{} a.move", card(&id)));
    page.click("dialog .way[data-to=need_confirmed] > summary");
    page.fill("dialog .way[open] [name=note]", "x");
    page.fill("dialog .way[open] [name=next_step]", "y");
    page.click("dialog .way[open] form > button");
    page.until(&in_stage("need_confirmed", &id));
    page.click("#notices button");
    page.until(&in_stage(&first_stage(&li).await, &id));
    page.sees("is back in");
    let events = li.get(&format!("/v1/events?customer={id}")).await.expect(200).items();
    let types: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(types, ["customer.registered", "customer.moved", "customer.move_voided"]);
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_a_move_is_a_page_and_leads_back_to_the_board_with_its_undo() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("plain");
    let id = stage.customer(&li, "plain", "Plain Foods").await;
    let page = stage.page_of(&li);
    page.without_script();
    page.goto(&format!("{BOARD}?owner=rep:plain"));
    page.click(&format!("{} a.move", card(&id)));
    page.click(".way[data-to=need_confirmed] > summary");
    page.fill(".way[open] [name=note]", "x");
    page.fill(".way[open] [name=next_step]", "y");
    page.click(".way[open] form > button");
    page.until(&in_stage("need_confirmed", &id));
    page.sees("Plain Foods → ");
    assert!(page.value("location.search").as_str().unwrap().contains("owner=rep"), "the filter is lost");
    page.click("#notices button");
    page.until(&in_stage(&first_stage(&li).await, &id));
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_of_the_past_says_so_cannot_be_worked_and_leads_to_customers_of_then() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("past");
    let id = stage.customer(&li, "past", "Past Foods").await;
    let page = stage.page_of(&li);
    page.goto(&format!("{BOARD}?effective_at=2030-01-01T08:00"));
    page.sees("The board as of 2030-01-01 08:00");
    page.until(&format!("document.querySelector('{} a.name')", card(&id)));
    assert_eq!(page.count("a.move"), 0);
    page.click(&format!("{} a.name", card(&id)));
    page.until("location.search.includes('effective_at=2030-01-01T08%3A00')");
    page.sees("As of 2030-01-01 08:00");
    assert_eq!(page.count("form.fields[method=post]"), 0, "the past is not worked on");
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folded_column_stays_folded() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("fold");
    let id = stage.customer(&li, "fold", "Fold Foods").await;
    let first = first_stage(&li).await;
    let page = stage.page_of(&li);
    opened(&page);
    let column = format!("details[data-stage={first}]");
    page.click(&format!("{column} > summary h2"));
    page.until(&format!("!document.querySelector('{column}').open"));
    opened(&page);
    assert_eq!(page.value(&format!("document.querySelector('{column}').open")), false);
    // A card that comes into it changes nothing of that.
    page.until("document.documentElement.dataset.live === 'on'");
    let other = stage.customer(&li, "fold", "Fold Drinks").await;
    page.until(&in_stage(&first, &other));
    assert_eq!(page.value(&format!("document.querySelector('{column}').open")), false);
    assert_ne!(id, other);
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn arrows_go_from_card_to_card() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("arrows");
    let (one, two) =
        (stage.customer(&li, "arrows", "Arrow One").await, stage.customer(&li, "arrows", "Arrow Two").await);
    let page = stage.page_of(&li);
    page.goto(&format!("{BOARD}?owner=rep:arrows"));
    page.until("document.documentElement.dataset.ready === 'board'");
    let focused = "document.activeElement.closest('li')?.dataset.customer";
    page.press("ArrowDown");
    assert_eq!(page.value(focused), json!(one));
    page.press("ArrowDown");
    assert_eq!(page.value(focused), json!(two));
    page.press("ArrowUp");
    assert_eq!(page.value(focused), json!(one));
    page.insist_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wider_than_a_phone_and_no_page_is_heavy() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("phone");
    for number in 0..25 {
        let _ = li.register(stage.team.customer_of("phone", &format!("Phone Foods {number}"))).await;
    }
    let id = stage.customer(&li, "phone", "Phone Foods and Drinks Incorporated").await;
    let page = stage.page_of(&li);
    page.resize(390, 844);
    for (scheme, path) in ["light", "dark"].iter().flat_map(|scheme| {
        [
            BOARD,
            "/console/work",
            "/console/customers",
            &format!("/console/customers/{id}"),
            "/console/figures/landian-6",
        ]
        .map(|path| (scheme, path.to_owned()))
    }) {
        if *scheme == "dark" {
            page.darken();
        }
        page.goto(&path);
        let width = page.value("document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(width <= 390, "{path} is {width} pixels wide");
        let weight = page.value("performance.getEntriesByType('navigation')[0].encodedBodySize");
        assert!(weight.as_u64().unwrap() <= 150_000, "{path} weighs {weight}");
        let unlabelled = page.value(
            "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]\
             .filter(field => !field.labels.length && !field.ariaLabel).length",
        );
        assert_eq!(unlabelled, 0, "{path} has fields without a label");
    }
    let dark = page.value("getComputedStyle(document.body).backgroundColor");
    assert_eq!(dark, "rgb(20, 23, 28)", "dark is not dark");
    page.insist_clean();
}
