//! Two databases behind one address: each tenant is found where it lives, is moved by the copy that there is, and feels nothing of
//! what happens to another database.

#![cfg(test)]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Installation, Server};

/// A cell: a database, and a key file of its own with the keys that all have.
struct Cell {
    database: Installation,
    keys: PathBuf,
}

impl Cell {
    fn run(&self, arguments: &[&str]) -> String {
        let keys = self.keys.display().to_string();
        self.database.run(&[arguments, &["--keys", &keys]].concat()).succeeded()
    }

    /// A tenant that is made here, and the key of its administrator.
    fn tenant(&self, name: &str) -> String {
        let _ = self.run(&["migrate", "--tenant", name]);
        let made = ["token", "create", "--tenant", name, "--actor", "admin:root", "--role", "admin"];
        self.run(&made).trim().to_owned()
    }

    fn told(&self) -> Value {
        json!({"database": self.database.database(), "keys": self.keys})
    }
}

/// Two cells with the same keys.
fn two(folder: &Path) -> [Cell; 2] {
    let cell = |name: &str| Cell { database: Installation::new(), keys: folder.join(format!("{name}.keys")) };
    let [east, west] = ["east", "west"].map(cell);
    // Who opens a database first makes the keys.
    let _ = east.tenant("first");
    std::fs::copy(&east.keys, &west.keys).expect("the keys are copied");
    let _ = west.run(&["migrate"]);
    [east, west]
}

/// Asks until the answer has this status.
async fn until(client: &Client, path: &str, status: u16) -> Answer {
    loop {
        let answer = client.get(path).await;
        if answer.status == status {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_served_from_the_database_where_it_lives_and_moves_to_another_one() {
    let place = Installation::on_sqlite();
    let [east, west] = two(place.directory());
    let (acme, beta) = (east.tenant("acme"), west.tenant("beta"));
    let file = place.directory().join("cells.json");
    // The third is down: that harms nobody but those who may live in it.
    let down = json!({"database": "postgres://nobody@127.0.0.1:1/away", "keys": place.directory().join("away.keys")});
    let cells = json!({"east": east.told(), "west": west.told(), "away": down});
    let write = |tenants: Value| {
        let written = json!({"cells": cells, "tenants": tenants}).to_string();
        std::fs::write(&file, written).expect("the directory is written");
    };
    write(json!({}));
    let path = file.display().to_string();
    let arguments = ["serve", "--cells", &path, "--listen", "127.0.0.1:0"];
    let server = Server::launch_command(place.program_command(&arguments), 1);
    let [acme, beta] = [&acme, &beta].map(|key| server.with_key(key));

    let mut customers = Vec::new();
    for (tenant, name) in [(&acme, "acme"), (&beta, "beta")] {
        let _ = until(tenant, "/v1/me", 200).await;
        let _ = tenant.create_pipeline("landian-6").await.expect(201);
        let customer = json!({"pipeline": "landian-6", "owner": "rep:li", "external_id": name});
        customers.push(tenant.register(customer).await);
    }
    let _ = until(&server.anon(), "/readyz", 200).await;
    let unknown = server.with_key(&format!("wm_{}_{}_{}", "7".repeat(32), "8".repeat(32), "A".repeat(43)));
    let answer = unknown.get("/v1/me").await;
    assert_eq!(answer.status, 503, "it may live in the one that is down: {}", answer.text);
    assert_eq!(answer.header("retry-after"), "5");

    // A tenant that is made while the process runs is found.
    let late = server.with_key(&west.tenant("late"));
    let _ = until(&late, "/v1/me", 200).await;

    // Moved: nobody serves it, it is copied, and it lives in the other one.
    write(json!({"acme": null}));
    let before = acme.head().await;
    let _ = until(&acme, "/v1/me", 503).await;
    assert_eq!(beta.get("/v1/me").await.status, 200, "nobody else is kept waiting");
    let (from, to) = (east.database.database(), west.database.database());
    let keys = east.keys.display().to_string();
    let copy = ["copy", "--from", &from, "--to", &to, "--tenant", "acme", "--keys", &keys];
    let _ = place.program(&copy).succeeded();
    write(json!({"acme": "west"}));
    let _ = until(&acme, "/v1/me", 200).await;
    let path = format!("/v1/customers/{}?min_position={before}&wait_ms=20000", customers[0]);
    let moved = acme.get(&path).await.expect(200);
    assert_eq!(moved.at("/external_id"), "acme");
    let _ = acme.register(json!({"pipeline": "landian-6", "owner": "rep:li"})).await;
    let head = acme.head().await;
    let listed = acme.get(&format!("/v1/customers?min_position={head}&wait_ms=20000")).await.expect(200);
    assert_eq!(listed.items().len(), 2);
    assert_eq!(beta.get("/v1/customers").await.expect(200).items().len(), 1);
    assert_eq!(server.stop(), 0);
    for (cell, tenants) in [(&east, vec!["acme"]), (&west, vec!["acme", "beta", "late"])] {
        for tenant in tenants {
            let _ = cell.run(&["verify", "--tenant", tenant]);
        }
    }
}

#[test]
fn a_directory_that_is_wrong_is_refused_before_anything_is_opened() {
    let place = Installation::on_sqlite();
    std::fs::write(place.directory().join("cells.json"), r#"{"cells": {}}"#).expect("it is written");
    let ran = place.program(&["serve", "--cells", "cells.json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("`cells` names none: there has to be one at least"), "{}", ran.stderr);
}
