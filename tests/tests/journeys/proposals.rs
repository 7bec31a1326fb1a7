//! What an agent proposes is decided by a person who sees who it was, by which model, and what it was asked.

use serde_json::json;
use waymark_tests::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_says_which_agent_made_it_by_which_model_asked_for_what_and_is_approved_on_its_card() {
    let Some(stage) = Stage::shared().await else { return };
    let li = stage.team.rep("asked");
    let id = stage.customer(&li, "asked", "Proposed Foods").await;
    let made = ["token", "create", "--actor", "agent:helper", "--role", "supervisor", "--scope", "propose"];
    let agent = stage.team.server.with_key(stage.team.installation.run(&made).succeeded().trim());
    let proposal = json!({
        "command": "transition", "model": {"name": "clever", "version": "2026-05"},
        "prompt": "Please move Proposed Foods, whom we rang on Monday",
        "body": {"to": "need_confirmed", "note": "rang them on Monday", "next_step": "ring again"},
    });
    let proposed = agent.command(&id, "proposals", proposal).await.expect(200);
    let approval = proposed.text_at("/approval/id");
    let _ = li.customer(&id).await;
    let page = stage.page_of(&li);
    page.goto("/console/work");
    let form = format!("form[action='/console/approvals/{approval}']");
    let card = page.value(&format!("document.querySelector(\"{form}\").closest('.card').innerText"));
    let card = card.as_str().unwrap();
    for told in [
        "Proposed Foods",
        "First contact → Need confirmed",
        "agent:helper, clever 2026-05",
        "Asked: Please move Proposed Foods, whom we rang on Monday",
        "rang them on Monday",
    ] {
        assert!(card.contains(told), "{told} is not in {card}");
    }
    page.fill(&format!("{form} [name=note]"), "well found");
    page.click(&format!("{form} button[value=approve]"));
    page.until(&format!("!document.querySelector(\"{form}\")"));
    assert_eq!(li.customer(&id).await.text_at("/journeys/0/stage"), "need_confirmed");
    page.insist_clean();
}
