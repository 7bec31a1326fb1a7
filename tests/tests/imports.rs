//! Files as people have them: told by what they hold, previewed, imported, and imported again when they have grown.

#![cfg(test)]

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Client, Installation, Server};

const QUERY: &str = "/v1/imports?pipeline=deals&case=deal&status=stage&time=at";

struct Bench {
    _installation: Installation,
    _server: Server,
    manager: Client,
}

impl Bench {
    fn new() -> Self {
        let installation = Installation::new();
        let server = installation.serve();
        let manager = server.admin();
        Self { _installation: installation, _server: server, manager }
    }

    async fn import(&self, more: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Value {
        let answer =
            self.manager.call(Method::POST, &format!("{QUERY}{more}")).bytes(content_type, body).send().await;
        answer.expect(200).body["report"].clone()
    }

    async fn customers(&self) -> Vec<Value> {
        let head = self.manager.head().await;
        let list = self.manager.get(&format!("/v1/customers?min_position={head}&wait_ms=20000")).await;
        list.expect(200).items()
    }

    async fn refusal(&self, path: &str, body: &str) -> Value {
        let answer = self.manager.call(Method::POST, path).bytes("text/csv", body).send().await;
        answer.expect(422).body
    }
}

/// How many rows there were, were imported, were known and were bad.
fn sums(report: &Value) -> [u64; 4] {
    ["rows", "taken", "known", "skipped"].map(|name| report[name].as_u64().expect("a count"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_of_a_sales_team_is_on_the_board_with_names_owners_and_amounts() {
    let bench = Bench::new();
    let file = "deal;stage;at;customer;tel;mail;value;rep;from;labels;seats\n\
                D-1;已报价;2026/11/3 14:05;海棠商贸;13800138000;a@b.example;12,345.60;li;展会;重点、老客户;12\n\
                D-1;谈判中;2026年11月9日;海棠商贸;13800138000;;15,000;wang;;;\n";
    let more = "&name=customer&phone=tel&email=mail&amount=value&currency=CNY&owner=rep&source=from&tag=labels\
                &field:seats=seats";
    let report = bench.import(more, "text/csv", file).await;
    assert_eq!(sums(&report), [2, 2, 0, 0]);
    assert_eq!(report["detected"]["separator"], ";");
    assert_eq!(report["zone"], "Asia/Shanghai");
    let customers = bench.customers().await;
    let [customer] = &customers[..] else { panic!("{customers:?}") };
    assert_eq!(customer["name"], "海棠商贸");
    assert_eq!(customer["external_id"], "D-1");
    assert_eq!(customer["owner"], json!({"kind": "rep", "id": "wang"}), "the latest row says whose it is");
    assert_eq!(customer["amount"], json!({"amount": "15000", "currency": "CNY"}));
    assert_eq!(customer["tags"], json!(["老客户", "重点"]));
    assert_eq!(customer["source"], "展会");
    assert_eq!(customer["fields"], json!({"seats": "12"}));
    assert_eq!(customer["contacts"][0]["value"], "13800138000");
    assert_eq!(customer["journeys"][0]["stage"], "谈判中");
    assert_eq!(customer["journeys"][0]["entered_at"], "2026-11-08T16:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_tells_what_would_be_and_writes_nothing() {
    let bench = Bench::new();
    let before = bench.manager.head().await;
    let file =
        "deal\tstage\tat\tnote\n1\tNew\t2026-11-03 09:00\tx\n1\tWon\t03/05/2026\ty\n2\tNew\t2026-11-04\tz\n";
    let report = bench.import("&preview=true&zone=Europe/Berlin", "text/csv", file).await;
    assert_eq!(sums(&report), [3, 2, 0, 1]);
    assert_eq!(
        (&report["preview"], &report["cases"], &report["events"]),
        (&json!(true), &json!(2), &json!(2))
    );
    assert_eq!(report["detected"]["separator"], "\t");
    assert_eq!(report["detected"]["columns"], json!(["deal", "stage", "at", "note"]));
    let samples = report["samples"].as_array().expect("samples");
    let first = json!({"row": 2, "case": "1", "stage": "New", "effective_at": "2026-11-03T08:00:00Z", "actor": "",
                       "name": null, "owner": null, "amount": null, "outcome": "creates"});
    assert_eq!((samples.len(), &samples[0]), (2, &first));
    assert_eq!(report["problems"][0]["code"], "ambiguous-date");
    assert_eq!(bench.manager.head().await, before);
    assert!(bench.customers().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_bad_rows_alone_shows_them_and_says_what_is_wrong() {
    let bench = Bench::new();
    let file = "deal,stage,at\n1,New,03/05/2026\n2,Won,04/05/2026\n,Won,2026-01-01\n";
    for more in ["&preview=true", "&preview=true&won=Won", "&preview=true&skip_bad=true"] {
        let report = bench.import(more, "text/csv", file).await;
        assert_eq!(sums(&report), [3, 0, 0, 3], "{more}");
        assert_eq!((&report["preview"], &report["cases"]), (&json!(true), &json!(0)));
        assert_eq!(report["detected"]["columns"], json!(["deal", "stage", "at"]));
        let problems: Vec<(&Value, &Value)> = report["problems"]
            .as_array()
            .expect("sums")
            .iter()
            .map(|problem| (&problem["code"], &problem["count"]))
            .collect();
        assert_eq!(problems, [(&json!("ambiguous-date"), &json!(2)), (&json!("missing-field"), &json!(1))]);
        assert_eq!(report["bad_rows"].as_array().map(Vec::len), Some(3));
    }
    let refused = bench.refusal(QUERY, file).await;
    assert_eq!((&refused["code"], &refused["bad_rows"]), (&json!("bad-rows"), &json!(3)));
    assert!(bench.customers().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_ends_and_stands_in_bad_rows_alone_is_of_the_file() {
    let bench = Bench::new();
    let file = "deal,stage,at\n1,New,2026-01-01\n1,Won,03/05/2026\n2,Gone,04/05/2026\n";
    let ended = "&won=Won&lost=Gone";
    let refused = bench.refusal(&format!("{QUERY}{ended}"), file).await;
    assert_eq!((&refused["code"], &refused["bad_rows"]), (&json!("bad-rows"), &json!(2)), "{refused}");
    let preview = bench.import(&format!("{ended}&preview=true"), "text/csv", file).await;
    assert_eq!(sums(&preview), [3, 1, 0, 2]);
    // One that the file does not have is still told from those.
    let unknown = bench.refusal(&format!("{QUERY}&won=Won&lost=Lost"), file).await;
    assert_eq!(
        (&unknown["code"], &unknown["violations"][0]["field"]),
        (&json!("invalid-value"), &json!("lost"))
    );
    let skipped = bench.import(&format!("{ended}&skip_bad=true"), "text/csv", file).await;
    assert_eq!(sums(&skipped), [3, 1, 0, 2]);
    let stages = bench.manager.get("/v1/pipelines/deals").await.expect(200);
    let ids: Vec<&Value> =
        stages.at("/stages").as_array().expect("stages").iter().map(|stage| &stage["id"]).collect();
    assert_eq!(ids, ["New"], "of bad rows nothing is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_summed_by_kind_and_named_by_row_column_value_and_mend() {
    let bench = Bench::new();
    let file = "deal,stage,at\n1,New,03/05/2026\n\"2\n3\",New,2026-01-01\n3,New,04/05/2026\n";
    let refusal = bench.refusal(QUERY, file).await;
    assert_eq!((&refusal["code"], &refusal["bad_rows"]), (&json!("bad-rows"), &json!(3)));
    let sums: Vec<_> =
        refusal["problems"].as_array().expect("sums").iter().map(|sum| &sum["count"]).collect();
    assert_eq!(sums, [2, 1]);
    assert_eq!(refusal["problems"][0]["code"], "ambiguous-date");
    let first = &refusal["violations"][0];
    assert_eq!(first["column"], "at");
    assert_eq!(first["value"], "03/05/2026");
    assert!(
        first["how_to_fix"].as_str().is_some_and(|mend| mend.contains("time_format=%d/%m/%Y")),
        "{first}"
    );
    let last = &refusal["violations"][2];
    assert_eq!((&last["row"], &last["line"]), (&json!(4), &json!(5)), "rows are counted as spreadsheets do");
    let unknown = bench.refusal(&format!("{QUERY}&time_format=%25d/%25Q/%25Y"), file).await;
    assert_eq!(unknown["violations"][0]["field"], "time_format", "{unknown}");
    let declared = bench.import("&time_format=%25d/%25m/%25Y&zone=UTC&skip_bad=true", "text/csv", file).await;
    assert_eq!(declared["taken"], 2);
    let entered: BTreeSet<String> =
        bench.customers().await.iter().map(|one| one["journeys"][0]["entered_at"].to_string()).collect();
    let expected = ["\"2026-05-03T00:00:00Z\"", "\"2026-05-04T00:00:00Z\""];
    assert_eq!(entered, expected.map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_file_adds_what_is_new_and_nothing_twice() {
    let bench = Bench::new();
    let rows = "1,New,2026-01-01T00:00:00Z\n2,New,2026-01-02T00:00:00Z\n";
    let first = bench.import("", "text/csv", format!("deal,stage,at\n{rows}")).await;
    assert_eq!(sums(&first), [2, 2, 0, 0]);
    let longer = format!(
        "deal,stage,at\n{rows}1,Won,2026-02-01T00:00:00Z\n1,Talking,2026-01-15T00:00:00Z\n3,New,2026-02-02T00:00:00Z\n"
    );
    let second = bench.import("&won=Won", "text/csv", longer.clone()).await;
    assert_eq!(sums(&second), [5, 3, 2, 0]);
    assert_eq!((&second["cases"], &second["cases_updated"]), (&json!(1), &json!(1)));
    assert_eq!(second["pipeline_extended"], true);
    let head = bench.manager.head().await;
    let third = bench.import("&won=Won", "text/csv", format!("{longer}\n")).await;
    assert_eq!((sums(&third), &third["events"]), ([5, 0, 5, 0], &json!(0)));
    assert_eq!(bench.manager.head().await, head);
    let customers = bench.customers().await;
    let one = customers.iter().find(|one| one["external_id"] == "1").expect("it is there");
    let id = one["id"].as_str().expect("an id");
    let stays = bench.manager.get(&format!("/v1/customers/{id}/stays?min_position={head}")).await.expect(200);
    let stages: Vec<_> = stays.items().iter().map(|stay| stay["stage"].clone()).collect();
    assert_eq!(stages, ["New", "Talking", "Won"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_file_says_otherwise_of_a_customer_is_as_that_file_has_it() {
    let bench = Bench::new();
    let more = "&name=who&amount=value&currency=CNY&source=from&tag=labels&phone=tel";
    let head = "deal,stage,at,who,value,from,labels,tel\n";
    let row = "1,New,2026-01-01T00:00:00Z,Kim,2.50,fair,a,13800138000\n";
    bench.import(more, "text/csv", format!("{head}{row}")).await;
    let later = "1,Talking,2026-02-01T00:00:00Z,Kim & Co,4.00,,b,+8613800138000;13900139000\n";
    let report = bench.import(more, "text/csv", format!("{head}{row}{later}")).await;
    assert_eq!((sums(&report), &report["events"]), ([2, 1, 1, 0], &json!(2)));
    let customers = bench.customers().await;
    assert_eq!(customers[0]["name"], "Kim & Co");
    assert_eq!(customers[0]["amount"], json!({"amount": "4.00", "currency": "CNY"}));
    assert_eq!(customers[0]["source"], "fair", "what is not said stays");
    assert_eq!(customers[0]["tags"], json!(["a", "b"]));
    assert_eq!(
        customers[0]["contacts"].as_array().map(Vec::len),
        Some(2),
        "a telephone is one however written"
    );
    let renamed = later.replace("Kim & Co", "Kim Ltd");
    let report = bench.import(more, "text/csv", format!("{head}{row}{renamed}")).await;
    assert_eq!(
        (sums(&report), &report["cases_updated"]),
        ([2, 1, 1, 0], &json!(1)),
        "a row says what is new"
    );
    let past = row.replace("Kim", "Kimmy");
    let report = bench.import(more, "text/csv", format!("{head}{past}")).await;
    assert_eq!((sums(&report), &report["events"]), ([1, 0, 1, 0], &json!(0)), "it ends before what is known");
    assert_eq!(bench.customers().await[0]["name"], "Kim Ltd");
    let taken = bench.manager.register(json!({"pipeline": "deals", "stage": "New",
        "contacts": [{"kind": "phone", "value": "13700137000"}]}));
    taken.await;
    let other = format!("{head}{}", later.replace("13900139000", "13700137000"));
    let refusal = bench.refusal(&format!("{QUERY}{more}"), &other).await;
    assert_eq!(
        (&refusal["violations"][0]["code"], &refusal["bad_rows"]),
        (&json!("duplicate-customer"), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_customers_is_imported_again_when_it_has_changed() {
    let bench = Bench::new();
    let _ = bench.manager.create_pipeline("helloword-13").await.expect(201);
    let path = "/v1/customers/import?pipeline=helloword-13&case=id&name=who&status=where";
    let import = async |more: &str, file: &str| {
        let call = bench.manager.call(Method::POST, &format!("{path}{more}"));
        call.bytes("text/csv", file).send().await.expect(200).body["report"].clone()
    };
    assert_eq!(sums(&import("", "id,who,where\nA,Kim,\nB,Lee,contacted\n").await), [2, 2, 0, 0]);
    let grown = "id,who,where\nA,Kim,\nB,Leeds,contacted\nC,Ann,\n";
    let preview = import("&preview=true", grown).await;
    assert_eq!(sums(&preview), [3, 2, 1, 0]);
    let outcomes: Vec<_> =
        preview["samples"].as_array().expect("samples").iter().map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes, ["changes", "creates"]);
    let report = import("", grown).await;
    assert_eq!(
        (sums(&report), &report["cases"], &report["cases_updated"]),
        ([3, 2, 1, 0], &json!(1), &json!(1))
    );
    let moved = import("&update=true", "id,who,where\nA,Kim,已联系\n").await;
    assert_eq!((sums(&moved), &moved["events"]), ([1, 1, 0, 0], &json!(1)));
    let names = |customers: &[Value]| {
        let mut names: Vec<_> =
            customers.iter().map(|one| one["name"].as_str().unwrap_or("").to_owned()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&bench.customers().await), ["Ann", "Kim", "Leeds"]);
    let hand = json!({"pipeline": "helloword-13", "external_id": "H", "name": "By hand"});
    bench.manager.register(hand).await;
    let refusal = bench.refusal(path, "id,who,where\nH,Hand,\n").await;
    assert_eq!(refusal["violations"][0]["code"], "customer-exists");
    assert_eq!(sums(&import("&update=true", "id,who,where\nH,Hand,\n").await), [1, 1, 0, 0]);
    assert_eq!(names(&bench.customers().await), ["Ann", "Hand", "Kim", "Leeds"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_two_systems_may_coincide_and_those_of_hand_are_updated_only_where_told() {
    let bench = Bench::new();
    bench.import("", "text/csv", "deal,stage,at\n1,New,2026-01-01T00:00:00Z\n").await;
    let tickets = "/v1/imports?pipeline=tickets&case=deal&status=stage&time=at";
    let answer = bench.manager.call(Method::POST, tickets);
    let _ = answer.bytes("text/csv", "deal,stage,at\n1,Open,2026-01-01T00:00:00Z\n").send().await.expect(200);
    let mut ids: Vec<_> = bench.customers().await.iter().map(|one| one["external_id"].clone()).collect();
    ids.sort_by_key(Value::to_string);
    assert_eq!(ids, ["1", "tickets:1"]);
    bench.manager.register(json!({"pipeline": "deals", "external_id": "9", "stage": "New"})).await;
    let more = "deal,stage,at\n9,Talking,2026-01-01T00:00:00Z\n";
    let refusal = bench.refusal(QUERY, "deal,stage,at\n9,New,2026-01-01T00:00:00Z\n").await;
    assert_eq!(refusal["violations"][0]["code"], "customer-exists");
    let report = bench.import("&update=true", "text/csv", more).await;
    assert_eq!((sums(&report), &report["cases_updated"]), ([1, 1, 0, 0], &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_imported_twice_by_telephone() {
    let bench = Bench::new();
    let file = "deal,stage,at,tel\n1,New,2026-01-01T00:00:00Z,13800138000\n2,New,2026-01-01T00:00:00Z,+86 138 0013 8000\n";
    let refusal = bench.refusal(&format!("{QUERY}&phone=tel"), file).await;
    assert_eq!(
        (&refusal["bad_rows"], &refusal["violations"][0]["code"]),
        (&json!(1), &json!("duplicate-customer"))
    );
    let report = bench.import("&phone=tel&skip_bad=true", "text/csv", file).await;
    assert_eq!(sums(&report), [2, 1, 0, 1]);
    let other = "deal,stage,at,tel\n3,New,2026-01-01T00:00:00Z,13800138000\n";
    let refusal = bench.refusal(&format!("{QUERY}&phone=tel"), other).await;
    assert_eq!(refusal["violations"][0]["code"], "duplicate-customer");
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_without_a_history_enter_the_stage_that_is_named_in_either_language() {
    let bench = Bench::new();
    let _ = bench.manager.create_pipeline("helloword-13").await.expect(201);
    let path = "/v1/customers/import?pipeline=helloword-13&case=id&status=where&name=who";
    let file = "id,where,who\nA,,海棠\nB,已联系,木棉\nC,contacted,Ixora\n";
    let answer = bench.manager.call(Method::POST, path).bytes("text/csv", file).send().await.expect(200);
    assert_eq!(sums(&answer.body["report"]), [3, 3, 0, 0]);
    let mut stages: Vec<(String, String)> = bench
        .customers()
        .await
        .iter()
        .map(|one| (one["external_id"].to_string(), one["journeys"][0]["stage"].to_string()))
        .collect();
    stages.sort();
    let expected = [("A", "new_lead"), ("B", "contacted"), ("C", "contacted")];
    assert_eq!(stages, expected.map(|(id, stage)| (format!("\"{id}\""), format!("\"{stage}\""))));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_rows_of_one_customer_in_a_list_the_second_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    let _ = bench.manager.create_pipeline("helloword-13").await.expect(201);
    let path = "/v1/customers/import?pipeline=helloword-13&case=id&name=who&skip_bad=true";
    let file = "id,who\nA,Maple\nA,Poplar\n";
    let answer = bench.manager.call(Method::POST, path).bytes("text/csv", file).send().await.expect(200);
    let bad = &answer.body["report"]["bad_rows"][0];
    assert_eq!((&bad["code"], &bad["row"]), (&json!("repeated-customer"), &json!(3)), "{}", answer.text);
    let names: Vec<Value> = bench.customers().await.iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, [json!("Maple")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wide_file_of_a_crm_has_a_column_for_each_status() {
    let bench = Bench::new();
    let path = "/v1/imports?pipeline=wide&case=Record+ID&zone=UTC&entered=Date+entered+%22New%22:New\
                &entered=Date+entered+%22Won+(Sales)%22:Won&won=Won";
    let file = "Record ID,Date entered \"\"New\"\",Date entered \"\"Won (Sales)\"\"\n7,2026-01-01,2026-02-01\n8,2026-01-05,\n";
    let file = file.replace("\"\"", "\"");
    let answer = bench.manager.call(Method::POST, path).bytes("text/csv", file).send().await.expect(200);
    assert_eq!(sums(&answer.body["report"]), [3, 3, 0, 0]);
    let stages: BTreeSet<String> =
        bench.customers().await.iter().map(|one| one["journeys"][0]["stage"].to_string()).collect();
    assert_eq!(stages, ["\"New\"", "\"Won\""].map(str::to_owned).into());
}
