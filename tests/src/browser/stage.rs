//! What journeys through the console share: one server and one browser for all that run at the same time.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::json;

use crate::{Browser, Client, Page, Team};

/// A team at work, and a browser to look at it.
#[derive(Debug)]
pub struct Stage {
    /// The team, with both pipelines.
    pub team: Team,
    /// The browser.
    pub browser: Browser,
}

impl Stage {
    /// The pipeline that most journeys go through: its moves ask for nothing.
    pub const PIPELINE: &str = "landian-6";
    /// One whose moves ask for something.
    pub const STRICT: &str = "helloword-13";

    /// The one that is in use, or a new one; none where there is no browser.
    pub async fn shared() -> Option<Arc<Self>> {
        static IN_USE: Mutex<Weak<Stage>> = Mutex::new(Weak::new());
        // Those who come first at the same time wait for one of them.
        static BEING_MADE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _made = BEING_MADE.lock().await;
        let in_use = || IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = in_use().upgrade();
        if shared.is_some() {
            return shared;
        }
        let stage = Arc::new(Self { browser: Browser::start()?, team: Team::on(Self::PIPELINE).await });
        assert_eq!(stage.team.admin().create_pipeline(Self::STRICT).await.status, 201);
        *in_use() = Arc::downgrade(&stage);
        Some(stage)
    }

    /// A page of nobody, in English.
    #[must_use]
    pub fn page(&self) -> Page {
        let page = self.browser.page(self.team.server.address());
        page.cookie("waymark_language", "en");
        page
    }

    /// A page of somebody, in English.
    #[must_use]
    pub fn page_of(&self, person: &Client) -> Page {
        let page = self.page();
        page.cookie("waymark_session", person.key().unwrap_or_default());
        page
    }

    /// A customer of a rep's, which the board shows.
    pub async fn customer(&self, rep: &Client, owner: &str, name: &str) -> String {
        let body = self.team.customer_of(owner, name);
        self.registered(rep, body).await
    }

    /// The same in the pipeline whose moves ask for something.
    pub async fn strict_customer(&self, rep: &Client, owner: &str, name: &str) -> String {
        let owner = json!({"kind": "rep", "id": owner});
        self.registered(rep, json!({"pipeline": Self::STRICT, "name": name, "owner": owner})).await
    }

    async fn registered(&self, rep: &Client, body: serde_json::Value) -> String {
        let id = rep.register(body).await;
        let _ = rep.customer(&id).await;
        id
    }
}
