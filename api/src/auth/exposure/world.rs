//! A company with planted texts: each class of customers has its own, of each sort, so that any answer tells which of
//! them it shows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::auth::scope::Scope;
use crate::domain::{ProfileField, Role};
use crate::http::testing::{Answer, Bench};

/// A class of customers, by what they are to li: a rep of the team of the north.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Li's own.
    Own,
    /// A colleague's in the same region.
    Team,
    /// A pool's in the same region.
    Pool,
    /// Another rep's in another region.
    South,
    /// A pool's in another region.
    Lake,
    /// Li's once, and merged into one of another region since.
    Gone,
    /// Another tenant's.
    Alien,
}

pub(super) const CLASSES: [Class; 7] =
    [Class::Own, Class::Team, Class::Pool, Class::South, Class::Lake, Class::Gone, Class::Alien];

/// How much of a customer an answer shows, or may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Nothing, not even its id.
    Nothing,
    /// Its id, labels, amounts: what figures are made of.
    Business,
    /// What is personal, but no way to reach it.
    Person,
    /// Everything.
    Contact,
}

impl Level {
    pub(super) fn letter(self) -> char {
        match self {
            Self::Nothing => '-',
            Self::Business => 'b',
            Self::Person => 'p',
            Self::Contact => 'c',
        }
    }
}

impl Class {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Team => "team",
            Self::Pool => "pool",
            Self::South => "south",
            Self::Lake => "lake",
            Self::Gone => "gone",
            Self::Alien => "alien",
        }
    }

    fn digit(self) -> usize {
        self as usize + 1
    }

    fn owner(self) -> Option<&'static str> {
        match self {
            Self::Own | Self::Gone => Some("li"),
            Self::Team => Some("zhao"),
            Self::South | Self::Alien => Some("chen"),
            Self::Pool | Self::Lake => None,
        }
    }

    fn region(self) -> &'static str {
        match self {
            Self::South | Self::Lake => "R-South",
            Self::Own | Self::Team | Self::Pool | Self::Gone | Self::Alien => "R-North",
        }
    }

    /// A planted text: `sort` is `b` for business, `p` for personal, `c` for a way to reach somebody.
    pub(super) fn mark(self, sort: char, what: &str) -> String {
        format!("mk{}{sort}{what}", self.word())
    }

    /// A telephone number of the class.
    pub(super) fn phone(self, number: usize) -> String {
        format!("1399{}0{number:05}", self.digit())
    }

    fn contacts(self, number: usize) -> Value {
        json!([
            {"kind": "phone", "value": self.phone(number)},
            {"kind": "email", "value": format!("x{number:03}y-{}-x@mk.example", self.mark('c', "mail"))},
            {"kind": "wechat", "value": format!("w{number:03}y-{}-wx", self.mark('c', "wx"))},
        ])
    }

    /// What it takes to register a customer of the class, with every text that a registration may have.
    pub(super) fn registration(self, number: usize) -> Value {
        let mut body = json!({
            "pipeline": "landian-6", "name": self.mark('p', "name"), "region": self.region(),
            "external_id": format!("{}-{number}", self.mark('b', "ext")),
            "source": self.mark('b', "source"), "channel": self.mark('b', "channel"),
            "tags": [self.mark('b', "tag")], "tier": self.mark('b', "tier"),
            "amount": {"amount": format!("71{}113.07", self.digit()), "currency": "CNY"},
            "contacts": self.contacts(number), "fields": {"story": self.mark('p', "story")},
            "channel_ids": [{"channel": "mini", "id": format!("{}-{number}", self.mark('c', "open"))}],
            "note": format!("{} ring {}", self.mark('p', "first"), self.phone(number)),
        });
        for field in ProfileField::ALL.into_iter().filter(|field| *field != ProfileField::Region) {
            body[field.key()] = self.mark('b', field.key()).into();
        }
        if let Some(owner) = self.owner() {
            body["owner"] = json!({"kind": "rep", "id": owner});
        }
        body
    }

    /// How much of the class a text shows; `ids` are those of its customers.
    pub(super) fn shown_in(self, text: &str, ids: &[String]) -> Level {
        let text = text.to_ascii_lowercase();
        let marked = |sort: char| text.contains(&self.mark(sort, ""));
        let phone = format!("1399{}000", self.digit());
        // Digits within a measured number, as metrics have them, are no telephone.
        let begins = |before: &str| {
            before.ends_with("86") || !before.ends_with(|c: char| c.is_ascii_digit() || c == '.')
        };
        let dialled = text.match_indices(&phone).any(|(at, _)| begins(&text[..at]));
        let amount = format!("71{}113.07", self.digit());
        if marked('c') || dialled {
            Level::Contact
        } else if marked('p') {
            Level::Person
        } else if marked('b') || text.contains(&amount) || ids.iter().any(|id| text.contains(id)) {
            Level::Business
        } else {
            Level::Nothing
        }
    }
}

/// Somebody who calls.
pub(super) struct TestCaller {
    pub(super) word: &'static str,
    /// The key; none for somebody without any.
    pub(super) key: Option<String>,
    /// The person that a front end's key acts for.
    pub(super) acts_for: Option<&'static str>,
    /// How much of a class it may be shown.
    pub(super) may: fn(Class) -> Level,
}

/// The service, the callers, and the customers of each class: the first has everything a customer can have.
pub(super) struct World {
    pub(super) bench: Bench,
    pub(super) callers: Vec<TestCaller>,
    pub(super) customers: Vec<(Class, Vec<String>)>,
    manager: String,
    alien: String,
}

fn li(class: Class) -> Level {
    match class {
        Class::Own | Class::Team => Level::Contact,
        Class::Pool => Level::Person,
        Class::South | Class::Lake | Class::Gone | Class::Alien => Level::Nothing,
    }
}

fn of_no_region(class: Class) -> Level {
    match class {
        Class::Own | Class::Team | Class::South | Class::Gone => Level::Contact,
        Class::Pool | Class::Lake => Level::Person,
        Class::Alien => Level::Nothing,
    }
}

fn leads_the_north(class: Class) -> Level {
    match class {
        Class::Own | Class::Team | Class::Pool => Level::Contact,
        Class::South | Class::Lake | Class::Gone | Class::Alien => Level::Nothing,
    }
}

fn whole(class: Class) -> Level {
    if class == Class::Alien { Level::Nothing } else { Level::Contact }
}

fn figures(class: Class) -> Level {
    if class == Class::Alien { Level::Nothing } else { Level::Business }
}

fn alien(class: Class) -> Level {
    if class == Class::Alien { Level::Contact } else { Level::Nothing }
}

fn nothing(_: Class) -> Level {
    Level::Nothing
}

impl World {
    /// A company with its people, and no customer yet.
    pub(super) async fn new() -> Self {
        let (bench, admin) = Bench::with_pipeline().await;
        let manager = bench.key("manager:wang", &[Role::Manager]).await;
        let desk = bench.key_with("analyst:desk", &[Role::Analyst], BTreeSet::from([Scope::ActAs])).await;
        for (member, role) in
            [("rep:li", "rep"), ("supervisor:zhou", "supervisor"), ("analyst:qian", "analyst")]
        {
            let body = json!({"actor": member, "roles": [role]});
            done(&bench.post(&admin, "/v1/admin/members", &body).await);
        }
        let north = json!({
            "key": "northern", "name": {"zh": "北", "en": "North"}, "supervisors": ["supervisor:zhou"],
            "members": ["li", "zhao"], "regions": ["R-North"],
        });
        // Chen is known from the start: what differs later is that there are customers, not that there is somebody.
        let south = json!({
            "key": "southern", "name": {"zh": "南", "en": "South"}, "members": ["chen"], "regions": ["R-South"],
        });
        for team in [north, south] {
            done(&bench.post(&manager, "/v1/admin/teams", &team).await);
        }
        let alien_key = bench.key_of_another_tenant("manager:jin", &[Role::Manager]).await;
        let made = json!({"key": "landian-6", "template": "landian-6"});
        done(&bench.post(&alien_key, "/v1/pipelines", &made).await);
        let admin_field = json!({"key": "story", "name": {"zh": "故事", "en": "Story"}, "type": "text"});
        done(&bench.post(&admin, "/v1/admin/fields", &admin_field).await);
        let own = |word, key: String, may| TestCaller { word, key: Some(key), acts_for: None, may };
        let mut callers = vec![
            own("li", bench.key("rep:li", &[Role::Rep]).await, li as fn(Class) -> Level),
            own("sun", bench.key("rep:sun", &[Role::Rep]).await, of_no_region),
            own("zhou", bench.key("supervisor:zhou", &[Role::Supervisor]).await, leads_the_north),
            own("manager", manager.clone(), whole),
            own("admin", admin, whole),
            own("auditor", bench.key("auditor:sun", &[Role::Auditor]).await, whole),
            own("analyst", bench.key("analyst:qian", &[Role::Analyst]).await, figures),
            own("alien", alien_key.clone(), alien),
            TestCaller { word: "nobody", key: None, acts_for: None, may: nothing },
        ];
        for (word, acts_for, may) in [
            ("as li", "rep:li", li as fn(Class) -> Level),
            ("as zhou", "supervisor:zhou", leads_the_north as fn(Class) -> Level),
            ("as qian", "analyst:qian", figures as fn(Class) -> Level),
        ] {
            callers.push(TestCaller { word, key: Some(desk.clone()), acts_for: Some(acts_for), may });
        }
        Self { bench, callers, customers: Vec::new(), manager, alien: alien_key }
    }

    /// The ids of a class.
    pub(super) fn of(&self, class: Class) -> &[String] {
        let found = self.customers.iter().find(|(known, _)| *known == class);
        found.map_or(&[], |(_, ids)| ids.as_slice())
    }

    /// The customer of a class that has everything.
    pub(super) fn first(&self, class: Class) -> &str {
        self.of(class).first().map_or("01930000-0000-7000-8000-000000000000", String::as_str)
    }

    fn leader(&self, class: Class) -> &str {
        if class == Class::Alien { &self.alien } else { &self.manager }
    }

    /// Registers a customer of a class, and lets happen to it whatever leaves a text.
    pub(super) async fn seed(&mut self, class: Class) {
        let key = self.leader(class).to_owned();
        if class == Class::Alien {
            // The tenant has no such field.
            let mut body = class.registration(0);
            body.as_object_mut().map(|body| body.remove("fields"));
            let id = self.bench.register(&key, &body).await;
            self.customers.push((class, vec![id]));
            return self.live(class, &key).await;
        }
        let id = self.bench.register(&key, &class.registration(0)).await;
        self.customers.push((class, vec![id]));
        self.live(class, &key).await;
    }

    async fn live(&self, class: Class, key: &str) {
        let text = |what: &str| format!("{} ring {}", class.mark('p', what), class.phone(1));
        let plan = json!({"at": "2026-03-05T02:00:00Z", "text": text("plan")});
        let commands = [
            ("details", json!({"contacts": class.contacts(1)})),
            ("notes", json!({"text": text("note")})),
            (
                "follow-ups",
                json!({
                    "channel": "content", "summary": text("summary"), "next_plan": plan,
                    "content": {"kind": "other", "title": class.mark('p', "title"), "document": class.mark('p', "paper")},
                }),
            ),
            (
                "signals",
                json!({"kind": "rang", "data": {"said": class.mark('p', "said"), "mobile": class.phone(1)}}),
            ),
            (
                "documents",
                json!({
                    "kind": "contract", "name": class.mark('p', "document"), "reference": class.mark('p', "reference"),
                    "sha256": "0".repeat(64),
                }),
            ),
            (
                "transitions",
                json!({
                    "to": "need_confirmed", "note": text("progress"), "next_step": text("step"),
                    "fields": if class == Class::Alien { json!({}) } else { json!({"story": class.mark('p', "brought")}) },
                    "documents": [{"kind": "plan", "name": text("sketch"), "reference": text("drawer"), "sha256": "1".repeat(64)}],
                }),
            ),
            ("risk", json!({"at_risk": true, "reason": text("risk")})),
            (
                "scores",
                json!({"model": "churn", "version": "1", "score": "0.5", "explanation": text("because")}),
            ),
        ];
        for (what, body) in commands {
            let path = format!("/v1/customers/{}/{what}", self.first(class));
            done(&self.bench.post(key, &path, &body).await);
        }
        let lead = json!({
            "pipeline": "landian-6", "source": class.mark('b', "touch"), "note": text("touch"),
            "contacts": [{"kind": "phone", "value": class.phone(1)}],
        });
        done(&self.bench.post(key, "/v1/leads", &lead).await);
    }

    /// Merges the customer of the class that was li's once into one of another region.
    pub(super) async fn merge_away(&self) {
        let path = format!("/v1/customers/{}/merges", self.first(Class::South));
        let body = json!({"absorbed": self.first(Class::Gone), "reason": Class::South.mark('p', "why")});
        done(&self.bench.post(&self.manager, &path, &body).await);
    }

    /// Registers as many more of each class in one commit, for commands to be tried on.
    pub(super) async fn spare(&mut self, each: usize) {
        for class in [Class::Own, Class::Team, Class::Pool, Class::South, Class::Lake] {
            let line = |number| {
                let mut body = class.registration(number);
                body.as_object_mut().map(|body| body.remove("channel_ids"));
                format!("{}\n", json!({"command": "register", "body": body}))
            };
            let lines: String = (2..2 + each).map(line).collect();
            let call = self.bench.call(axum::http::Method::POST, "/v1/bulk?atomic=true").key(&self.manager);
            let replies = call.body("application/x-ndjson", lines).send().await;
            let ids = replies.text.lines().map(|reply| {
                let reply: Value = serde_json::from_str(reply).unwrap();
                reply["result"]["id"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
            });
            let ids: Vec<String> = ids.collect();
            let held = self.customers.iter_mut().find(|(known, _)| *known == class);
            held.unwrap().1.extend(ids);
        }
        self.bench.catch_up().await;
    }
}

/// Insists that something was done.
#[track_caller]
pub(super) fn done(answer: &Answer) {
    assert!(answer.status.is_success(), "{}", answer.text);
}
