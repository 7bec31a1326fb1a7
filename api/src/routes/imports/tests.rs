//! What the statuses of a file mean in a pipeline that is made of it.

use axum::http::Method;
use serde_json::{Value, json};

use crate::domain::Role;
use crate::http::testing::{Answer, Bench};

const HISTORY: &str = "/v1/imports?case=deal&status=stage&time=on&pipeline=";
/// As a team keeps it: the newest first.
const FILE: &str = "deal,stage,on\n1,成交,2026-02-01\n2,流失,2026-02-01\n3,已报价,2026-01-20\n1,已报价,2026-01-10\n\
                    1,新线索,2026-01-01\n2,新线索,2026-01-01\n3,新线索,2026-01-01\n";

struct Scene {
    bench: Bench,
    admin: String,
}

impl Scene {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let admin = bench.key("admin:root", &[Role::Admin]).await;
        Self { bench, admin }
    }

    async fn send(&self, path: &str, file: &'static str) -> Answer {
        self.bench.call(Method::POST, path).key(&self.admin).body("text/csv", file).send().await
    }

    async fn import(&self, path: &str, file: &'static str) -> Value {
        let answer = self.send(path, file).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()["report"].clone()
    }

    /// The types of a pipeline's stages, by stage, and the stage by which customers enter.
    async fn stages(&self, pipeline: &str) -> (Vec<String>, Value) {
        let found = self.bench.get(&self.admin, &format!("/v1/pipelines/{pipeline}")).await.json();
        let stages = found["stages"].as_array().unwrap().iter();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut types: Vec<String> =
            stages.map(|stage| format!("{} {}", word(&stage["id"]), word(&stage["type"]))).collect();
        types.sort();
        (types, found["entry_stage"].clone())
    }
}

#[tokio::test]
async fn a_file_of_ones_own_is_won_and_lost_by_its_usual_words_and_the_preview_says_so() {
    let scene = Scene::new().await;
    let preview = scene.import(&format!("{HISTORY}own&preview=true"), FILE).await;
    let told = json!([{"status": "成交", "type": "won", "guessed": true}, {"status": "流失", "type": "lost", "guessed": true}]);
    assert_eq!(preview["endings"], told);
    let how = &preview["how_endings_were_told"];
    for (language, words) in [("zh", ["常用名称", "won"]), ("en", ["usual names", "an empty won"])] {
        assert!(
            words.iter().all(|word| how[language].as_str().is_some_and(|how| how.contains(word))),
            "{how}"
        );
    }
    assert_eq!(scene.bench.get(&scene.admin, "/v1/pipelines/own").await.status, 404, "nothing was written");
    let report = scene.import(&format!("{HISTORY}own"), FILE).await;
    assert_eq!((&report["endings"], &report["how_endings_were_told"]), (&told, how));
    let (types, entry) = scene.stages("own").await;
    assert_eq!(types, ["已报价 open", "成交 won", "新线索 open", "流失 lost"]);
    assert_eq!(entry, "已报价", "the first one that is open, though the file begins with a deal");
    scene.bench.catch_up().await;
    let funnel = scene.bench.get(&scene.admin, "/v1/funnels/own?definition=snapshot").await.json();
    assert_eq!((&funnel["closed"]["won"], &funnel["closed"]["lost"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn what_is_said_of_endings_counts_before_names_and_an_empty_list_takes_none_by_its_name() {
    let scene = Scene::new().await;
    for (pipeline, more, expected) in [
        (
            "quoted",
            "&won=%E5%B7%B2%E6%8A%A5%E4%BB%B7",
            ["已报价 won", "成交 open", "新线索 open", "流失 lost"],
        ),
        ("none", "&won=", ["已报价 open", "成交 open", "新线索 open", "流失 open"]),
        ("neither", "&lost=", ["已报价 open", "成交 open", "新线索 open", "流失 open"]),
        ("ended", "&final=%E6%B5%81%E5%A4%B1", ["已报价 open", "成交 open", "新线索 open", "流失 lost"]),
    ] {
        let report = scene.import(&format!("{HISTORY}{pipeline}{more}"), FILE).await;
        let is_guessed = report["endings"].as_array().unwrap().iter().any(|ending| ending["guessed"] == true);
        assert_eq!(report["how_endings_were_told"].is_object(), is_guessed, "{pipeline}");
        assert_eq!(scene.stages(pipeline).await.0, expected, "{pipeline}");
    }
}

#[tokio::test]
async fn a_list_of_customers_makes_a_pipeline_in_which_deals_and_losses_are_told_likewise() {
    let scene = Scene::new().await;
    let path = "/v1/customers/import?case=deal&status=stage&pipeline=";
    let file = "deal,stage\n1,赢单\n2,New\n3,Closed Lost\n";
    let report = scene.import(&format!("{path}list"), file).await;
    assert_eq!(report["cases"], 3);
    let (types, entry) = scene.stages("list").await;
    assert_eq!(
        (types, entry),
        (["Closed Lost lost", "New open", "赢单 won"].map(str::to_owned).to_vec(), json!("New"))
    );
    let _ = scene.import(&format!("{path}said&won=New"), file).await;
    assert_eq!(scene.stages("said").await.0, ["Closed Lost lost", "New won", "赢单 open"]);
}

#[tokio::test]
async fn names_change_nothing_in_a_pipeline_that_is_there() {
    let scene = Scene::new().await;
    let _ = scene.import(&format!("{HISTORY}grown"), "deal,stage,on\n1,New,2026-01-01\n").await;
    let longer = "deal,stage,on\n1,New,2026-01-01\n1,Won,2026-01-05\n";
    let report = scene.import(&format!("{HISTORY}grown"), longer).await;
    assert_eq!((&report["pipeline_extended"], &report["endings"]), (&json!(true), &json!([])));
    assert_eq!(scene.stages("grown").await.0, ["New open", "Won open"]);
}
