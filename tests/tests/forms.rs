//! Moves that bring along what their form asks for: amounts, fields and documents in one request, and evidence on record.

#![cfg(test)]

use serde_json::{Value, json};
use waymark_tests::{Client, Team};

/// A version of landian-6 in which a quote asks for its amount and product, and a deal for one of two documents.
async fn quoting(admin: &Client) {
    let mut definition = admin.get("/v1/pipelines/landian-6").await.expect(200).body;
    let stages = definition["stages"].as_array().cloned().unwrap_or_default();
    let place = |id: &str| stages.iter().position(|stage| stage["id"] == id).unwrap_or_default();
    let (quoted, won) = (place("quoted"), place("won"));
    definition["stages"][quoted]["entry_form"]["fields"] = json!(["amount", "product"]);
    let kind = |kind: &str, on_record: bool| json!({"kind": kind, "name": {"zh": kind, "en": kind}, "any_of": "deal", "on_record": on_record});
    definition["stages"][won]["entry_form"]["evidence"] =
        json!([kind("contract_signed", true), kind("first_payment_received", false)]);
    let known = [
        "kind",
        "name",
        "phases",
        "entry_stage",
        "stages",
        "transitions",
        "reasons",
        "pools",
        "automations",
        "visits",
    ];
    let definition: Value = definition
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| known.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let published = admin.post("/v1/pipelines/landian-6/versions", json!({"definition": definition})).await;
    assert_eq!(published.status, 201, "{}", published.text);
}

async fn form(client: &Client, customer: &str, to: &str) -> Value {
    let all = client.get(&format!("/v1/customers/{customer}/allowed-transitions")).await.expect(200).items();
    all.into_iter().find(|one| one["to"] == to).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_fills_in_the_quote_and_moves() {
    let team = Team::on("landian-6").await;
    let (li, admin) = (team.rep("li"), team.admin());
    quoting(&admin).await;
    let mut body = team.customer_of("li", "Harbour Foods");
    body["stage"] = json!("need_confirmed");
    body["fields"] = json!({"needs": "cold"});
    let id = li.register(body).await;

    let quoted = form(&li, &id, "quoted").await;
    assert_eq!(quoted["allowed"], true, "{quoted}");
    let required = quoted["form"]["required"].as_array().cloned().unwrap_or_default();
    assert!(required.contains(&json!("amount")) && required.contains(&json!("fields")), "{required:?}");
    assert_eq!(quoted["form"]["properties"]["fields"]["required"], json!(["product"]));

    let refused =
        li.command(&id, "transitions", json!({"to": "quoted"})).await.refused(422, "field-required");
    let fields: Vec<&str> = refused
        .at("/violations")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["field"].as_str())
        .collect();
    assert_eq!(fields, ["evidence", "amount", "product"]);
    let mut quote = json!({
        "to": "quoted", "amount": {"amount": "1280.00", "currency": "CNY"}, "fields": {"product": "cold chain"},
        "documents": [{"kind": "quote_receipt_confirmed", "name": "receipt", "reference": "dms-1", "sha256": "0f".repeat(32)}]
    });
    quote["amount"]["amount"] = json!("-1");
    let refused = li.command(&id, "transitions", quote.clone()).await.refused(422, "invalid-money");
    assert_eq!(refused.text_at("/violations/0/field"), "amount.amount");
    quote["amount"]["amount"] = json!("1280.00");
    let moved = li.command(&id, "transitions", quote).await.expect(200);
    let types: Vec<&str> =
        moved.at("/events").as_array().into_iter().flatten().filter_map(|one| one["type"].as_str()).collect();
    assert_eq!(types, ["customer.moved", "customer.details_changed", "customer.document_added"]);
    let shown = li.customer(&id).await;
    assert_eq!(shown.text_at("/journeys/0/stage"), "quoted");
    assert_eq!(shown.text_at("/amount/amount"), "1280.00");
    assert_eq!(shown.at("/fields"), &json!({"needs": "cold", "product": "cold chain"}), "others stay");
    assert_eq!(shown.text_at("/documents/0/kind"), "quote_receipt_confirmed");
    assert!(form(&li, &id, "quoted").await.is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_documents_will_do_and_what_must_be_on_record_is() {
    let team = Team::on("landian-6").await;
    let (li, admin) = (team.rep("li"), team.admin());
    quoting(&admin).await;
    let deciding = async || {
        let mut body = team.customer_of("li", "Harbour Foods");
        body["stage"] = json!("deciding");
        admin.register(body).await
    };
    let won = |evidence: Value| json!({"to": "won", "evidence": evidence});
    let id = deciding().await;
    let refused = li.command(&id, "transitions", won(json!([]))).await.refused(422, "evidence-required");
    assert_eq!(refused.at("/violations/0/any_of"), &json!(["contract_signed", "first_payment_received"]));
    let hearsay = json!([{"kind": "contract_signed", "reference": "in the drawer"}]);
    let refused = li.command(&id, "transitions", won(hearsay)).await.refused(422, "unknown-evidence");
    assert_eq!(refused.text_at("/violations/0/field"), "evidence[0].reference");
    let nowhere = json!([{"kind": "contract_signed", "reference": "01930000-0000-7000-8000-000000000000"}]);
    let _ = li.command(&id, "transitions", won(nowhere)).await.refused(422, "unknown-evidence");

    let contract = json!({"kind": "contract_signed", "reference": "dms-17", "sha256": "0a".repeat(32)});
    let _ = li.command(&id, "documents", contract.clone()).await.expect(200);
    let document = li.customer(&id).await.text_at("/documents/0/id");
    let wrong = json!([{"kind": "contract_signed", "reference": document, "sha256": "0b".repeat(32)}]);
    let _ = li.command(&id, "transitions", won(wrong)).await.refused(422, "unknown-evidence");
    let named = json!([{"kind": "contract_signed", "reference": document}]);
    let _ = li.command(&id, "transitions", won(named)).await.expect(200);

    let paid = deciding().await;
    let payment = json!([{"kind": "first_payment_received", "reference": "bank statement of March"}]);
    let _ = li.command(&paid, "transitions", won(payment)).await.expect(200);
    let brought = deciding().await;
    let along = json!({"to": "won", "documents": [contract]});
    let moved = li.command(&brought, "transitions", along).await.expect(200);
    let event =
        li.events_after(0).await.into_iter().find(|event| event["id"] == moved.at("/events/0/id").clone());
    let evidence = event.unwrap_or_default()["data"]["evidence"][0].clone();
    assert_eq!(
        (&evidence["kind"], &evidence["sha256"]),
        (&json!("contract_signed"), &json!("0a".repeat(32)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_move_brings_is_reviewed_hidden_from_analysts_and_erased_with_the_person() {
    let team = Team::on("landian-6").await;
    let (li, admin) = (team.rep("li"), team.admin());
    let mut body = team.customer_of("li", "Harbour Foods");
    body["stage"] = json!("need_confirmed");
    body["fields"] = json!({"needs": "cold"});
    let id = li.register(body).await;
    let brought = json!({
        "to": "quoted", "amount": {"amount": "1280.00", "currency": "CNY"}, "fields": {"product": "lobster tanks"},
        "documents": [{"kind": "quote_receipt_confirmed", "name": "lobster receipt", "reference": "lobster-1", "sha256": "0f".repeat(32)}]
    });
    let _ = li.command(&id, "transitions", brought).await.expect(200);
    let changes = async |of: &str| {
        let path = format!("/v1/audit/changes?customer={id}&type={of}");
        team.auditor("zheng").get(&path).await.expect(200).items()
    };
    let details = changes("customer.details_changed").await;
    assert_eq!(details[0]["before"]["fields"], json!({"needs": "cold"}));
    assert_eq!(details[0]["after"]["fields"], json!({"needs": "cold", "product": "lobster tanks"}));
    assert_eq!(details[0]["after"]["amount"], json!({"amount": "1280.00", "currency": "CNY"}));
    assert_eq!(changes("customer.document_added").await[0]["after"]["reference"], "lobster-1");
    let told = async |client: &Client| {
        let fresh = format!("min_position={}&wait_ms=20000", admin.head().await);
        let mut all = client.get("/v1/events?after=0").await.expect(200).text;
        for path in [
            format!("/v1/customers/{id}"),
            format!("/v1/customers/{id}/timeline"),
            "/v1/customers".to_owned(),
        ] {
            all += &client.get(&format!("{path}?{fresh}")).await.expect(200).text;
        }
        all.contains("lobster")
    };
    assert!(told(&li).await && !told(&team.analyst("sun")).await);
    let _ = admin.command(&id, "erasure", json!({"ground": "request"})).await.expect(200);
    assert!(!told(&li).await && !told(&admin).await);
    assert!(!changes("customer.details_changed").await.iter().any(|one| one.to_string().contains("lobster")));
}

/// A stage that wants something shown is entered with it, by whichever way.
#[tokio::test(flavor = "multi_thread")]
async fn no_way_into_a_stage_leads_around_what_it_wants_shown() {
    let team = Team::on("landian-6").await;
    let (li, wang, admin) = (team.rep("li"), team.manager("wang"), team.admin());
    let receipt =
        json!([{"kind": "quote_receipt_confirmed", "reference": "dms-1", "sha256": "0f".repeat(32)}]);
    let hearsay = json!([{"kind": "quote_receipt_confirmed", "reference": "in the drawer"}]);
    let quoted = |name: &str| {
        let mut body = team.customer_of("li", name);
        body["stage"] = json!("quoted");
        body
    };

    let refused = li.post("/v1/customers", quoted("Harbour Foods")).await.refused(422, "evidence-required");
    assert_eq!(refused.text_at("/violations/0/field"), "evidence");
    assert_eq!(refused.text_at("/violations/0/kind"), "quote_receipt_confirmed");
    for (language, message) in [("en", "This stage requires evidence: "), ("zh", "进入该状态需要凭证：")]
    {
        let call = li.call(reqwest::Method::POST, "/v1/customers").header("accept-language", language);
        let refused = call.json(&quoted("Harbour Foods")).send().await.refused(422, "evidence-required");
        assert!(refused.text_at("/violations/0/message").starts_with(message), "{}", refused.text);
    }
    let mut told = quoted("Harbour Foods");
    told["evidence"] = hearsay.clone();
    let _ = li.post("/v1/customers", told.clone()).await.refused(422, "unknown-evidence");
    drop(told.as_object_mut().and_then(|told| told.remove("evidence")));
    told["documents"] = receipt.clone();
    let registered = li.post("/v1/customers", told).await.expect(201);
    let types = |answer: &waymark_tests::Answer| -> Vec<String> {
        let events = answer.at("/events").as_array().cloned().unwrap_or_default();
        events.iter().map(|event| event["type"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(types(&registered), ["customer.registered", "customer.document_added"]);
    let shown = li.customer(&registered.text_at("/id")).await;
    assert_eq!(shown.text_at("/documents/0/kind"), "quote_receipt_confirmed");

    // In bulk and as a lead it is the same registration.
    let line = json!({"command": "register", "body": quoted("Pier Nine")}).to_string();
    for query in ["", "?atomic=true", "?dry_run=true"] {
        let call = li.call(reqwest::Method::POST, &format!("/v1/bulk{query}"));
        let bulk = call.bytes("application/x-ndjson", line.clone()).send().await;
        assert!(bulk.text.contains("evidence-required"), "{query}: {}", bulk.text);
    }
    let _ = li.post("/v1/leads", quoted("Pier Nine")).await.refused(422, "evidence-required");
    // The past is told by those who supervise, and by imports.
    assert_eq!(wang.post("/v1/customers", quoted("Pier Nine")).await.status, 201);
    assert_eq!(admin.post("/v1/customers?origin=import", quoted("Lake Mill")).await.status, 201);

    let id = li.register(team.customer_of("li", "Anchor Bay")).await;
    let ready = json!({"to": "need_confirmed", "note": "two", "next_step": "quote"});
    let _ = li.command(&id, "transitions", ready).await.expect(200);
    let slip =
        li.command(&id, "transitions", json!({"to": "paused"})).await.expect(200).text_at("/events/0/id");
    let mut target = json!({"corrects": slip, "kind": "target", "to": "quoted", "reason": "wrong button"});
    let _ = li.command(&id, "corrections", target.clone()).await.refused(422, "evidence-required");
    target["evidence"] = hearsay.clone();
    let _ = li.command(&id, "corrections", target.clone()).await.refused(422, "unknown-evidence");
    let _ = li.command(&id, "documents", receipt[0].clone()).await.expect(200);
    let document = li.customer(&id).await.text_at("/documents/0/id");
    target["evidence"] = json!([{"kind": "quote_receipt_confirmed", "reference": document}]);
    let _ = li.command(&id, "corrections", target).await.expect(200);
    assert_eq!(li.customer(&id).await.text_at("/journeys/0/stage"), "quoted");
    let void = json!({"corrects": slip, "kind": "void", "reason": "x", "documents": receipt});
    let _ = li.command(&id, "corrections", void).await.refused(422, "invalid-value");

    let late = li.register(team.customer_of("li", "Quay Two")).await;
    let ready = json!({"to": "need_confirmed", "note": "two", "next_step": "quote"});
    let _ = li.command(&late, "transitions", ready).await.expect(200);
    let at = waymark_tests::now().to_rfc3339();
    let mut step = json!({"kind": "insert", "to": "quoted", "effective_at": at, "reason": "forgotten"});
    let _ = li.command(&late, "corrections", step.clone()).await.refused(422, "evidence-required");
    step["documents"] = receipt.clone();
    let inserted = li.command(&late, "corrections", step).await.expect(200);
    assert_eq!(types(&inserted), ["customer.move_inserted", "customer.document_added"]);

    let resting = li.register(team.customer_of("li", "Mole End")).await;
    let _ = li.command(&resting, "transitions", json!({"to": "to_reactivate"})).await.expect(200);
    let mut back = json!({"to": "quoted", "reason": "budget is back"});
    let _ = li.command(&resting, "reactivations", back.clone()).await.refused(422, "evidence-required");
    back["documents"] = receipt;
    let reactivated = li.command(&resting, "reactivations", back).await.expect(200);
    assert_eq!(types(&reactivated), ["customer.reactivated", "customer.document_added"]);
    assert_eq!(li.customer(&resting).await.text_at("/journeys/0/stage"), "quoted");
}
