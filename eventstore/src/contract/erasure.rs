//! Keys, sealed fields, and what an erasure takes away.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Bench, OTHER, TENANT, appended, conflict_at, contract};
use crate::vault::{
    ActorKey, ActorText, AlsoAbout, OfActor, Opening, RewrappedKey, RootKey, SubjectKey, Vault, WrappedKey,
};
use crate::{Append, Entry, EventStore, Query, StoreError};

contract!(
    a_new_key_is_stored_with_its_append,
    a_refused_append_stores_no_key,
    a_subject_gets_no_second_key,
    the_same_key_again_is_harmless,
    an_erasure_destroys_the_key_and_changes_no_entry,
    an_erasure_deletes_the_blind_tags_of_its_subject_only,
    a_tag_of_another_subjects_entry_goes_with_an_erasure,
    an_erasure_is_counted,
    an_erased_subject_gets_no_new_key,
    keys_are_kept_by_tenant,
    the_first_tenant_key_stays,
    a_sealed_field_is_unreadable_in_the_log_and_opens_for_readers,
    an_erasure_is_honoured_at_once_though_the_key_was_cached,
    an_erasure_by_another_vault_is_honoured,
    many_documents_of_many_subjects_open_together,
    an_unknown_key_is_an_error_and_never_erased,
    a_field_moved_to_another_place_does_not_open,
    what_is_about_two_subjects_is_gone_with_either,
    a_field_that_is_about_three_is_gone_with_any_of_them_and_its_neighbour_stays,
    what_was_sealed_under_one_is_gone_with_another_that_it_is_about,
    what_is_sealed_of_an_actor_is_gone_with_the_key_and_what_follows_has_the_next_one,
    what_is_sealed_of_an_actor_opens_for_that_actor_and_event_alone,
    what_is_sealed_with_a_key_from_before_an_erasure_is_not_appended,
    a_changed_key_opens_what_it_sealed_before_and_seals_by_other_bytes,
    a_key_that_is_stored_otherwise_by_now_is_not_changed,
    a_wrong_root_key_opens_nothing,
    blind_tags_differ_by_tenant_kind_and_value,
);

const LI: Uuid = Uuid::from_u128(0x11);
const WANG: Uuid = Uuid::from_u128(0x22);

fn key(subject: Uuid, number: u8) -> WrappedKey {
    let key_id = Uuid::from_u128(u128::from(number));
    WrappedKey { key_id, subject, wrapped: vec![number; 60], destroyed: false }
}

fn with_key(bench: &Bench, key: WrappedKey) -> Append {
    Append { new_keys: vec![key], ..Append::new(TENANT, vec![bench.event("e", &[])]) }
}

fn erasure(bench: &Bench, subject: Uuid) -> Append {
    Append { erase_subjects: vec![subject], ..Append::new(TENANT, vec![bench.event("erased", &[])]) }
}

fn vault(bench: &Bench) -> Vault {
    let store: Arc<dyn EventStore> = bench.store.clone();
    Vault::new(store, RootKey([7; 32]))
}

/// Appends an event of this subject with a sealed name, under a new key.
async fn sealed_event(bench: &Bench, vault: &Vault, subject: Uuid, name: &str) -> Entry {
    let random = [subject.as_bytes()[15]; 32];
    let key_id = Uuid::from_u128(subject.as_u128() + 0x1000);
    let (key, wrapped) = vault.data_key_for_new(TENANT, subject, random, key_id).await.unwrap();
    let mut event = bench.event("registered", &["a"]);
    event.data =
        json!({ "name": { "$personal": name }, "phones": [{ "$personal": { "e164": "+86" } }], "n": 1 });
    vault.seal(TENANT, subject, event.id, &mut event.data, &key);
    let request = Append { new_keys: vec![wrapped], ..Append::new(TENANT, vec![event]) };
    let position = appended(bench.store.append(request).await).first_position;
    bench.store.read(TENANT, position - 1, 1).await.unwrap().remove(0)
}

fn data(entry: &Entry) -> Value {
    serde_json::from_str(entry.envelope().unwrap().data.get()).unwrap()
}

async fn opened(vault: &Vault, subject: Uuid, entry: &Entry) -> Result<Value, StoreError> {
    let mut data = data(entry);
    let event_id = entry.envelope().unwrap().id;
    vault.open(TENANT, Opening { subject, also: None, event_id, data: &mut data }).await?;
    Ok(data)
}

async fn a_new_key_is_stored_with_its_append(bench: Bench) {
    assert_eq!(bench.store.data_key(TENANT, LI).await.unwrap(), None);
    appended(bench.store.append(with_key(&bench, key(LI, 1))).await);
    assert_eq!(bench.store.data_key(TENANT, LI).await.unwrap(), Some(key(LI, 1)));
}

async fn a_refused_append_stores_no_key(bench: Bench) {
    bench.tagged(&["a"]).await;
    let request = Append { condition: Some(Query::tag("a").none_after(0)), ..with_key(&bench, key(LI, 1)) };
    assert!(bench.store.append(request).await.is_err());
    assert_eq!(bench.store.data_key(TENANT, LI).await.unwrap(), None);
}

async fn a_subject_gets_no_second_key(bench: Bench) {
    appended(bench.store.append(with_key(&bench, key(LI, 1))).await);
    assert_eq!(conflict_at(&bench.store.append(with_key(&bench, key(LI, 2))).await), 1);
    assert_eq!(bench.store.data_key(TENANT, LI).await.unwrap(), Some(key(LI, 1)));
}

async fn the_same_key_again_is_harmless(bench: Bench) {
    appended(bench.store.append(with_key(&bench, key(LI, 1))).await);
    appended(bench.store.append(with_key(&bench, key(LI, 1))).await);
}

async fn an_erasure_destroys_the_key_and_changes_no_entry(bench: Bench) {
    appended(bench.store.append(with_key(&bench, key(LI, 1))).await);
    let (before, root) = (bench.all().await, bench.store.head(TENANT).await.unwrap().root);
    let nothing_appended = Append { events: Vec::new(), ..erasure(&bench, LI) };
    appended(bench.store.append(nothing_appended).await);
    let destroyed = bench.store.data_key(TENANT, LI).await.unwrap().unwrap();
    assert!(destroyed.destroyed && destroyed.wrapped.is_empty());
    assert_eq!(bench.all().await, before);
    assert_eq!(bench.store.head(TENANT).await.unwrap().root, root);
}

async fn an_erasure_deletes_the_blind_tags_of_its_subject_only(bench: Bench) {
    for subject in [LI, WANG] {
        let mut event = bench.event("e", &["a"]);
        event.subject = format!("customer/{subject}");
        event.blind_tags = vec!["phone:x".to_owned()];
        bench.put(vec![event]).await;
    }
    appended(bench.store.append(erasure(&bench, LI)).await);
    assert_eq!(bench.matching(&Query::tag("phone:x")).await, [2]);
    assert_eq!(bench.matching(&Query::tag("a")).await, [1, 2]);
}

async fn a_tag_of_another_subjects_entry_goes_with_an_erasure(bench: Bench) {
    for tags in [["phone:x", "phone:y"], ["phone:y", "phone:z"]] {
        let mut event = bench.event("e", &["a", "b"]);
        event.subject = format!("customer/{WANG}");
        event.blind_tags = tags.map(str::to_owned).to_vec();
        bench.put(vec![event]).await;
    }
    let before = bench.store.erasures(TENANT).await.unwrap();
    // A tag of the entry itself is no blind one: it is hashed, and stays.
    let forget_tags = [(2, "phone:y"), (2, "a")].map(|(position, tag)| (position, tag.to_owned())).to_vec();
    appended(bench.store.append(Append { forget_tags, ..erasure(&bench, LI) }).await);
    assert_eq!(bench.matching(&Query::tag("phone:y")).await, [1]);
    assert_eq!(bench.matching(&Query::tag("phone:z")).await, [2]);
    assert_eq!(bench.matching(&Query::tag("a")).await, [1, 2]);
    assert!(bench.store.erasures(TENANT).await.unwrap() > before);
    let forget_tags = vec![(1, "phone:x".to_owned())];
    appended(bench.store.append(Append { forget_tags, ..Append::new(TENANT, Vec::new()) }).await);
    assert_eq!(bench.matching(&Query::tag("phone:x")).await, [] as [u64; 0]);
    bench.tagged(&["c"]).await;
    let condition = Some(Query::tag("phone:x").none_after(0));
    appended(
        bench.store.append(Append { condition, ..Append::new(TENANT, vec![bench.event("f", &[])]) }).await,
    );
}

async fn an_erasure_is_counted(bench: Bench) {
    assert_eq!(bench.store.erasures(TENANT).await.unwrap(), 0);
    appended(bench.store.append(erasure(&bench, LI)).await);
    bench.tagged(&[]).await;
    assert_eq!(bench.store.erasures(TENANT).await.unwrap(), 1);
    assert_eq!(bench.store.erasures(OTHER).await.unwrap(), 0);
}

async fn an_erased_subject_gets_no_new_key(bench: Bench) {
    appended(bench.store.append(with_key(&bench, key(LI, 1))).await);
    appended(bench.store.append(erasure(&bench, LI)).await);
    for number in [1, 2] {
        conflict_at(&bench.store.append(with_key(&bench, key(LI, number))).await);
    }
}

async fn keys_are_kept_by_tenant(bench: Bench) {
    appended(bench.store.append(with_key(&bench, key(LI, 1))).await);
    assert_eq!(bench.store.data_key(OTHER, LI).await.unwrap(), None);
    appended(bench.store.append(Append { tenant: OTHER, ..with_key(&bench, key(LI, 2)) }).await);
    appended(bench.store.append(erasure(&bench, LI)).await);
    assert_eq!(bench.store.data_key(OTHER, LI).await.unwrap(), Some(key(LI, 2)));
}

async fn the_first_tenant_key_stays(bench: Bench) {
    assert_eq!(bench.store.tenant_key(TENANT, vec![1]).await.unwrap(), [1]);
    assert_eq!(bench.store.tenant_key(TENANT, vec![2]).await.unwrap(), [1]);
    assert_eq!(bench.store.tenant_key(OTHER, vec![3]).await.unwrap(), [3]);
}

async fn a_sealed_field_is_unreadable_in_the_log_and_opens_for_readers(bench: Bench) {
    let vault = vault(&bench);
    let entry = sealed_event(&bench, &vault, LI, "李雷").await;
    let text = String::from_utf8(entry.bytes.to_vec()).unwrap();
    assert!(!text.contains("李雷") && !text.contains("$personal") && text.contains("$sealed"));
    let expected =
        json!({ "name": { "$personal": "李雷" }, "phones": [{ "$personal": { "e164": "+86" } }], "n": 1 });
    assert_eq!(opened(&vault, LI, &entry).await.unwrap(), expected);
    assert!(matches!(vault.data_key(TENANT, LI).await.unwrap(), SubjectKey::Live(_)));
    assert!(matches!(vault.data_key(TENANT, WANG).await.unwrap(), SubjectKey::Never));
}

async fn an_erasure_is_honoured_at_once_though_the_key_was_cached(bench: Bench) {
    let vault = vault(&bench);
    let entry = sealed_event(&bench, &vault, LI, "李雷").await;
    opened(&vault, LI, &entry).await.unwrap();
    appended(bench.store.append(erasure(&bench, LI)).await);
    let erased = json!({ "name": { "$erased": true }, "phones": [{ "$erased": true }], "n": 1 });
    assert_eq!(opened(&vault, LI, &entry).await.unwrap(), erased);
    assert!(matches!(vault.data_key(TENANT, LI).await.unwrap(), SubjectKey::Destroyed));
}

async fn an_erasure_by_another_vault_is_honoured(bench: Bench) {
    let (mine, theirs) = (vault(&bench), vault(&bench));
    let entry = sealed_event(&bench, &mine, LI, "李雷").await;
    let other = sealed_event(&bench, &mine, WANG, "王芳").await;
    opened(&mine, LI, &entry).await.unwrap();
    appended(bench.store.append(erasure(&bench, LI)).await);
    theirs.forget(TENANT, LI);
    assert_eq!(opened(&mine, LI, &entry).await.unwrap()["name"], json!({ "$erased": true }));
    assert_eq!(opened(&mine, WANG, &other).await.unwrap()["name"], json!({ "$personal": "王芳" }));
}

async fn many_documents_of_many_subjects_open_together(bench: Bench) {
    let vault = vault(&bench);
    let li = sealed_event(&bench, &vault, LI, "李雷").await;
    let wang = sealed_event(&bench, &vault, WANG, "王芳").await;
    let fresh = self::vault(&bench);
    let (mut first, mut second, mut plain) = (data(&li), data(&wang), json!({ "n": [1] }));
    let mut openings = [
        Opening { subject: LI, also: None, event_id: li.envelope().unwrap().id, data: &mut first },
        Opening { subject: WANG, also: None, event_id: wang.envelope().unwrap().id, data: &mut second },
        Opening { subject: LI, also: None, event_id: Uuid::nil(), data: &mut plain },
    ];
    fresh.open_all(TENANT, &mut openings).await.unwrap();
    assert_eq!(first["name"], json!({ "$personal": "李雷" }));
    assert_eq!(second["name"], json!({ "$personal": "王芳" }));
    assert_eq!(plain, json!({ "n": [1] }));
}

async fn an_unknown_key_is_an_error_and_never_erased(bench: Bench) {
    let vault = vault(&bench);
    let entry = sealed_event(&bench, &vault, LI, "李雷").await;
    let never_keyed = opened(&vault, WANG, &entry).await;
    assert!(matches!(never_keyed, Err(StoreError::UnknownKey(_))), "{never_keyed:?}");
    sealed_event(&bench, &vault, WANG, "王芳").await;
    let other_key = opened(&vault, WANG, &entry).await;
    assert!(matches!(other_key, Err(StoreError::UnknownKey(_))), "{other_key:?}");
}

async fn a_field_moved_to_another_place_does_not_open(bench: Bench) {
    let vault = vault(&bench);
    let entry = sealed_event(&bench, &vault, LI, "李雷").await;
    let id = entry.envelope().unwrap().id;
    let original = data(&entry);
    let renamed = json!({ "other": original["name"] });
    let mut cut = original.clone();
    cut["name"]["$sealed"]["ciphertext"] = json!("AAAA");
    let mut recommitted = original.clone();
    recommitted["name"]["$sealed"]["commitment"] = json!("AAAA");
    for (mut moved, event_id) in [(original, Uuid::nil()), (renamed, id), (cut, id), (recommitted, id)] {
        let opening = Opening { subject: LI, also: None, event_id, data: &mut moved };
        let outcome = vault.open(TENANT, opening).await;
        assert!(matches!(outcome, Err(StoreError::Damaged { .. })), "{outcome:?}");
    }
}

/// Appends an event of li's with a reason that is about li and wang, sealed under the keys of both.
async fn of_both(bench: &Bench, vault: &Vault) -> Entry {
    let mut keys = Vec::new();
    for subject in [LI, WANG] {
        sealed_event(bench, vault, subject, "name").await;
        match vault.data_key(TENANT, subject).await.unwrap() {
            SubjectKey::Live(key) => keys.push(key),
            SubjectKey::Never | SubjectKey::Destroyed => panic!("no key of {subject}"),
        }
    }
    let mut event = bench.event("distinguished", &["a"]);
    event.data = json!({ "other": WANG, "reason": { "$personal": "two brothers" } });
    let wang = AlsoAbout { subject: WANG, key: &keys[1], fields: None };
    vault.seal_shared(TENANT, event.id, &mut event.data, (LI, &keys[0]), &[wang]);
    let position = bench.put(vec![event]).await.first_position;
    bench.store.read(TENANT, position - 1, 1).await.unwrap().remove(0)
}

async fn what_is_about_two_subjects_is_gone_with_either(bench: Bench) {
    let vault = vault(&bench);
    let entry = of_both(&bench, &vault).await;
    assert!(!String::from_utf8(entry.bytes.to_vec()).unwrap().contains("brothers"));
    let open = json!({ "other": WANG, "reason": { "$personal": "two brothers" } });
    assert_eq!(opened(&vault, LI, &entry).await.unwrap(), open);
    assert_eq!(opened(&self::vault(&bench), LI, &entry).await.unwrap(), open);
    appended(bench.store.append(erasure(&bench, WANG)).await);
    let gone = json!({ "other": WANG, "reason": { "$erased": true } });
    assert_eq!(opened(&vault, LI, &entry).await.unwrap(), gone);
    appended(bench.store.append(erasure(&bench, LI)).await);
    assert_eq!(opened(&vault, LI, &entry).await.unwrap(), gone);
}

async fn a_field_that_is_about_three_is_gone_with_any_of_them_and_its_neighbour_stays(bench: Bench) {
    const ZHAO: Uuid = Uuid::from_u128(0x33);
    let vault = vault(&bench);
    let mut keys = Vec::new();
    for subject in [LI, WANG, ZHAO] {
        sealed_event(&bench, &vault, subject, "name").await;
        match vault.data_key(TENANT, subject).await.unwrap() {
            SubjectKey::Live(key) => keys.push(key),
            SubjectKey::Never | SubjectKey::Destroyed => panic!("no key of {subject}"),
        }
    }
    let mut event = bench.event("changed", &["a"]);
    event.data = json!({ "phones": [{ "$personal": "own" }, { "$personal": "of three" }] });
    let second = ["/phones/1".to_owned()];
    let others = [(WANG, &keys[1]), (ZHAO, &keys[2])];
    let others = others.map(|(subject, key)| AlsoAbout { subject, key, fields: Some(&second) });
    vault.seal_shared(TENANT, event.id, &mut event.data, (LI, &keys[0]), &others);
    let position = bench.put(vec![event]).await.first_position;
    let entry = bench.store.read(TENANT, position - 1, 1).await.unwrap().remove(0);
    let (own, of_three) = (json!({ "$personal": "own" }), json!({ "$personal": "of three" }));
    let gone = json!({ "$erased": true });
    assert_eq!(opened(&self::vault(&bench), LI, &entry).await.unwrap()["phones"], json!([own, of_three]));
    for erased in [WANG, ZHAO, LI] {
        let (mut data, event_id) = (data(&entry), entry.envelope().unwrap().id);
        let mut openings = [Opening { subject: LI, also: None, event_id, data: &mut data }];
        vault.open_without(TENANT, &[erased], &mut openings).await.unwrap();
        let first = if erased == LI { &gone } else { &own };
        assert_eq!(data["phones"], json!([first, gone]), "as if {erased} were erased");
    }
    appended(bench.store.append(erasure(&bench, ZHAO)).await);
    assert_eq!(opened(&vault, LI, &entry).await.unwrap()["phones"], json!([own, gone]));
}

async fn what_was_sealed_under_one_is_gone_with_another_that_it_is_about(bench: Bench) {
    let vault = vault(&bench);
    let entry = sealed_event(&bench, &vault, LI, "李雷").await;
    sealed_event(&bench, &vault, WANG, "王芳").await;
    let name = async |also| {
        let (mut data, event_id) = (data(&entry), entry.envelope().unwrap().id);
        vault.open(TENANT, Opening { subject: LI, also, event_id, data: &mut data }).await.unwrap();
        data["name"].clone()
    };
    let (open, never_keyed) = (json!({ "$personal": "李雷" }), Uuid::from_u128(0x33));
    assert_eq!([name(Some(WANG)).await, name(Some(never_keyed)).await], [open.clone(), open.clone()]);
    appended(bench.store.append(erasure(&bench, WANG)).await);
    assert_eq!([name(Some(WANG)).await, name(None).await], [json!({ "$erased": true }), open]);
}

async fn a_wrong_root_key_opens_nothing(bench: Bench) {
    let entry = sealed_event(&bench, &vault(&bench), LI, "李雷").await;
    let wrong = Vault::new(bench.store.clone(), RootKey([8; 32]));
    assert!(matches!(opened(&wrong, LI, &entry).await, Err(StoreError::Damaged { .. })));
}

async fn blind_tags_differ_by_tenant_kind_and_value(bench: Bench) {
    let vault = vault(&bench);
    let tag = vault.blind_tag(TENANT, "phone", "+8613800000000").await.unwrap();
    assert_eq!(tag, self::vault(&bench).blind_tag(TENANT, "phone", "+8613800000000").await.unwrap());
    assert!(tag.starts_with("phone:") && !tag.contains("138"));
    for (tenant, kind, value) in [
        (OTHER, "phone", "+8613800000000"),
        (TENANT, "email", "+8613800000000"),
        (TENANT, "phone", "+8613800000001"),
    ] {
        let other = vault.blind_tag(tenant, kind, value).await.unwrap();
        assert_ne!(other.split_once(':').unwrap().1, tag.split_once(':').unwrap().1);
    }
}

/// The key of an actor, made where there is none.
async fn actor_key(bench: &Bench, vault: &Vault, actor: &str, number: u8) -> ActorKey {
    let subject = match vault.of_actor(TENANT, actor).await.unwrap() {
        OfActor::Key(key) => return key,
        OfActor::NoneYet(subject) => subject,
        OfActor::NoMore => panic!("no key is left"),
    };
    let key_id = Uuid::from_u128(0xac70 + u128::from(number));
    let (_, wrapped) = vault.data_key_for_new(TENANT, subject, [number; 32], key_id).await.unwrap();
    let alone = Append { new_keys: vec![wrapped], ..Append::new(TENANT, Vec::new()) };
    bench.store.append(alone).await.unwrap();
    match vault.of_actor(TENANT, actor).await.unwrap() {
        OfActor::Key(key) => key,
        OfActor::NoneYet(_) | OfActor::NoMore => panic!("the key was stored"),
    }
}

async fn what_is_sealed_of_an_actor_is_gone_with_the_key_and_what_follows_has_the_next_one(bench: Bench) {
    let (vault, actor) = (vault(&bench), "rep:li");
    let head = bench.store.head(TENANT).await.unwrap().position;
    let first = actor_key(&bench, &vault, actor, 1).await;
    assert_eq!(bench.store.head(TENANT).await.unwrap().position, head, "a key alone is no entry");
    let [one, two] = [1, 2].map(Uuid::from_u128);
    let sealed = vault.seal_of_actor(TENANT, one, &first, "203.0.113.9");
    let at = |event_id, sealed| ActorText { actor, event_id, sealed };
    let opened = vault.open_of_actors(TENANT, &[at(one, &sealed)]).await.unwrap();
    assert_eq!(opened, [Some("203.0.113.9".to_owned())]);
    let subject = vault.subject_of_actor(TENANT, actor).await.unwrap().unwrap();
    bench.store.append(erasure(&bench, subject)).await.unwrap();
    assert_eq!(vault.open_of_actors(TENANT, &[at(one, &sealed)]).await.unwrap(), [None]);
    assert_eq!(vault.subject_of_actor(TENANT, actor).await.unwrap(), None);
    let next = actor_key(&bench, &vault, actor, 2).await;
    let later = vault.seal_of_actor(TENANT, two, &next, "203.0.113.10");
    let both = vault.open_of_actors(TENANT, &[at(one, &sealed), at(two, &later)]).await.unwrap();
    assert_eq!(both, [None, Some("203.0.113.10".to_owned())]);
}

async fn what_is_sealed_with_a_key_from_before_an_erasure_is_not_appended(bench: Bench) {
    let (vault, actor) = (vault(&bench), "rep:li");
    assert!(vault.kept_of_actor(TENANT, actor).is_none());
    actor_key(&bench, &vault, actor, 1).await;
    let kept = vault.kept_of_actor(TENANT, actor).unwrap();
    let sealed_with = |key: &ActorKey| Append {
        erasures_seen: Some(key.erasures()),
        ..Append::new(TENANT, vec![bench.event("a", &["x"])])
    };
    appended(bench.store.append(sealed_with(&kept)).await);
    // Another process destroys the key: this vault does not hear of it.
    let subject = self::vault(&bench).subject_of_actor(TENANT, actor).await.unwrap().unwrap();
    bench.store.append(erasure(&bench, subject)).await.unwrap();
    let head = bench.store.head(TENANT).await.unwrap().position;
    let outdated = bench.store.append(sealed_with(&kept)).await;
    assert!(matches!(outdated, Err(StoreError::Conflict { position }) if position == head), "{outdated:?}");
    assert_eq!(bench.store.head(TENANT).await.unwrap().position, head);
    let next = actor_key(&bench, &vault, actor, 2).await;
    appended(bench.store.append(sealed_with(&next)).await);
}

/// An append that changes a key.
fn changing(bench: &Bench, key: RewrappedKey) -> Append {
    Append { changed_keys: vec![key], ..Append::new(TENANT, vec![bench.event("changed", &[])]) }
}

async fn a_changed_key_opens_what_it_sealed_before_and_seals_by_other_bytes(bench: Bench) {
    let other_process = vault(&bench);
    let vault = vault(&bench);
    let before = sealed_event(&bench, &vault, LI, "李雷").await;
    assert!(opened(&other_process, LI, &before).await.is_ok());
    for number in 1..3 {
        let erasures = bench.store.erasures(TENANT).await.unwrap();
        let key = vault.changed_key(TENANT, LI, [number; 32]).await.unwrap().unwrap();
        appended(bench.store.append(changing(&bench, key)).await);
        assert_eq!(bench.store.erasures(TENANT).await.unwrap(), erasures + 1, "processes read keys again");
    }
    // A process that had the key in memory seals by the new bytes as well.
    let SubjectKey::Live(key) = other_process.data_key(TENANT, LI).await.unwrap() else {
        panic!("it has a key")
    };
    let mut event = bench.event("noted", &["a"]);
    event.data = json!({ "name": { "$personal": "Li Lei" } });
    vault.seal(TENANT, LI, event.id, &mut event.data, &key);
    let position = bench.put(vec![event]).await.first_position;
    let after = bench.store.read(TENANT, position - 1, 1).await.unwrap().remove(0);
    let [old, new] = [&before, &after].map(|entry| data(entry)["name"]["$sealed"].clone());
    assert_eq!(old["key"], new["key"]);
    assert_ne!(old["commitment"], new["commitment"]);
    for vault in [&vault, &other_process, &self::vault(&bench)] {
        assert_eq!(opened(vault, LI, &before).await.unwrap()["name"], json!({ "$personal": "李雷" }));
        assert_eq!(opened(vault, LI, &after).await.unwrap()["name"], json!({ "$personal": "Li Lei" }));
    }
    appended(bench.store.append(erasure(&bench, LI)).await);
    for entry in [&before, &after] {
        assert_eq!(opened(&vault, LI, entry).await.unwrap()["name"], json!({ "$erased": true }));
    }
}

async fn a_key_that_is_stored_otherwise_by_now_is_not_changed(bench: Bench) {
    let vault = vault(&bench);
    assert_eq!(vault.changed_key(TENANT, LI, [1; 32]).await.unwrap(), None);
    sealed_event(&bench, &vault, LI, "李雷").await;
    let [one, other] = [vault.changed_key(TENANT, LI, [1; 32]), vault.changed_key(TENANT, LI, [2; 32])];
    let (one, other) = (one.await.unwrap().unwrap(), other.await.unwrap().unwrap());
    appended(bench.store.append(changing(&bench, one)).await);
    let head = bench.head().await;
    assert_eq!(conflict_at(&bench.store.append(changing(&bench, other)).await), head);
    let late = vault.changed_key(TENANT, LI, [3; 32]).await.unwrap().unwrap();
    let other_tenant = Append { tenant: OTHER, ..changing(&bench, late.clone()) };
    assert!(bench.store.append(other_tenant).await.is_err());
    appended(bench.store.append(erasure(&bench, LI)).await);
    assert_eq!(conflict_at(&bench.store.append(changing(&bench, late)).await), head + 1);
    assert!(bench.store.data_key(TENANT, LI).await.unwrap().unwrap().destroyed);
    assert_eq!(vault.changed_key(TENANT, LI, [4; 32]).await.unwrap(), None);
}

async fn what_is_sealed_of_an_actor_opens_for_that_actor_and_event_alone(bench: Bench) {
    let vault = vault(&bench);
    let li = actor_key(&bench, &vault, "rep:li", 1).await;
    actor_key(&bench, &vault, "rep:wang", 2).await;
    let [one, two] = [1, 2].map(Uuid::from_u128);
    let sealed = vault.seal_of_actor(TENANT, one, &li, "here");
    let open = async |actor, event_id, sealed: &str| {
        vault.open_of_actors(TENANT, &[ActorText { actor, event_id, sealed }]).await
    };
    assert!(matches!(open("rep:wang", one, &sealed).await, Err(StoreError::UnknownKey(_))));
    assert!(matches!(open("rep:nobody", one, &sealed).await, Err(StoreError::UnknownKey(_))));
    assert!(matches!(open("rep:li", two, &sealed).await, Err(StoreError::Damaged { .. })));
    for broken in ["", "AAAA", "!", &sealed[..sealed.len() - 4]] {
        assert!(matches!(open("rep:li", one, broken).await, Err(StoreError::Damaged { .. })), "{broken}");
    }
}
