//! Durable idempotency.

use super::{Bench, OTHER, TENANT, appended, contract, receipt};
use crate::{Append, Outcome, Query, Receipt, StoreError};

contract!(
    a_resent_success_gets_the_first_answer,
    a_resent_refusal_gets_the_first_answer,
    another_request_under_the_same_id_is_refused,
    a_resend_is_answered_though_its_condition_fails_now,
    a_resend_is_answered_though_its_event_ids_are_taken_now,
    a_resend_is_answered_though_it_comes_too_late_now,
    a_conflict_leaves_no_receipt,
    receipts_are_kept_by_tenant,
    an_unknown_command_has_no_receipt,
    a_receipt_keeps_any_bytes_and_any_id,
    a_receipt_of_a_refusal_names_the_head,
    an_old_refusal_is_forgotten_and_nothing_else,
);

fn command(bench: &Bench, id: &str, digest: u8) -> Append {
    Append { receipt: receipt(id, digest, "done"), ..Append::new(TENANT, vec![bench.event("e", &["a"])]) }
}

fn repeated(outcome: Result<Outcome, StoreError>) -> Receipt {
    match outcome {
        Ok(Outcome::Repeated(receipt)) => receipt,
        other => panic!("not recognised as a repeat: {other:?}"),
    }
}

async fn a_resent_success_gets_the_first_answer(bench: Bench) {
    bench.tagged(&[]).await;
    let done = appended(bench.store.append(command(&bench, "c", 1)).await);
    let again = repeated(bench.store.append(command(&bench, "c", 1)).await);
    assert_eq!((again.first_position, again.count, again.recorded_at), (2, 1, done.recorded_at));
    assert_eq!(again.outcome, b"done");
    assert_eq!(bench.head().await, 2);
    assert_eq!(bench.store.receipt(TENANT, "c").await.unwrap(), Some(again));
}

async fn a_resent_refusal_gets_the_first_answer(bench: Bench) {
    let refusal =
        || Append { receipt: receipt("c", 1, "quota-exhausted"), ..Append::new(TENANT, Vec::new()) };
    assert_eq!(appended(bench.store.append(refusal()).await).count, 0);
    assert_eq!(repeated(bench.store.append(refusal()).await).outcome, b"quota-exhausted");
    assert_eq!(bench.head().await, 0);
}

async fn another_request_under_the_same_id_is_refused(bench: Bench) {
    appended(bench.store.append(command(&bench, "c", 1)).await);
    let other = bench.store.append(command(&bench, "c", 2)).await;
    assert!(matches!(other, Err(StoreError::CommandIdReused)), "{other:?}");
    assert_eq!(bench.head().await, 1);
}

async fn a_resend_is_answered_though_its_condition_fails_now(bench: Bench) {
    let conditional = || Append { condition: Some(Query::tag("a").none_after(0)), ..command(&bench, "c", 1) };
    appended(bench.store.append(conditional()).await);
    repeated(bench.store.append(conditional()).await);
}

async fn a_resend_is_answered_though_its_event_ids_are_taken_now(bench: Bench) {
    let request = command(&bench, "c", 1);
    appended(bench.store.append(request.clone()).await);
    repeated(bench.store.append(request).await);
}

async fn a_resend_is_answered_though_it_comes_too_late_now(bench: Bench) {
    let bound = super::new_year() + chrono::TimeDelta::seconds(1);
    let bounded = || Append { must_record_before: Some(bound), ..command(&bench, "c", 1) };
    appended(bench.store.append(bounded()).await);
    bench.advance(chrono::TimeDelta::days(1));
    repeated(bench.store.append(bounded()).await);
}

async fn a_conflict_leaves_no_receipt(bench: Bench) {
    bench.tagged(&["a"]).await;
    let request = Append { condition: Some(Query::tag("a").none_after(0)), ..command(&bench, "c", 1) };
    assert!(matches!(bench.store.append(request).await, Err(StoreError::Conflict { .. })));
    assert_eq!(bench.store.receipt(TENANT, "c").await.unwrap(), None);
    appended(bench.store.append(command(&bench, "c", 2)).await);
}

async fn receipts_are_kept_by_tenant(bench: Bench) {
    appended(bench.store.append(command(&bench, "c", 1)).await);
    let theirs = Append { tenant: OTHER, ..command(&bench, "c", 2) };
    appended(bench.store.append(theirs).await);
}

async fn an_unknown_command_has_no_receipt(bench: Bench) {
    assert_eq!(bench.store.receipt(TENANT, "c").await.unwrap(), None);
}

async fn a_receipt_keeps_any_bytes_and_any_id(bench: Bench) {
    let mut request = command(&bench, "命令 '\" \u{0} 🦀", 1);
    let draft = request.receipt.as_mut().unwrap();
    draft.outcome = (0..=255).collect();
    appended(bench.store.append(request).await);
    let kept = bench.store.receipt(TENANT, "命令 '\" \u{0} 🦀").await.unwrap().unwrap();
    assert_eq!(kept.outcome, (0..=255).collect::<Vec<u8>>());
}

async fn a_receipt_of_a_refusal_names_the_head(bench: Bench) {
    bench.tagged(&[]).await;
    let refusal = Append { receipt: receipt("c", 1, "no"), ..Append::new(TENANT, Vec::new()) };
    appended(bench.store.append(refusal).await);
    let kept = bench.store.receipt(TENANT, "c").await.unwrap().unwrap();
    assert_eq!((kept.first_position, kept.count), (1, 0));
}

async fn an_old_refusal_is_forgotten_and_nothing_else(bench: Bench) {
    let refusal = |tenant, id: &str| Append {
        tenant,
        receipt: receipt(id, 1, "no"),
        ..Append::new(TENANT, Vec::new())
    };
    let odd = "命令 '\" \u{0} 🦀";
    for (tenant, id) in [(TENANT, "old"), (TENANT, odd), (TENANT, "unnamed"), (OTHER, "old")] {
        appended(bench.store.append(refusal(tenant, id)).await);
    }
    appended(bench.store.append(command(&bench, "success", 1)).await);
    bench.advance(chrono::TimeDelta::days(30));
    appended(bench.store.append(refusal(TENANT, "young")).await);
    let bound = bench.store.receipt(TENANT, "young").await.unwrap().unwrap().recorded_at;
    let named = || ["old", odd, "success", "young", "unknown"].map(str::to_owned).to_vec();
    assert_eq!(bench.store.forget_refusals(TENANT, named(), bound).await.unwrap(), 2);
    assert_eq!(bench.store.forget_refusals(TENANT, named(), bound).await.unwrap(), 0);
    for (tenant, id, is_kept) in [
        (TENANT, "old", false),
        (TENANT, odd, false),
        (TENANT, "unnamed", true),
        (TENANT, "success", true),
        (TENANT, "young", true),
        (OTHER, "old", true),
    ] {
        assert_eq!(bench.store.receipt(tenant, id).await.unwrap().is_some(), is_kept, "{id:?}");
    }
    // What was forgotten is decided again, and remembered again.
    appended(bench.store.append(refusal(TENANT, "old")).await);
    repeated(bench.store.append(refusal(TENANT, "old")).await);
    repeated(bench.store.append(command(&bench, "success", 1)).await);
}
