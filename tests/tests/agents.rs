//! Agents read and propose; people decide, and the log tells who proposed what, by which model, asked for what.

#![cfg(test)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Team};

/// What the agent was asked, as nothing else in these tests says it.
const PROMPT: &str = "Please move Harbour Foods, whom Li rang on Monday";

fn model() -> Value {
    json!({"name": "assistant", "version": "2026-05"})
}

fn proposal(command: &str, body: Value) -> Value {
    let mut proposal = json!({"command": command, "model": model(), "prompt": PROMPT});
    proposal["body"] = body;
    proposal
}

/// A key of the scope `propose`, made at the command line.
fn agent(team: &Team) -> Client {
    let made =
        ["token", "create", "--actor", "agent:assistant", "--role", "supervisor", "--scope", "propose"];
    team.server.with_key(team.installation.run(&made).succeeded().trim())
}

/// A move that is open to a customer, with what its form asks for.
async fn open_move(client: &Client, customer: &str) -> Value {
    let choices =
        client.get(&format!("/v1/customers/{customer}/allowed-transitions")).await.expect(200).items();
    let open = choices.iter().find(|choice| choice["allowed"] == true && choice["approval"].is_null());
    let open = open.unwrap_or_else(|| panic!("nowhere to go: {choices:?}"));
    json!({"to": open["to"], "note": "rang them", "next_step": "ring again"})
}

async fn decide(client: &Client, approval: &str, body: Value) -> Answer {
    client.post(&format!("/v1/approvals/{approval}/decisions"), body).await
}

async fn approvals(client: &Client, filter: &str) -> Vec<Value> {
    let head = client.head().await;
    client.get(&format!("/v1/approvals?{filter}&min_position={head}&wait_ms=20000")).await.expect(200).items()
}

fn types(answer: &Answer) -> Vec<&str> {
    let events = answer.body["events"].as_array().unwrap();
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_proposed_and_a_person_approved_is_told_from_end_to_end() {
    let team = Team::on("landian-6").await;
    let (li, agent, auditor) = (team.rep("li"), agent(&team), team.auditor("qian"));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let body = open_move(&li, &customer).await;
    let before = li.customer(&customer).await.at("/journeys/0/stage").clone();

    let proposed =
        agent.command(&customer, "proposals", proposal("transition", body.clone())).await.expect(200);
    assert_eq!(types(&proposed), ["customer.proposed"]);
    assert_eq!(proposed.at("/approval/status"), "requested");
    let approval = proposed.text_at("/approval/id");
    assert_eq!(*li.customer(&customer).await.at("/journeys/0/stage"), before, "nothing changes yet");

    let waiting = approvals(&li, "status=requested").await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(
        (&waiting[0]["id"], &waiting[0]["requested_by"]),
        (&json!(approval), &json!("agent:assistant"))
    );
    assert_eq!((&waiting[0]["from"], &waiting[0]["to"]), (&before, &body["to"]));
    assert_eq!(
        waiting[0]["proposal"],
        json!({"command": "transition", "agent": "agent:assistant", "model": model(), "prompt": PROMPT, "body": body})
    );

    // The agent does not decide, nor does another with a key of its kind.
    for decision in ["approve", "reject", "withdraw"] {
        let decision = json!({"decision": decision, "note": "so be it"});
        drop(decide(&agent, &approval, decision).await.refused(403, "agent-may-only-propose"));
    }
    let approved =
        decide(&li, &approval, json!({"decision": "approve", "note": "well done"})).await.expect(200);
    assert_eq!(types(&approved), ["customer.proposal_settled", "customer.moved"]);
    assert_eq!(*li.customer(&customer).await.at("/journeys/0/stage"), body["to"]);
    drop(decide(&li, &approval, json!({"decision": "approve"})).await.refused(409, "approval-settled"));
    let settled = approvals(&li, &format!("customer={customer}")).await;
    assert_eq!((&settled[0]["status"], &settled[0]["settled_by"]), (&json!("approved"), &json!("rep:li")));

    // The move is li's, and names the proposal as its cause; the chain of each event tells of agent, model and prompt.
    let changes = auditor.get(&format!("/v1/audit/changes?customer={customer}")).await.expect(200).items();
    let at = |event_type: &str| changes.iter().find(|change| change["type"] == event_type).unwrap();
    let moved = at("customer.moved");
    assert_eq!((&moved["actor"], &moved["cause"]), (&json!("rep:li"), &json!(approval)));
    assert_eq!(moved["origin"]["kind"], "person");
    assert_eq!(at("customer.proposed")["origin"]["kind"], "agent");
    assert_eq!(at("customer.proposed")["actor"], "agent:assistant");
    for event_type in ["customer.proposed", "customer.proposal_settled", "customer.moved"] {
        let chain = at(event_type)["approvals"].as_array().unwrap();
        assert_eq!(chain.len(), 1, "{event_type}");
        assert_eq!((&chain[0]["request"], &chain[0]["agent"]), (&json!(approval), &json!("agent:assistant")));
        assert_eq!((&chain[0]["model"], &chain[0]["prompt"]), (&model(), &json!(PROMPT)));
        assert_eq!((&chain[0]["decision"], &chain[0]["decided_by"]), (&json!("approved"), &json!("rep:li")));
        assert_eq!(chain[0]["note"], "well done");
    }
    let by_agents = auditor.get("/v1/audit/changes?origin=agent").await.expect(200).items();
    assert!(!by_agents.is_empty() && by_agents.iter().all(|change| change["actor"] == "agent:assistant"));
    let told = li
        .get(&format!("/v1/customers/{customer}/timeline?view=recorded&limit=500"))
        .await
        .expect(200)
        .items();
    let told = told.iter().find(|item| item["type"] == "customer.proposed").unwrap();
    assert_eq!((&told["data"]["agent"], &told["data"]["model"]), (&json!("agent:assistant"), &model()));
    assert!(told.to_string().contains(PROMPT), "{told}");
    let (code, said) = team.installation.verify();
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn follow_ups_and_corrections_are_proposed_and_carried_out_likewise() {
    let team = Team::on("landian-6").await;
    let (li, agent) = (team.rep("li"), agent(&team));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let plan = json!({"at": "2099-01-01T00:00:00Z", "text": "sign"});
    let follow_up = json!({"channel": "phone", "summary": "agreed on the price", "next_plan": plan});
    let proposed = agent.command(&customer, "proposals", proposal("follow_up", follow_up)).await.expect(200);
    let waiting = approvals(&li, "status=requested").await;
    assert_eq!(
        (&waiting[0]["proposal"]["command"], &waiting[0]["to"]),
        (&json!("follow_up"), &waiting[0]["from"])
    );
    let approved =
        decide(&li, &proposed.text_at("/approval/id"), json!({"decision": "approve"})).await.expect(200);
    assert_eq!(types(&approved), ["customer.proposal_settled", "customer.followed_up"]);

    let body = open_move(&li, &customer).await;
    let moved = li.command(&customer, "transitions", body).await.expect(200);
    let record = moved.text_at("/events/0/id");
    let wrong = json!({"corrects": record, "kind": "void", "reason": "it was another customer"});
    let proposed =
        agent.command(&customer, "proposals", proposal("correction", wrong.clone())).await.expect(200);
    let approval = proposed.text_at("/approval/id");

    // Somebody else put it right meanwhile: the approver is told, and the proposal stays open until it is rejected.
    drop(li.command(&customer, "corrections", wrong).await.expect(200));
    drop(decide(&li, &approval, json!({"decision": "approve"})).await.refused(409, "already-voided"));
    assert_eq!(approvals(&li, "status=requested").await.len(), 1);
    drop(decide(&li, &approval, json!({"decision": "reject"})).await.refused(422, "note-required"));
    let rejected = json!({"decision": "reject", "note": "it was done already"});
    let rejected = decide(&li, &approval, rejected).await.expect(200);
    assert_eq!(types(&rejected), ["customer.proposal_settled"]);
    assert_eq!(approvals(&li, "status=rejected").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_that_is_wrong_is_refused_with_everything_that_is() {
    let team = Team::on("landian-6").await;
    let (li, agent) = (team.rep("li"), agent(&team));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let send = async |body: Value| agent.command(&customer, "proposals", body).await;
    let fields = |answer: &Answer| {
        let violations = answer.body["violations"].as_array().unwrap();
        violations.iter().map(|one| one["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let nowhere = Value::from("nowhere");
    let unknown = send(proposal("transition", json!({"to": nowhere}))).await.refused(422, "unknown-stage");
    assert!(fields(&unknown).iter().all(|field| field == "body.to"), "{}", unknown.text);
    let typo = send(proposal("transition", json!({"too": "quoted"}))).await.refused(422, "unknown-field");
    assert!(fields(&typo).contains(&"body.too".to_owned()), "{}", typo.text);
    let mut silent = proposal("transition", open_move(&li, &customer).await);
    silent["prompt"] = json!("");
    silent["model"]["version"] = json!("");
    let mut told = fields(&send(silent.clone()).await.refused(422, "empty-text"));
    told.sort();
    assert_eq!(told, ["model.version", "prompt"]);
    silent["model"] = Value::Null;
    drop(send(silent).await.expect(422));
    drop(send(proposal("claim", json!({}))).await.refused(422, "invalid-value"));
    let body = proposal("transition", open_move(&li, &customer).await);
    drop(li.command(&customer, "proposals", body).await.refused(403, "not-an-agent"));
    assert!(approvals(&li, "status=requested").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_acts_for_a_person_is_an_agent_and_the_person_decides() {
    let team = Team::on("landian-6").await;
    let li = team.rep("li");
    let new = json!({"actor": "agent:desk", "roles": ["rep"], "scopes": ["act-as", "propose"]});
    let made = team.admin().post("/v1/admin/keys", new).await.expect(201);
    assert_eq!(made.at("/scopes"), &json!(["act-as", "propose"]));
    let desk = team.server.with_key(&made.text_at("/key"));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let acting = async |path: String, body: Value| {
        desk.call(Method::POST, &path).header("Waymark-Actor", "rep:li").json(&body).send().await
    };
    let body = proposal("transition", open_move(&li, &customer).await);
    let proposed = acting(format!("/v1/customers/{customer}/proposals"), body).await.expect(200);
    let approval = proposed.text_at("/approval/id");
    let note = json!({"text": "past the approver"});
    let refused = acting(format!("/v1/customers/{customer}/notes"), note).await;
    drop(refused.refused(403, "agent-may-only-propose"));
    let decision = json!({"decision": "approve"});
    let refused = acting(format!("/v1/approvals/{approval}/decisions"), decision.clone()).await;
    drop(refused.refused(403, "agent-may-only-propose"));
    let waiting = approvals(&li, "status=requested").await;
    assert_eq!(
        (&waiting[0]["requested_by"], &waiting[0]["proposal"]["agent"]),
        (&json!("rep:li"), &json!("agent:desk"))
    );
    // Li did not propose it; the agent did, for li.
    drop(decide(&li, &approval, decision).await.expect(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_was_asked_is_gone_with_the_person() {
    let team = Team::on("landian-6").await;
    let (li, agent, admin) = (team.rep("li"), agent(&team), team.admin());
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    let body = open_move(&li, &customer).await;
    let proposed = agent.command(&customer, "proposals", proposal("transition", body)).await.expect(200);
    let approval = proposed.text_at("/approval/id");
    let events =
        async || admin.get(&format!("/v1/events?customer={customer}&limit=500")).await.expect(200).text;
    assert!(events().await.contains(PROMPT));
    drop(admin.command(&customer, "erasure", json!({})).await.expect(200));
    assert!(!events().await.contains(PROMPT));
    let decided = decide(&li, &approval, json!({"decision": "approve"})).await;
    assert!([404, 409].contains(&decided.status), "{}", decided.text);
}

/// Asks the endpoint as a client of the stateless revision does.
async fn ask(client: &Client, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let call = client.call(Method::POST, "/mcp").header("MCP-Protocol-Version", "2026-07-28");
    let call = call.header("Mcp-Method", method).header("Accept", "application/json, text/event-stream");
    let call = match params["name"].as_str() {
        Some(name) => call.header("Mcp-Name", name),
        None => call,
    };
    let message = json!({"jsonrpc": "2.0", "id": "q-1", "method": method, "params": params});
    call.json(&message).send().await.expect(200).body["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_finds_a_customer_proposes_a_move_and_learns_what_came_of_it_by_its_tools() {
    let team = Team::on("landian-6").await;
    let (li, agent) = (team.rep("li"), agent(&team));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    drop(team.admin().caught_up().await);
    let tool = async |name: &str, arguments: Value| {
        let result = ask(&agent, "tools/call", json!({"name": name, "arguments": arguments})).await;
        assert_eq!(result["isError"], false, "{name}: {result}");
        result["structuredContent"].clone()
    };
    assert_eq!(ask(&agent, "server/discover", json!({})).await["supportedVersions"], json!(["2026-07-28"]));
    let found = tool("find", json!({"q": "Harbour"})).await;
    assert_eq!(found["items"][0]["id"], json!(customer));
    let choices = tool("may_go", json!({"id": customer})).await;
    assert!(choices["items"].as_array().unwrap().iter().any(|choice| choice["allowed"] == true));
    let body = open_move(&li, &customer).await;
    let question = json!({"id": customer, "command": "transition", "body": body});
    assert_eq!(tool("explain_refusal", question).await["allowed"], true);
    let arguments = json!({"id": customer, "body": body, "model": model(), "prompt": PROMPT});
    let proposed = tool("propose_move", arguments).await;
    let approval = proposed["approval"]["id"].as_str().unwrap();
    drop(decide(&li, approval, json!({"decision": "approve"})).await.expect(200));
    drop(team.admin().caught_up().await);
    let settled = tool("proposals", json!({"customer": customer})).await;
    assert_eq!(
        (&settled["items"][0]["status"], &settled["items"][0]["settled_by"]),
        (&json!("approved"), &json!("rep:li"))
    );
    assert_eq!(tool("read", json!({"id": customer})).await["journeys"][0]["stage"], body["to"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_tools_are_served_on_standard_input_and_output() {
    let team = Team::on("landian-6").await;
    let agent = agent(&team);
    let speak = |key: &str, lines: &[Value]| -> Vec<Value> {
        let url = team.server.address().to_owned();
        let url = if url.starts_with("http") { url } else { format!("http://{url}") };
        let mut command = team.installation.program_command(&["mcp", "--url", &url]);
        command.env("WAYMARK_KEY", key).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let mut stdin = program.stdin.take().unwrap();
        for line in lines {
            writeln!(stdin, "{line}").unwrap();
        }
        drop(stdin);
        let said = BufReader::new(program.stdout.take().unwrap()).lines();
        let said = said.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        assert!(program.wait().unwrap().success());
        said
    };
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let request = |id: u64, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let lines = [
        request(1, "server/discover", json!({"_meta": meta})),
        request(2, "tools/call", json!({"_meta": meta, "name": "pipelines", "arguments": {}})),
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}}),
        request(
            3,
            "initialize",
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}),
        ),
        request(4, "tools/list", json!({})),
    ];
    let said = speak(agent.key().unwrap(), &lines);
    assert_eq!(said.iter().map(|one| one["id"].clone()).collect::<Vec<_>>(), [1, 2, 3, 4].map(Value::from));
    assert_eq!(said[0]["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(said[1]["result"]["structuredContent"]["items"][0]["key"], "landian-6");
    assert_eq!(said[2]["result"]["protocolVersion"], "2025-11-25");
    assert!(said[3]["result"]["tools"].as_array().unwrap().len() > 10);
    let stranger = speak("wmk_nobody", &lines[..1]);
    assert_eq!((&stranger[0]["id"], &stranger[0]["error"]["code"]), (&json!(1), &json!(401)));
}
