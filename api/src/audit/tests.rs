//! What a history tells is kept from page to page: the same as folded from the log, at the cost of what is new.

use serde_json::{Value, json};
use uuid::Uuid;

use super::history::FOLDED;
use super::{Histories, Search, page};
use crate::app::Caller;
use crate::domain::{Actor, Role};
use crate::http::testing::Bench;

/// A company in which changes are looked through, of one customer.
struct Company {
    bench: Bench,
    admin: String,
    auditor: String,
    customer: String,
}

impl Company {
    async fn new() -> Self {
        let (bench, admin) = Bench::with_pipeline().await;
        let auditor = bench.key("auditor:qian", &[Role::Auditor]).await;
        let contacts = json!([{"kind": "phone", "value": "+8613800138000"}]);
        let body = json!({"pipeline": "landian-6", "name": "Harbour", "contacts": contacts});
        let customer = bench.register(&admin, &body).await;
        Self { bench, admin, auditor, customer }
    }

    async fn told(&self, what: &str, body: Value) -> Value {
        let path = format!("/v1/customers/{}/{what}", self.customer);
        let answer = self.bench.post(&self.admin, &path, &body).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text);
        answer.json()
    }

    async fn renamed(&self, times: usize) {
        for time in 0..times {
            self.told("details", json!({"name": format!("Harbour {time}")})).await;
        }
    }

    /// The customer's changes as somebody is answered, five a page, and how many entries were folded for them.
    async fn pages(&self, key: &str) -> (Vec<Value>, usize) {
        let before = FOLDED.get();
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/audit/changes?customer={}&limit=5{cursor}", self.customer);
            let answer = self.bench.get(key, &path).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let mut page = answer.json();
            all.append(page["items"].as_array_mut().unwrap());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return (all, FOLDED.get() - before),
            }
        }
    }

    /// The same by what these histories keep, or else folded for each page.
    async fn pages_by(&self, histories: Option<&Histories>) -> (Vec<Value>, usize) {
        let before = FOLDED.get();
        let actor = Actor::new("auditor:qian", [Role::Auditor]);
        let caller = Caller { tenant: self.bench.tenant(), actor, via: None, origin: None, endpoint: None };
        let search = Search { customer: Some(self.customer.parse::<Uuid>().unwrap()), ..Search::default() };
        let (mut all, mut below) = (Vec::new(), None);
        loop {
            let nothing = Histories::default();
            let histories = histories.unwrap_or(&nothing);
            let found = page(&self.bench.app, histories, &caller, &search, below, 5).await.unwrap();
            all.extend(found.findings.iter().map(|found| serde_json::to_value(&found.change).unwrap()));
            match found.next {
                Some(next) => below = Some(next),
                None => return (all, FOLDED.get() - before),
            }
        }
    }

    /// Insists that what is kept tells what the log tells, and answers it.
    async fn is_as_the_log_tells(&self) -> String {
        let (kept, _) = self.pages(&self.auditor).await;
        let (fresh, _) = self.pages_by(None).await;
        assert_eq!(kept, fresh);
        Value::Array(kept).to_string()
    }
}

#[tokio::test]
async fn pages_of_a_long_history_fold_each_of_its_changes_once() {
    for changes in [40, 80] {
        let company = Company::new().await;
        company.renamed(changes - 1).await;
        let (told, folded) = company.pages(&company.auditor).await;
        assert_eq!((told.len(), folded), (changes, changes));
        let (fresh, folded) = company.pages_by(None).await;
        assert_eq!(told, fresh);
        assert_eq!(folded, changes * (changes / 5), "which is what it took before");
        assert_eq!(company.pages(&company.auditor).await, (told, 0), "nothing is new");
        company.renamed(1).await;
        assert_eq!(company.pages(&company.auditor).await.1, 1);
        company.is_as_the_log_tells().await;
    }
}

#[tokio::test]
async fn what_comes_later_is_shown_of_a_change_that_was_looked_at_before() {
    let company = Company::new().await;
    let entered = json!({"to": "need_confirmed", "note": "budget 20,000", "next_step": "send a proposal"});
    let moved = company.told("transitions", entered).await["events"][0]["id"].clone();
    company.is_as_the_log_tells().await;
    let corrected = json!({"corrects": moved, "kind": "void", "reason": "wrong button"});
    let correction = company.told("corrections", corrected).await["events"][0]["id"].clone();
    let (told, _) = company.pages(&company.auditor).await;
    let change = told.iter().find(|change| change["id"] == moved).unwrap();
    assert_eq!(change["superseded_by"], correction);
    company.is_as_the_log_tells().await;
}

#[tokio::test]
async fn what_was_kept_of_a_history_goes_with_the_person_and_with_whom_it_was_one() {
    let company = Company::new().await;
    let contacts = json!([{"kind": "phone", "value": "+8613911113333"}]);
    let body = json!({"pipeline": "landian-6", "name": "Quay", "contacts": contacts});
    let other = company.bench.register(&company.admin, &body).await;
    company.renamed(2).await;
    company.told("merges", json!({"absorbed": other})).await;
    let with_both = company.is_as_the_log_tells().await;
    assert!(with_both.contains("+8613911113333") && with_both.contains("Harbour 1"), "{with_both}");
    company.told("unmerges", json!({"absorbed": other, "reason": "two of a name"})).await;
    company.is_as_the_log_tells().await;

    let erasure = format!("/v1/customers/{other}/erasure");
    assert_eq!(company.bench.post(&company.admin, &erasure, &json!({})).await.status, 200);
    let without = company.is_as_the_log_tells().await;
    assert!(!without.contains("+8613911113333") && without.contains("Harbour 1"), "{without}");
    company.told("erasure", json!({})).await;
    let without = company.is_as_the_log_tells().await;
    assert!(!without.contains("Harbour") && !without.contains("+8613800138000"), "{without}");
}

#[tokio::test]
async fn what_was_kept_for_one_serves_the_others_of_the_company_and_nobody_else() {
    let company = Company::new().await;
    company.renamed(3).await;
    let (told, folded) = company.pages(&company.auditor).await;
    assert_eq!((told.len(), folded), (4, 4));
    assert_eq!(company.pages(&company.admin).await, (told, 0));
    let another = company.bench.key_of_another_tenant("auditor:qian", &[Role::Auditor]).await;
    assert_eq!(company.pages(&another).await, (Vec::new(), 0));
}

#[tokio::test]
async fn a_history_that_is_too_long_to_be_kept_whole_is_told_all_the_same() {
    let mut company = Company::new().await;
    company.renamed(39).await;
    let (fresh, for_each_page) = company.pages_by(None).await;
    // Some pages are kept at a time, or not one change.
    for (most_bytes, at_most) in [(16_000, 5 * 40), (1, for_each_page)] {
        let histories = Histories::of(most_bytes, 100_000);
        for _ in 0..2 {
            let (told, folded) = company.pages_by(Some(&histories)).await;
            assert_eq!(told, fresh);
            assert!(folded > 40 && folded <= at_most, "{folded}");
        }
    }
    // Where there is no room for two, the one that was not used for longest goes; one stays, whatever it takes.
    let histories = Histories::of(100_000, 1);
    for folded in [40, 0] {
        assert_eq!(company.pages_by(Some(&histories)).await, (fresh.clone(), folded));
    }
    let body = json!({"pipeline": "landian-6", "name": "Quay"});
    let other = company.bench.register(&company.admin, &body).await;
    let long = std::mem::replace(&mut company.customer, other);
    assert_eq!(company.pages_by(Some(&histories)).await.1, 1);
    company.customer = long;
    assert_eq!(company.pages_by(Some(&histories)).await, (fresh, 40));
}
