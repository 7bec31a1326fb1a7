//! The key of one customer is changed: what was written before is read as before, what is written after is sealed by other bytes,
//! and the log tells who did it and why.

#![cfg(test)]

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Client, Team};

/// The commitments of everything that is sealed in an entry, which tell what it was sealed by.
fn commitments(entry: &Value, found: &mut BTreeSet<String>) {
    match entry {
        Value::Object(members) => {
            if let Some(commitment) = members.get("$sealed").and_then(|sealed| sealed["commitment"].as_str())
            {
                found.insert(commitment.to_owned());
            }
            members.values().for_each(|member| commitments(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| commitments(item, found)),
        _ => {}
    }
}

/// The entries of a customer as they are stored, by what each was sealed.
async fn sealed_by(auditor: &Client, customer: &str) -> Vec<BTreeSet<String>> {
    let bundle = auditor.call(Method::GET, "/v1/audit/bundle").stream().await.expect("an answer");
    let bundle = bundle.bytes().await.expect("a bundle");
    let mut archive = tar::Archive::new(GzDecoder::new(&bundle[..]));
    let mut text = String::new();
    for file in archive.entries().expect("an archive") {
        let mut file = file.expect("a file");
        if file.path().expect("a name").starts_with("entries") {
            file.read_to_string(&mut text).expect("entries");
        }
    }
    let entries = text.lines().filter(|line| line.contains(customer));
    let of_entry = |line: &str| {
        let mut found = BTreeSet::new();
        commitments(&serde_json::from_str(line).expect("an entry"), &mut found);
        found
    };
    entries.map(of_entry).filter(|found| !found.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_key_is_changed_and_what_is_written_from_then_on_is_sealed_by_another() {
    let team = Team::on("landian-6").await;
    let (admin, auditor, li) = (team.admin(), team.auditor("qian"), team.rep("li"));
    let customer = li.register(team.customer_of("li", "Harbour Foods")).await;
    drop(li.command(&customer, "notes", json!({"text": "called on Monday"})).await.expect(200));
    let reason = json!({"reason": "Seen in a support case"});
    for person in [&li, &auditor] {
        drop(person.command(&customer, "key-rotations", reason.clone()).await.refused(403, "missing-role"));
    }
    drop(
        admin.command(&customer, "key-rotations", json!({"reason": " "})).await.refused(422, "invalid-value"),
    );

    // Somebody writes meanwhile: nobody is refused, and nothing is lost.
    let notes = (0..8).map(|number| {
        let (li, customer) = (&li, &customer);
        async move { li.command(customer, "notes", json!({"text": format!("beside {number}")})).await }
    });
    let rotated = admin.command(&customer, "key-rotations", reason.clone());
    let (notes, rotated) = tokio::join!(join_all(notes), rotated);
    notes.into_iter().for_each(|note| drop(note.expect(200)));
    let rotated = rotated.expect(200);
    assert_eq!(rotated.text_at("/events/0/type"), "customer.key_rotated");
    drop(li.command(&customer, "notes", json!({"text": "called on Friday"})).await.expect(200));
    drop(admin.command(&customer, "key-rotations", reason).await.expect(200));
    drop(li.command(&customer, "notes", json!({"text": "called on Sunday"})).await.expect(200));

    let sealed = sealed_by(&auditor, &customer).await;
    let all: BTreeSet<&String> = sealed.iter().flatten().collect();
    assert_eq!(all.len(), 3, "one before, one after each change: {sealed:?}");
    assert!(sealed.iter().all(|entry| entry.len() == 1), "{sealed:?}");
    assert_ne!(sealed.first(), sealed.last());
    let timeline = li.get(&format!("/v1/customers/{customer}/timeline?limit=50")).await.expect(200);
    for text in ["called on Monday", "beside 7", "called on Friday", "called on Sunday"] {
        assert!(timeline.text.contains(text), "{text}: {}", timeline.text);
    }
    assert_eq!(li.customer(&customer).await.text_at("/name"), "Harbour Foods");
    let asked = format!("/v1/audit/changes?customer={customer}&type=customer.key_rotated");
    let change = auditor.get(&asked).await.expect(200).items().remove(0);
    assert_eq!(
        (&change["actor"], &change["reason"]),
        (&json!("admin:root"), &json!("Seen in a support case")),
        "{change}"
    );

    // The keys above it are changed, another process reads, the person is erased: all of it as with any other key.
    let rewrapped = ["rotate-root-key", "--reason", "Yearly", "--json"];
    let _ = tokio::task::block_in_place(|| team.installation.run(&rewrapped)).succeeded();
    let timeline = li.get(&format!("/v1/customers/{customer}/timeline?limit=50")).await.expect(200);
    assert!(timeline.text.contains("called on Monday") && timeline.text.contains("called on Sunday"));
    assert_eq!(team.installation.verify().0, 0);
    drop(admin.command(&customer, "erasure", json!({})).await.expect(200));
    let timeline = admin.get(&format!("/v1/customers/{customer}/timeline?limit=50")).await.expect(200);
    assert!(!timeline.text.contains("called on"), "{}", timeline.text);
    drop(
        admin
            .command(&customer, "key-rotations", json!({"reason": "x"}))
            .await
            .refused(409, "customer-erased"),
    );
    let (code, said) = team.installation.verify();
    assert_eq!(code, 0, "{said}");
}
