//! An import is undone by events: what it brought is gone from lists, boards and figures, what was worked on since stays, and what
//! was known before is known as it was.

#![cfg(test)]

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Client, Installation, Server};

const QUERY: &str = "/v1/imports?pipeline=deals&case=deal&status=stage&time=at";
const FILE: &str = "deal,stage,at,phone\nA,New,2026-01-01,13800138000\nA,Won,2026-01-05,\nB,New,2026-01-02,\nB,Offer,2026-01-03,\n\
                    C,New,2026-01-04,\n";

struct Bench {
    _installation: Installation,
    _server: Server,
    admin: Client,
}

impl Bench {
    fn new() -> Self {
        let installation = Installation::new();
        let server = installation.serve();
        let admin = server.admin();
        Self { _installation: installation, _server: server, admin }
    }

    async fn import(&self, file: &str) -> Value {
        let path = format!("{QUERY}&phone=phone");
        let answer = self.admin.call(Method::POST, &path).bytes("text/csv", file.to_owned()).send().await;
        answer.expect(200).body["report"].clone()
    }

    async fn undo(&self, import: &Value, body: Value) -> Value {
        let path = format!("/v1/imports/{}/undo", import["import"].as_str().expect("an id"));
        self.admin.post(&path, body).await.expect(200).body
    }

    /// The external ids that the list has now.
    async fn listed(&self) -> Vec<String> {
        let head = self.admin.head().await;
        let list =
            self.admin.get(&format!("/v1/customers?min_position={head}&wait_ms=20000")).await.expect(200);
        let mut ids: Vec<String> =
            list.items().iter().filter_map(|one| one["external_id"].as_str().map(str::to_owned)).collect();
        ids.sort_unstable();
        ids
    }

    async fn id_of(&self, external_id: &str) -> String {
        let head = self.admin.head().await;
        let path = format!("/v1/customers?external_id={external_id}&min_position={head}&wait_ms=20000");
        self.admin.get(&path).await.expect(200).text_at("/items/0/id")
    }

    async fn figures(&self, known: Option<u64>) -> Vec<Value> {
        let known = known.map(|known| format!("&known_position={known}")).unwrap_or_default();
        let at = format!("effective_at=2026-02-01T00:00:00Z{known}");
        let mut asked = Vec::new();
        for path in ["/v1/dwell/deals", "/v1/flows/deals", "/v1/boards/deals"] {
            asked.push(format!("{path}?{at}"));
        }
        let mut answers = self.admin.settled(&asked).await;
        for answer in &mut answers {
            answer.as_object_mut().expect("an object").remove("position");
        }
        answers
    }
}

fn counts(report: &Value) -> [u64; 4] {
    ["withdrawn", "reverted", "undone_before", "kept"].map(|name| report[name].as_u64().expect("a count"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_undone_leaves_nothing_behind_but_its_history() {
    let bench = Bench::new();
    let import = bench.import(FILE).await;
    let (before, known) = (bench.figures(None).await, bench.admin.head().await);
    let a = bench.id_of("A").await;

    let preview = bench.undo(&import, json!({"preview": true})).await;
    assert_eq!((counts(&preview), &preview["events"]), ([3, 0, 0, 0], &json!(0)));
    assert_eq!(bench.admin.head().await, known, "a preview writes nothing");
    let undone = bench.undo(&import, json!({"reason": "the wrong file"})).await;
    assert_eq!(counts(&undone), [3, 0, 0, 0]);

    assert!(bench.listed().await.is_empty());
    let figures = bench.figures(None).await;
    assert_eq!(figures[2]["total"], 0, "{}", figures[2]);
    let visits: Vec<&Value> =
        figures[0]["stages"].as_array().expect("stages").iter().map(|stage| &stage["visits"]).collect();
    assert!(visits.iter().all(|visits| **visits == json!(0)), "{visits:?}");
    assert_eq!(bench.figures(Some(known)).await, before, "what was known before is known as it was");
    let gone = bench.admin.customer(&a).await;
    assert_eq!((gone.at("/withdrawn"), gone.at("/journeys")), (&json!(true), &json!([])));
    let refused = bench.admin.command(&a, "notes", json!({"text": "hello?"})).await;
    let _ = refused.refused(409, "customer-withdrawn");

    let again = bench.undo(&import, json!({})).await;
    assert_eq!((counts(&again), &again["events"]), ([0, 0, 3, 0], &json!(0)));
    let log = bench.admin.get("/v1/audit/changes?type=import.undone").await.expect(200);
    assert_eq!(log.items().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_can_be_imported_again_after_it_was_undone() {
    let bench = Bench::new();
    let import = bench.import(FILE).await;
    let before = bench.figures(None).await;
    let _ = bench.undo(&import, json!({})).await;
    let again = bench.import(FILE).await;
    assert_eq!((&again["cases"], &again["taken"], &again["known"]), (&json!(3), &json!(5), &json!(0)));
    assert_eq!(bench.listed().await, ["A", "B", "C"]);
    assert_eq!(bench.figures(None).await[..2], before[..2]);
    let repeated = bench.import(FILE).await;
    assert_eq!((&repeated["taken"], &repeated["known"]), (&json!(0), &json!(5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_that_were_worked_on_since_stay_and_are_named_with_what_was_done() {
    let bench = Bench::new();
    let import = bench.import(FILE).await;
    let b = bench.id_of("B").await;
    let _ = bench.admin.command(&b, "transitions", json!({"to": "Won"})).await.expect(200);
    let undone = bench.undo(&import, json!({})).await;
    assert_eq!(counts(&undone), [2, 0, 0, 1]);
    let kept = &undone["kept_customers"][0];
    assert_eq!((&kept["customer_id"], &kept["external_id"]), (&json!(b), &json!("B")));
    assert_eq!(kept["since"][0]["type"], "customer.moved");
    assert_eq!(kept["since"][0]["actor"], "admin:root");
    assert_eq!(bench.listed().await, ["B"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_customers_that_were_there_the_moves_are_taken_back_that_a_longer_file_added() {
    let bench = Bench::new();
    let first = bench.import(FILE).await;
    let before = bench.figures(None).await;
    let longer = format!("{FILE}C,Won,2026-01-09,\nD,New,2026-01-09,\n");
    let second = bench.import(&longer).await;
    assert_eq!((&second["cases"], &second["cases_updated"]), (&json!(1), &json!(1)));
    let undone = bench.undo(&second, json!({})).await;
    assert_eq!(counts(&undone), [1, 1, 0, 0]);
    assert_eq!(bench.listed().await, ["A", "B", "C"]);
    assert_eq!(bench.figures(None).await, before);
    let third = bench.import(&longer).await;
    assert_eq!(
        (&third["taken"], &third["known"]),
        (&json!(2), &json!(5)),
        "what was taken back can come again"
    );

    // The last one first: what came with another import that was undone, too, was no work.
    assert_eq!(counts(&bench.undo(&first, json!({})).await), [2, 0, 0, 1], "C was added to since");
    assert_eq!(counts(&bench.undo(&third, json!({})).await), [1, 1, 0, 0]);
    assert_eq!(counts(&bench.undo(&first, json!({})).await), [1, 0, 2, 0]);
    assert!(bench.listed().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_update_changed_of_customers_that_were_there_is_changed_back() {
    let bench = Bench::new();
    let path = format!(
        "{QUERY}&name=name&amount=amount&currency=CNY&source=source&tag=tag&phone=phone&field:size=size"
    );
    let size = json!({"key": "size", "name": {"zh": "规模", "en": "Size"}, "type": "integer"});
    let _ = bench.admin.post("/v1/admin/fields", size).await.expect(200);
    let import = async |query: &str, rows: &str| {
        let file = format!("deal,stage,at,name,amount,source,tag,phone,size\n{rows}");
        let answer = bench.admin.call(Method::POST, &format!("{path}{query}")).bytes("text/csv", file);
        answer.send().await.expect(200).body["report"].clone()
    };
    let details = async |id: &str| {
        let head = bench.admin.head().await;
        let path = format!("/v1/customers/{id}?min_position={head}&wait_ms=20000");
        let found = bench.admin.get(&path).await.expect(200).body;
        // Who never had custom fields has none, and who has none any more has none likewise.
        ["name", "amount", "source", "tags", "contacts", "fields"].map(|field| match &found[field] {
            Value::Null if field == "fields" => json!({}),
            held => held.clone(),
        })
    };
    let first = "A,New,2026-01-01,Harbour,100,,old,13800138000,\nB,New,2026-01-01,Pier,50,expo,,,3\n\
                 C,New,2026-01-01,Quay,10,,,,\nD,Won,2026-01-01,,,,,,\n";
    let _ = import("", first).await;
    let ids = [bench.id_of("A").await, bench.id_of("B").await, bench.id_of("C").await];
    let [a, b, c] = [details(&ids[0]).await, details(&ids[1]).await, details(&ids[2]).await];
    // A changes beside a move, B alone, and C is worked on since.
    let update = "A,Won,2026-01-05,Wrong,200,fair,new,13900000002,7\nB,New,2026-01-01,Worse,60,fair,new,,4\n\
                  C,New,2026-01-01,Worst,20,,,,\n";
    let changed = import("&update=true", update).await;
    assert_eq!(changed["cases_updated"], 3);
    let now = details(&ids[0]).await;
    assert_eq!((&now[0], &now[1]["amount"]), (&json!("Wrong"), &json!("200")));
    let _ = bench.admin.command(&ids[2], "details", json!({"tier": "A"})).await.expect(200);
    let c_since = details(&ids[2]).await;
    assert_ne!(c, c_since);

    let preview = bench.undo(&changed, json!({"preview": true})).await;
    assert_eq!(counts(&preview), [0, 2, 0, 1]);
    let undone = bench.undo(&changed, json!({"reason": "the wrong file"})).await;
    assert_eq!((counts(&undone), &undone["events"]), ([0, 2, 0, 1], &json!(4)));
    assert_eq!(undone["kept_customers"][0]["since"][0]["type"], "customer.details_changed");
    assert_eq!([details(&ids[0]).await, details(&ids[1]).await], [a, b]);
    assert_eq!(details(&ids[2]).await, c_since, "it was worked on since");
    assert_eq!(counts(&bench.undo(&changed, json!({})).await), [0, 0, 2, 1]);
    let again = import("&update=true", update).await;
    assert_eq!(again["cases_updated"], 2, "what was changed back can come again");
    assert_eq!(details(&ids[0]).await, now);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_not_there_cannot_be_undone_nor_by_anybody() {
    let bench = Bench::new();
    let import = bench.import(FILE).await;
    let unknown = "/v1/imports/0190b2a4-0000-7000-8000-000000000000/undo";
    let _ = bench.admin.post(unknown, json!({})).await.refused(404, "not-found");
    let path = format!("/v1/imports/{}/undo", import["import"].as_str().expect("an id"));
    for blank in [json!({"reason": " "}), json!({"reason": "", "preview": true})] {
        let _ = bench.admin.post(&path, blank).await.refused(422, "invalid-value");
    }
    let _ = bench.admin.post(&path, json!({"because": "x"})).await.refused(422, "unknown-field");
    assert_eq!(bench.listed().await.len(), 3);
}
