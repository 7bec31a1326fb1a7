//! Two records are merged, parted, merged again, changed and forgotten in any order: a person who is forgotten is found by nothing any
//! more, one who is not is found by what is its own, and the log is sound at every step.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use waymark_tests::{Client, Installation, Team};

/// Who is merged with whom is drawn from this number of people.
const PEOPLE: usize = 4;
const SEQUENCES: u64 = 3;
const STEPS: usize = 14;

fn contacts<'a>(phones: impl IntoIterator<Item = &'a String>) -> Value {
    phones.into_iter().map(|phone| json!({"kind": "phone", "value": phone})).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_merged_and_parted_is_forgotten_alone_and_the_log_is_sound() {
    let team = Team::on("landian-6").await;
    let admin = team.admin();
    let (own, theirs) = ("+8613800138001".to_owned(), "+8613800138002".to_owned());
    let mut known = team.customer("Harbour Foods");
    known["contacts"] = contacts([&own]);
    let survivor = admin.register(known).await;
    let person = json!({"pipeline": "landian-6", "contacts": contacts([&theirs]), "name": "Zhang Weiming"});
    let _ = admin.command(&survivor, "details", json!({"clear": ["name"]})).await.expect(200);
    let absorbed = admin.register(person).await;
    let merge = json!({"absorbed": absorbed, "reason": "one person"});
    let _ = admin.command(&survivor, "merges", merge).await.expect(200);
    let both = json!({"contacts": contacts([&own, &theirs])});
    let _ = admin.command(&survivor, "details", both).await.expect(200);
    let parted = json!({"absorbed": absorbed, "reason": "two brothers"});
    let _ = admin.command(&survivor, "unmerges", parted).await.expect(200);
    assert_eq!(admin.customer(&survivor).await.at("/name"), "Zhang Weiming");
    let tags = stored(&team.installation).await;
    let first_of = |customer: &str| {
        let id = customer.replace('-', "");
        tags.iter().find(|(_, _, subject)| *subject == id).map(|(_, tag, _)| tag.clone()).unwrap_or_default()
    };
    let (own_tag, their_tag) = (first_of(&survivor), first_of(&absorbed));
    let times = tags.iter().filter(|(_, tag, _)| *tag == their_tag).count();
    assert_eq!(times, 3, "registered, absorbed, said again: {tags:?}");

    let _ = admin.command(&absorbed, "erasure", json!({"ground": "request"})).await.expect(200);

    let left = stored(&team.installation).await;
    assert!(left.iter().all(|(_, tag, _)| *tag != their_tag), "{left:?}");
    assert!(left.iter().any(|(_, tag, _)| *tag == own_tag), "{left:?}");
    let shown = admin.customer(&survivor).await;
    assert!(!shown.text.contains("Weiming") && !shown.text.contains(&theirs), "{}", shown.text);
    let head = admin.head().await;
    let listed = admin.get(&format!("/v1/customers?q=Weiming&min_position={head}")).await.expect(200);
    assert!(listed.items().is_empty(), "{}", listed.text);
    let again = json!({"pipeline": "landian-6", "name": "x", "contacts": contacts([&own])});
    let refused = admin.post("/v1/customers", again).await.refused(409, "duplicate-customer");
    assert_eq!(refused.text_at("/customer_id"), survivor);
    let (code, said) = team.installation.verify();
    assert_eq!(code, 0, "{said}");
    let Team { installation, server, .. } = team;
    assert_eq!(server.stop(), 0);
    for what in [vec!["rebuild", "tags"], vec!["rebuild"]] {
        let ran = installation.run(&what);
        assert_eq!(ran.code, 0, "{what:?}: {}", ran.said());
    }
    let (code, said) = installation.verify();
    assert_eq!(code, 0, "{said}");
}

/// The blind tags, in the order of their entries: position, tag, and the id of the entry's customer in hexadecimal.
async fn stored(installation: &Installation) -> Vec<(i64, String, String)> {
    let url = installation.database();
    if installation.postgres().is_some() {
        const TAGS: &str = "SELECT position, tag, replace(blind_subject::text, '-', '') FROM event_tag \
                            WHERE blind_subject IS NOT NULL ORDER BY position, tag";
        let mut database = PgConnection::connect(&url).await.expect("the database opens");
        return sqlx::query_as(TAGS).fetch_all(&mut database).await.expect("the tags can be read");
    }
    const TAGS: &str = "SELECT position, tag, lower(hex(blind_subject)) FROM event_tag \
                        WHERE blind_subject IS NOT NULL ORDER BY position, tag";
    let mut database = SqliteConnection::connect(&url).await.expect("the database opens");
    sqlx::query_as(TAGS).fetch_all(&mut database).await.expect("the tags can be read")
}

/// An entry that says by which telephones a record is recognised: each with the records that it is about.
struct SpokenRecord {
    record: usize,
    phones: Vec<(String, BTreeSet<usize>)>,
}

/// What ought to be: an account of its own of who has which telephone, and what is left of it.
#[derive(Default)]
struct Account {
    ids: Vec<String>,
    erased: BTreeSet<usize>,
    merged_into: BTreeMap<usize, usize>,
    /// The entries, in their order.
    said: Vec<SpokenRecord>,
}

impl Account {
    fn is_left(&self, about: &BTreeSet<usize>) -> bool {
        about.is_disjoint(&self.erased)
    }

    /// The telephones of a record as its last entry has them; empty texts where somebody's erasure took them.
    fn phones(&self, record: usize) -> Vec<String> {
        let last = self.said.iter().rev().find(|said| said.record == record);
        let phones = last.map(|said| said.phones.as_slice()).unwrap_or_default();
        let readable = |(phone, about): &(String, BTreeSet<usize>)| {
            if self.is_left(about) { phone.clone() } else { String::new() }
        };
        phones.iter().map(readable).collect()
    }

    /// The records that are merged into one, those that are merged into these included.
    fn absorbed(&self, record: usize) -> BTreeSet<usize> {
        let direct = self.merged_into.iter().filter(|(_, into)| **into == record).map(|(one, _)| *one);
        direct.flat_map(|one| self.absorbed(one).into_iter().chain([one])).collect()
    }

    /// A record says its telephones. Those of `all` are about the whole entry.
    fn say(&mut self, record: usize, phones: &[String], all: &[usize]) {
        let mut others = self.absorbed(record);
        for one in all {
            others.extend(self.absorbed(*one));
        }
        let about = |phone: &String| {
            let theirs = others.iter().filter(|other| self.phones(**other).contains(phone)).copied();
            (phone.clone(), theirs.chain([record]).chain(all.iter().copied()).collect())
        };
        let phones = phones.iter().filter(|phone| !phone.is_empty()).map(about).collect();
        self.said.push(SpokenRecord { record, phones });
    }

    fn merge(&mut self, survivor: usize, absorbed: usize) {
        let (own, theirs) = (self.phones(survivor), self.phones(absorbed));
        let added = theirs.into_iter().filter(|phone| !own.contains(phone)).collect::<Vec<_>>();
        if !added.is_empty() {
            self.say(survivor, &[own, added].concat(), &[absorbed]);
        }
        self.merged_into.insert(absorbed, survivor);
    }

    fn unmerge(&mut self, survivor: usize, absorbed: usize) {
        let (own, theirs) = (self.phones(survivor), self.phones(absorbed));
        let kept = own.iter().filter(|phone| !theirs.contains(phone)).cloned().collect::<Vec<_>>();
        if kept.len() < own.len() {
            self.say(survivor, &kept, &[]);
        }
        self.merged_into.remove(&absorbed);
    }

    fn erase(&mut self, record: usize) {
        let records = self.absorbed(record);
        self.erased.extend(records);
        self.erased.insert(record);
    }

    fn survivor(&self, record: usize) -> usize {
        self.merged_into.get(&record).map_or(record, |into| self.survivor(*into))
    }

    /// Who must be found by a telephone.
    fn found_by(&self, phone: &str) -> BTreeSet<&str> {
        let people = (0..self.ids.len()).filter(|one| !self.erased.contains(one));
        let found = people.filter(|one| self.phones(*one).iter().any(|held| held == phone));
        found.map(|one| self.ids[self.survivor(one)].as_str()).collect()
    }

    /// What must be stored: of each entry that has any, its customer and its telephones.
    fn expected(&self) -> Vec<(String, BTreeSet<&str>)> {
        let all = self.said.iter().map(|said| {
            let left = said.phones.iter().filter(|(_, about)| self.is_left(about));
            let phones: BTreeSet<&str> = left.map(|(phone, _)| phone.as_str()).collect();
            (self.ids[said.record].replace('-', ""), phones)
        });
        all.filter(|(_, phones)| !phones.is_empty()).collect()
    }
}

/// The same of what is stored; `words` says which tag stands for which telephone.
fn grouped<'a>(
    tags: &[(i64, String, String)],
    words: &'a BTreeMap<String, String>,
) -> Vec<(String, BTreeSet<&'a str>)> {
    let mut entries: BTreeMap<i64, (String, BTreeSet<&str>)> = BTreeMap::new();
    for (position, tag, subject) in tags {
        let entry = entries.entry(*position).or_insert_with(|| (subject.clone(), BTreeSet::new()));
        entry.1.insert(words.get(tag).map_or("a tag of no telephone", String::as_str));
    }
    entries.into_values().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_merged_parted_changed_and_erased_in_any_order_leaves_what_it_ought_to() {
    for seed in 0..SEQUENCES {
        let mut chance = StdRng::seed_from_u64(seed);
        let installation = Installation::new();
        let key = installation.key("admin:root", &["admin"]);
        let mut server = installation.serve();
        let mut admin = server.with_key(&key);
        let _ = admin.create_pipeline("landian-6").await.expect(201);
        let phones: Vec<String> = (0..=PEOPLE).map(|n| format!("+8613800138{n:03}")).collect();
        let (mut account, mut words) = (Account::default(), BTreeMap::new());
        for (n, phone) in phones.iter().enumerate().take(PEOPLE) {
            let person = json!({"pipeline": "landian-6", "name": format!("Person {n}"), "contacts": contacts([phone])});
            account.ids.push(admin.register(person).await);
            account.say(n, std::slice::from_ref(phone), &[]);
            let tags = stored(&installation).await;
            words.extend(tags.last().map(|(_, tag, _)| (tag.clone(), phone.clone())));
        }
        let mut story = Vec::new();
        for step in 0..STEPS {
            let done = act(&admin, &mut account, &phones, &mut chance).await;
            story.push(done);
            if step == STEPS / 2 {
                assert_eq!(server.stop(), 0);
                server = installation.serve();
                admin = server.with_key(&key);
            }
            let stored = stored(&installation).await;
            // The last telephone is nobody's at first: its tag is the one that is new.
            if let Some((_, tag, _)) = stored.iter().find(|(_, tag, _)| !words.contains_key(tag)) {
                words.insert(tag.clone(), phones[PEOPLE].clone());
            }
            assert_eq!(grouped(&stored, &words), account.expected(), "seed {seed}: {story:#?}");
            let (code, said) = installation.verify();
            assert_eq!(code, 0, "seed {seed}: {story:#?}: {said}");
            for phone in &phones {
                let found = account.found_by(phone);
                if found.is_empty() {
                    continue;
                }
                let body = json!({"pipeline": "landian-6", "name": "again", "contacts": contacts([phone])});
                let refused = admin.post("/v1/customers", body).await.refused(409, "duplicate-customer");
                let named = refused.text_at("/customer_id");
                assert!(found.contains(named.as_str()), "seed {seed}: {phone}: {named}: {story:#?}");
            }
        }
        assert_eq!(server.stop(), 0);
        for what in [&["rebuild", "tags"][..], &["rebuild"]] {
            let ran = installation.run(what);
            assert_eq!(ran.code, 0, "seed {seed}: {story:#?}: {}", ran.said());
        }
    }
}

/// Does something at random, notes it in the account where it was accepted, and says what it was.
async fn act(admin: &Client, account: &mut Account, phones: &[String], chance: &mut StdRng) -> String {
    let (one, other) = (chance.random_range(0..PEOPLE), chance.random_range(0..PEOPLE));
    let (this, that) = (account.ids[one].clone(), account.ids[other].clone());
    let what = chance.random_range(0..20);
    let status = match what {
        0..7 => {
            let answer = admin.command(&this, "merges", json!({"absorbed": that})).await;
            if answer.status == 200 {
                account.merge(one, other);
            }
            answer.status
        }
        7..12 => {
            let Some((other, one)) = account.merged_into.iter().nth(other % account.merged_into.len().max(1))
            else {
                return "nobody is merged".to_owned();
            };
            let (one, other) = (*one, *other);
            let body = json!({"absorbed": account.ids[other], "reason": "two"});
            let answer = admin.command(&account.ids[one].clone(), "unmerges", body).await;
            if answer.status == 200 {
                account.unmerge(one, other);
            }
            return format!("unmerge {other} from {one}: {}", answer.status);
        }
        12..18 => {
            let said: Vec<String> =
                phones.iter().filter(|_| chance.random_range(0..2) == 0).cloned().collect();
            let answer = admin.command(&this, "details", json!({"contacts": contacts(&said)})).await;
            if answer.status == 200 {
                account.say(one, &said, &[]);
            }
            return format!("{one} says {said:?}: {}", answer.status);
        }
        _ => {
            let answer = admin.command(&this, "erasure", json!({"ground": "request"})).await;
            if answer.status == 200 {
                account.erase(one);
            }
            return format!("erase {one}: {}", answer.status);
        }
    };
    format!("merge {other} into {one}: {status}")
}
