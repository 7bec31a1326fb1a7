//! Changes the key that signs a tenant's log.
//!
//! First the new key is on disk in the key file, then the event says that it signs, then a checkpoint that has the event is signed
//! by the old key and the new one. What a crash leaves: before the event, a key that signs nothing and is taken by the next
//! change; after it, a head that the next look at the log's heads signs, by both.

use serde_json::{Map, Value};
use waymark_domain::company::{CompanyCommand, PublicKey, Rotation};
use waymark_eventstore::ledger::Verifier;

use crate::app::{App, AppError, Caller, CommandAnswer, CommandMeta};
use crate::checkpoint_signer::{CheckpointSigner, CheckpointSignerError};

/// A change as it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct RotationRequest {
    /// Why.
    pub(crate) reason: String,
    /// For how many seconds the old key signs beside the new one.
    pub(crate) overlap_seconds: u64,
}

/// Why the key was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RotationError {
    /// It was refused, or the log cannot take it.
    #[error(transparent)]
    App(#[from] AppError),
    /// What signs now is missing here, or the key file cannot be replaced.
    #[error(transparent)]
    Signer(#[from] CheckpointSignerError),
}

/// Changes the key. The answer names the new one.
///
/// # Errors
/// [`RotationError`]: nothing is changed then.
pub(crate) async fn rotate(
    app: &App,
    signer: &CheckpointSigner,
    caller: &Caller,
    meta: &CommandMeta,
    RotationRequest { reason, overlap_seconds }: RotationRequest,
) -> Result<CommandAnswer, RotationError> {
    let keys = signer.keys(caller.tenant).await?;
    let Some(current) = keys.last() else {
        return Err(AppError::Unreadable("a log without any key".to_owned()).into());
    };
    let command = |key: PublicKey| {
        CompanyCommand::RotateSigningKey(Rotation {
            key,
            replaces: public(&current.verifier),
            overlap_seconds,
            reason: reason.clone(),
        })
    };
    // What is refused makes no key.
    let not_made_yet = PublicKey { key_id: String::new(), vkey: String::new() };
    app.dry_run_configure(caller, &command(not_made_yet)).await?;
    let key = public(&signer.prepare_key(caller.tenant).await?);
    let resource = [("key_id", key.key_id.clone()), ("vkey", key.vkey.clone())];
    let resource = resource.map(|(name, value)| (name.to_owned(), Value::String(value)));
    let answer = app.configure(caller, meta, &command(key), Map::from_iter(resource)).await?;
    // The event is in the log, so the key is changed: whatever fails from here on is made up for when heads are signed next.
    if let Err(error) = signer.sign_head(caller.tenant).await {
        tracing::error!(%error, "the first checkpoint after a change of the key was not signed");
    }
    signer.publish_keys().await;
    Ok(answer)
}

fn public(key: &Verifier) -> PublicKey {
    PublicKey { key_id: format!("{:08x}", key.id()), vkey: key.to_vkey() }
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, StatusCode};
    use serde_json::json;
    use waymark_domain::{Actor, Role};
    use waymark_eventstore::ledger::{Trust, Verdict, verify};

    use super::*;
    use crate::http::testing::{Answer, Bench};
    use crate::secrets::Secrets;
    use crate::signing_keys::{SigningKeyError, successions};

    const DAYS: i64 = 24;

    /// A service with people who look and change.
    struct Story {
        bench: Bench,
        admin: String,
        auditor: String,
    }

    impl std::ops::Deref for Story {
        type Target = Bench;

        fn deref(&self) -> &Bench {
            &self.bench
        }
    }

    async fn story() -> Story {
        let bench = Bench::new().await;
        let admin = bench.key("admin:root", &[Role::Admin]).await;
        let auditor = bench.key("auditor:qian", &[Role::Auditor]).await;
        Story { bench, admin, auditor }
    }

    async fn changed(bench: &Story, overlap_seconds: u64) -> Answer {
        let body = json!({"reason": "Yearly rotation", "overlap_seconds": overlap_seconds});
        bench.call(Method::POST, "/v1/audit/keys/rotations").key(&bench.admin).json(&body).send().await
    }

    /// Something happens, and how many keys sign the head then.
    async fn signatures(bench: &Story, something: &str) -> usize {
        grow(bench, something).await;
        let note = bench.signer().sign_head(bench.tenant()).await.unwrap().note;
        note.lines().filter(|line| line.starts_with('\u{2014}')).count()
    }

    async fn grow(bench: &Story, name: &str) {
        let body = json!({"key": name, "name": {"zh": "组", "en": "Team"}, "supervisors": [], "members": []});
        let set = bench.post(&bench.admin, "/v1/admin/teams", &body).await;
        assert!(set.status.is_success(), "{}", set.text);
    }

    async fn states(bench: &Story) -> Vec<(String, String)> {
        let listed = bench.call(Method::GET, "/v1/audit/keys").key(&bench.auditor).send().await;
        let text = |key: &Value, field: &str| key[field].as_str().unwrap().to_owned();
        let keys = listed.json()["items"].as_array().unwrap().clone();
        keys.iter().map(|key| (text(key, "key_id"), text(key, "state"))).collect()
    }

    fn words(states: &[(String, String)]) -> Vec<&str> {
        states.iter().map(|(_, state)| state.as_str()).collect()
    }

    /// What a verification with one of the log's keys says.
    async fn verdict(bench: &Story, key: &Verifier) -> Verdict {
        let store = bench.signer().store();
        let found = successions(&*bench.app().store, bench.tenant(), u64::MAX).await.unwrap();
        let successions = found.into_iter().map(|(change, _)| change).collect();
        let trust = Trust { keys: vec![key.clone()], successions, ..Trust::default() };
        verify(store, bench.tenant(), &trust, &mut |_, _| {}).await.unwrap()
    }

    async fn sound_by_every_key(bench: &Story) {
        for key in bench.signer().keys(bench.tenant()).await.unwrap() {
            let verdict = verdict(bench, &key.verifier).await;
            assert!(matches!(verdict, Verdict::Sound(_)), "{:08x}: {verdict:?}", key.verifier.id());
        }
    }

    #[tokio::test]
    async fn both_keys_sign_for_the_overlap_and_then_the_new_one_alone() {
        let bench = story().await;
        grow(&bench, "before").await;
        assert_eq!(words(&states(&bench).await), ["active"]);
        let answer = changed(&bench, 30 * 86_400).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(words(&states(&bench).await), ["retiring", "active"]);
        assert_eq!(states(&bench).await[1].0, answer.json()["key_id"].as_str().unwrap());
        assert_eq!(signatures(&bench, "during").await, 2);
        bench.later(30 * DAYS);
        bench.later_by(-1);
        assert_eq!(signatures(&bench, "still").await, 2);
        bench.later_by(1);
        assert_eq!(words(&states(&bench).await), ["retired", "active"]);
        assert_eq!(signatures(&bench, "after").await, 1);
        sound_by_every_key(&bench).await;
    }

    #[tokio::test]
    async fn a_key_changed_again_within_the_overlap_leaves_three_that_sign() {
        let bench = story().await;
        for expected in [2, 3] {
            assert_eq!(changed(&bench, 10 * 86_400).await.status, StatusCode::OK);
            assert_eq!(signatures(&bench, &format!("t{expected}")).await, expected);
            bench.later(6 * DAYS);
        }
        // The first overlap is over, the second is not.
        assert_eq!(words(&states(&bench).await), ["retired", "retiring", "active"]);
        assert_eq!(signatures(&bench, "t4").await, 2);
        bench.later(6 * DAYS);
        assert_eq!(signatures(&bench, "t5").await, 1);
        bench.signer().sign_heads().await.unwrap();
        // What signs no more is not kept: the second key's secret is gone, that of the installation stays for other logs.
        let secrets = Secrets::find(&bench.key_file().into()).unwrap().unwrap();
        assert_eq!(secrets.log_seeds[&bench.tenant().0].len(), 1);
        assert_eq!(signatures(&bench, "t6").await, 1);
        sound_by_every_key(&bench).await;
    }

    #[tokio::test]
    async fn without_an_overlap_the_old_key_signs_the_change_and_nothing_after_it() {
        let bench = story().await;
        grow(&bench, "before").await;
        assert_eq!(changed(&bench, 0).await.status, StatusCode::OK);
        assert_eq!(words(&states(&bench).await), ["retired", "active"]);
        assert_eq!(signatures(&bench, "after").await, 1);
        sound_by_every_key(&bench).await;
    }

    #[tokio::test]
    async fn a_crash_after_the_key_was_written_leaves_one_that_the_next_change_takes() {
        let bench = story().await;
        let made = bench.signer().prepare_key(bench.tenant()).await.unwrap();
        // It signs nothing, and nobody hears of it.
        assert_eq!(signatures(&bench, "between").await, 1);
        assert_eq!(words(&states(&bench).await), ["active"]);
        let answer = changed(&bench, 60).await;
        assert_eq!(answer.json()["vkey"].as_str().unwrap(), made.to_vkey());
    }

    #[tokio::test]
    async fn a_crash_after_the_event_leaves_a_head_that_both_keys_sign_however_late() {
        let bench = story().await;
        let old = bench.signer().keys(bench.tenant()).await.unwrap().remove(0).verifier;
        let made = bench.signer().prepare_key(bench.tenant()).await.unwrap();
        let rotation = Rotation {
            key: public(&made),
            replaces: public(&old),
            overlap_seconds: 60,
            reason: "Yearly rotation".to_owned(),
        };
        let caller = Caller {
            tenant: bench.tenant(),
            actor: Actor::new("admin:root", [Role::Admin]),
            via: None,
            origin: None,
            endpoint: None,
        };
        let command = CompanyCommand::RotateSigningKey(rotation.clone());
        let meta = CommandMeta::default();
        bench.app().configure(&caller, &meta, &command, Map::new()).await.unwrap();
        // Another one, who knew the old key, comes too late.
        let other = Rotation { key: PublicKey { key_id: "00".to_owned(), ..public(&old) }, ..rotation };
        let late = CompanyCommand::RotateSigningKey(other);
        let refused = bench.app().configure(&caller, &meta, &late, Map::new()).await.unwrap_err();
        assert!(matches!(refused, AppError::Refused(refusal) if refusal.code == "signing-key-changed"));
        bench.later(30 * DAYS);
        assert_eq!(signatures(&bench, "late").await, 2, "the overlap is over, the change not signed yet");
        assert_eq!(signatures(&bench, "later").await, 1);
        sound_by_every_key(&bench).await;
    }

    #[tokio::test]
    async fn a_node_without_the_new_key_signs_nothing_until_it_gets_it() {
        let bench = story().await;
        grow(&bench, "before").await;
        let keys = bench.key_file().with_file_name("other.keys");
        std::fs::copy(bench.key_file(), &keys).unwrap();
        let other = bench.another_signer(&keys);
        other.sign_head(bench.tenant()).await.unwrap();
        assert_eq!(changed(&bench, 86_400).await.status, StatusCode::OK);
        for _ in 0..2 {
            let refused = other.sign_head(bench.tenant()).await.unwrap_err();
            let missing = matches!(refused, CheckpointSignerError::Key(SigningKeyError::Missing { .. }));
            assert!(missing, "{refused}");
            assert!(other.sign_heads().await.is_err());
        }
        assert_eq!(other.missing_keys().await, [states(&bench).await[1].0.clone()]);
        sound_by_every_key(&bench).await;
        std::fs::copy(bench.key_file(), &keys).unwrap();
        assert!(other.missing_keys().await.is_empty());
        grow(&bench, "after").await;
        other.sign_heads().await.unwrap();
        sound_by_every_key(&bench).await;
        other.refuse_rollback().await.unwrap();
    }

    #[tokio::test]
    async fn a_note_that_is_signed_again_keeps_what_others_signed_of_it() {
        let bench = story().await;
        grow(&bench, "before").await;
        assert_eq!(changed(&bench, 60).await.status, StatusCode::OK);
        // The change is the last entry. Another node, which remembers nothing, signs the same head after the overlap.
        bench.later(1);
        let other = bench.another_signer(&bench.key_file());
        other.sign_heads().await.unwrap();
        let notes = bench.signer().store().checkpoints(bench.tenant()).await.unwrap();
        let (_, last) = notes.last().unwrap();
        assert_eq!(last.lines().filter(|line| line.starts_with('\u{2014}')).count(), 2);
        sound_by_every_key(&bench).await;
    }

    #[tokio::test]
    async fn what_is_refused_makes_no_key() {
        let bench = story().await;
        for (body, field) in [
            (json!({"reason": " "}), "reason"),
            (json!({"reason": "r", "overlap_seconds": 31_536_001}), "overlap_seconds"),
        ] {
            let call = bench.call(Method::POST, "/v1/audit/keys/rotations").key(&bench.admin);
            let refused = call.json(&body).send().await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(refused.json()["violations"][0]["field"], field, "{}", refused.text);
        }
        let by_auditor = bench.call(Method::POST, "/v1/audit/keys/rotations").key(&bench.auditor);
        let refused = by_auditor.json(&json!({"reason": "r"})).send().await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(Secrets::find(&bench.key_file().into()).unwrap().unwrap().log_seeds.is_empty());
        assert_eq!(words(&states(&bench).await), ["active"]);
    }
}
