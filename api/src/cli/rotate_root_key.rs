//! `waymark rotate-root-key`: changes the key that everything personal is sealed under.

use clap::Args;
use serde_json::{Value, json};

use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::installation::Installation;
use crate::operator::operator;
use crate::root_key_rotation::{Rewrapped, RootRotation};

/// Change the key that everything personal is sealed under. The service may be running: it takes the new key from the key file.
/// A run that was interrupted is taken up by the next one.
#[derive(Debug, Args)]
pub(super) struct RotateRootKey {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Why: it is part of the event in each tenant's log.
    #[arg(long)]
    reason: String,
    /// Only put the new key into the key file. Where several nodes have copies of it, give them this file before the keys are
    /// rewrapped by a run without this flag.
    #[arg(long)]
    prepare: bool,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// What is said at the end.
struct RotationReport {
    key_id: String,
    replaces: String,
    set_aside: String,
    tenants: Vec<(String, Rewrapped)>,
}

impl RotateRootKey {
    pub(super) async fn run(self) -> Result<(), Failure> {
        super::require(&self.database).await?;
        let installation = Installation::open(&self.database).await?;
        let done = self.rotate(&installation).await;
        let closed = installation.close().await;
        self.tell(&done?)?;
        Ok(closed?)
    }

    async fn rotate(&self, at: &Installation) -> Result<RotationReport, Failure> {
        for (_, tenant) in at.admin().tenants().await?.into_iter().take(1) {
            RootRotation::refuse_unusable(at, &at.system_caller(tenant, &operator()), &self.reason).await?;
        }
        let set_aside = at.key_file().change_root()?.display().to_string();
        let (key_id, replaces) = at.key_file().root_change().unwrap_or_default();
        let mut told = RotationReport { key_id, replaces, set_aside, tenants: Vec::new() };
        if self.prepare {
            return Ok(told);
        }
        let Some(rotation) = RootRotation::begin(at, &self.reason).await? else { return Ok(told) };
        // Again until nothing was left to do: tenants may come while this runs.
        loop {
            let known = told.tenants.len();
            for (name, tenant) in at.admin().tenants().await? {
                let caller = at.system_caller(tenant, &operator());
                told.tenants.extend(rotation.rewrap(&caller).await?.map(|done| (name, done)));
            }
            if told.tenants.len() == known {
                break;
            }
        }
        at.key_file().forget_former_root()?;
        Ok(told)
    }

    fn tell(&self, told: &RotationReport) -> Result<(), Failure> {
        let RotationReport { key_id, replaces, set_aside, tenants } = told;
        if self.json {
            let tenants: Vec<Value> = tenants
                .iter()
                .map(|(tenant, Rewrapped { keys, secrets })| {
                    json!({"tenant": tenant, "keys": keys, "secrets": secrets})
                })
                .collect();
            let told =
                json!({"key_id": key_id, "replaces": replaces, "set_aside": set_aside, "tenants": tenants});
            return Ok(output::json(&told)?);
        }
        output::table(&[
            ("root key", key_id.clone()),
            ("replaces", replaces.clone()),
            ("former key file", set_aside.clone()),
        ]);
        for (tenant, Rewrapped { keys, secrets }) in tenants {
            output::table(&[
                ("tenant", tenant.clone()),
                ("keys", keys.to_string()),
                ("secrets", secrets.to_string()),
            ]);
        }
        Ok(())
    }
}
