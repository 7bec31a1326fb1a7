//! Time zones are renewed without a new program, and every figure names the version that it was reckoned by.

#![cfg(test)]

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Installation, Server, Team};

/// A zone that keeps this rule for all time, as a file of version 2 (RFC 9636).
fn zone(directory: &Path, name: &str, rule: &str) {
    let counts = [0_u32, 0, 0, 0, 1, 4].map(u32::to_be_bytes).concat();
    let block = [b"TZif2".as_slice(), &[0; 15], &counts, &[0; 6], b"UTC\0"].concat();
    let file = directory.join(name);
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
    std::fs::write(file, [block.as_slice(), &block, format!("\n{rule}\n").as_bytes()].concat())
        .expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn business_hours_go_by_the_zone_files_named_and_say_so() {
    let installation = Installation::new();
    let files = installation.directory().join("zoneinfo");
    // As if British Columbia went an hour further east.
    zone(&files, "America/Vancouver", "<-06>6");
    zone(&files, "Asia/Shanghai", "CST-8");
    std::fs::write(files.join("tzdata.zi"), "# version 2030a\n").expect("a file");
    let named = files.display().to_string();
    let key = installation.key("admin:root", &["admin"]);
    let server =
        Server::launch(&installation, &["serve", "--listen", "127.0.0.1:0", "--zoneinfo", &named], 1);
    let admin = server.with_key(&key);
    let hours = json!([{"from": "09:00", "to": "17:00"}]);
    let office = json!({
        "key": "office", "name": {"zh": "办公", "en": "Office"}, "timezone": "America/Vancouver",
        "weekly": {"mon": hours},
    });
    assert_eq!(admin.post("/v1/admin/calendars", office).await.status / 100, 2);
    let rows = "deal,stage,at\nA,New,2026-11-16T14:30:00Z\nA,Done,2026-11-16T16:00:00Z\n";
    let path = "/v1/imports?pipeline=past&case=deal&status=stage&time=at";
    assert_eq!(admin.call(Method::POST, path).bytes("text/csv", rows).send().await.status, 200);
    let read = async |path: &str| -> Value {
        let head = admin.head().await;
        admin.get(&format!("{path}&min_position={head}&wait_ms=20000")).await.expect(200).body
    };
    let dwell = read("/v1/dwell/past?clock=business").await;
    assert_eq!(dwell["stages"][0]["completed_seconds"]["total"], json!(3_600.0));
    let calendar = json!({"key": "office", "version": 1, "timezone": "America/Vancouver", "tzdb": "2030a"});
    assert_eq!(dwell["calendar"], calendar);
    // The heat map is in the zone of the pipeline's pool unless another is asked for.
    let heatmap = read("/v1/heatmap?pipeline=past").await;
    assert_eq!((&heatmap["zone"], &heatmap["tzdb"]), (&json!("Asia/Shanghai"), &json!("2030a")));
    assert_eq!((&heatmap["weekdays"][0][22], &heatmap["weekdays"][1][0]), (&json!(1), &json!(1)));
    let there = read("/v1/heatmap?pipeline=past&zone=America%2FVancouver").await;
    assert_eq!((&there["weekdays"][0][8], &there["weekdays"][0][10]), (&json!(1), &json!(1)));
    drop(server);

    let doctor = installation.run(&["doctor", "--zoneinfo", &named]);
    assert!(doctor.said().contains("tzdb 2030a, 2 zones read from files"), "{}", doctor.said());
    let nothing = installation.run(&[
        "serve",
        "--zoneinfo",
        &installation.directory().join("no").display().to_string(),
    ]);
    assert!(nothing.code != 0 && nothing.said().contains("holds no time zones"), "{}", nothing.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn second_sixty_is_refused_by_name_wherever_an_instant_is_read() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let named = |answer: Answer, field: &str| {
        let refused = answer.refused(422, "invalid-value");
        assert_eq!(refused.at("/violations/0/field"), &json!(field), "{}", refused.text);
        assert!(refused.text.contains("econd 60"), "{}", refused.text);
    };
    let mut body = team.customer("Harbour Foods");
    for leap in ["2016-12-31T23:59:60Z", "2017-01-01T07:59:60+08:00", "2026-06-30T12:34:60Z"] {
        body["effective_at"] = json!(leap);
        named(admin.post("/v1/customers", body.clone()).await, "effective_at");
        let leap = leap.replace('+', "%2B");
        for (path, field) in [
            ("/v1/dwell/landian-6", "from"),
            ("/v1/boards/landian-6", "effective_at"),
            ("/v1/customers/landian-6/stays", "known_at"),
            ("/v1/tasks", "due_before"),
            ("/v1/tasks", "due_after"),
        ] {
            let path = path.replace("customers/landian-6", "customers/018f0000-0000-7000-8000-000000000000");
            named(admin.get(&format!("{path}?{field}={leap}")).await, field);
        }
    }
    let until = json!({"pipeline": "landian-6", "until": "2016-12-31T23:59:60Z"});
    named(admin.post("/v1/automations/dry-runs", until).await, "until");
    let rows = "deal,stage,at\nA,New,2016-12-31T23:59:60Z\n";
    let path = "/v1/imports?pipeline=past&case=deal&status=stage&time=at";
    let import = admin.call(Method::POST, path).bytes("text/csv", rows).send().await;
    assert!(import.status == 422 && import.text.contains("econd 60"), "{}", import.text);
    assert_eq!(
        admin.events_after(0).await.iter().filter(|event| event["type"] == "customer.registered").count(),
        0
    );
}
