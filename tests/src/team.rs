//! A sales team at work: a served database with one pipeline, and people with credentials.

use serde_json::{Value, json};

use crate::{Client, Installation, Server};

/// An installation with a running server and a pipeline made from a template, under the template's name.
#[derive(Debug)]
pub struct Team {
    /// The database and its command line.
    pub installation: Installation,
    /// The process that serves it.
    pub server: Server,
    /// The pipeline's key.
    pub pipeline: String,
}

impl Team {
    /// A fresh team that works by this template.
    pub async fn on(template: &str) -> Self {
        let installation = Installation::new();
        let server = installation.serve();
        let created = server.admin().create_pipeline(template).await;
        assert_eq!(created.status, 201, "{}", created.text);
        Self { installation, server, pipeline: template.to_owned() }
    }

    /// A fresh team that works by this template, whose rules act.
    pub async fn with_rules(template: &str) -> Self {
        let installation = Installation::new();
        let server = installation.serve_with_rules();
        let created = server.admin().create_pipeline(template).await;
        assert_eq!(created.status, 201, "{}", created.text);
        Self { installation, server, pipeline: template.to_owned() }
    }

    /// A sales rep, by name (`li` is the actor `rep:li`).
    #[must_use]
    pub fn rep(&self, name: &str) -> Client {
        self.person("rep", name)
    }

    /// A manager, by name.
    #[must_use]
    pub fn manager(&self, name: &str) -> Client {
        self.person("manager", name)
    }

    /// An analyst, by name.
    #[must_use]
    pub fn analyst(&self, name: &str) -> Client {
        self.person("analyst", name)
    }

    /// An auditor, by name.
    #[must_use]
    pub fn auditor(&self, name: &str) -> Client {
        self.person("auditor", name)
    }

    /// The administrator.
    #[must_use]
    pub fn admin(&self) -> Client {
        self.server.admin()
    }

    fn person(&self, role: &str, name: &str) -> Client {
        self.server.with_key(&self.installation.key(&format!("{role}:{name}"), &[role]))
    }

    /// What it takes to register a customer of this name; it begins in the pipeline's default pool.
    #[must_use]
    pub fn customer(&self, name: &str) -> Value {
        json!({"pipeline": self.pipeline, "name": name})
    }

    /// What it takes to register a customer of this name for a rep.
    #[must_use]
    pub fn customer_of(&self, rep: &str, name: &str) -> Value {
        json!({"pipeline": self.pipeline, "name": name, "owner": {"kind": "rep", "id": rep}})
    }
}

/// The documents that the templates want on record for a move into a stage: what its `documents` bring.
#[must_use]
pub fn papers(stage: &str) -> Value {
    let kinds: &[&str] = match stage {
        "quoted" | "proposal" => &["quote_receipt_confirmed"],
        "won" | "partially_won" => &["contract_signed"],
        _ => &[],
    };
    let paper = |kind: &&str| json!({"kind": kind, "reference": "drawer 7", "sha256": "0f".repeat(32)});
    kinds.iter().map(paper).collect()
}
