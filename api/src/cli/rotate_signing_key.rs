//! `waymark rotate-signing-key`: changes the key that signs checkpoints.

use clap::Args;
use serde_json::{Value, json};
use waymark_domain::company::DEFAULT_OVERLAP_SECONDS;
use waymark_eventstore::TenantId;

use super::{Failure, output};
use crate::app::CommandMeta;
use crate::config::DatabaseArgs;
use crate::installation::Installation;
use crate::operator::operator;
use crate::signing_key_rotation::{RotationRequest, rotate};

/// Change the key that signs checkpoints. The service may be running: it takes the new key from the key file.
#[derive(Debug, Args)]
pub(super) struct RotateSigningKey {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant whose log is signed with another key.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The logs of all tenants, each with a key of its own.
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
    /// Why: it is part of the event.
    #[arg(long)]
    reason: String,
    /// For how many seconds the old key signs beside the new one: 0 where it must not sign any more.
    #[arg(long, default_value_t = DEFAULT_OVERLAP_SECONDS)]
    overlap_seconds: u64,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// A log whose key was changed.
struct Rotated {
    tenant: String,
    key_id: String,
    vkey: String,
}

impl RotateSigningKey {
    pub(super) async fn run(self) -> Result<(), Failure> {
        super::require(&self.database).await?;
        let installation = Installation::open(&self.database).await?;
        let mut rotated = Vec::new();
        let done = self.rotate_each(&installation, &mut rotated).await;
        let closed = installation.close().await;
        self.tell(&rotated)?;
        done?;
        Ok(closed?)
    }

    async fn rotate_each(&self, at: &Installation, rotated: &mut Vec<Rotated>) -> Result<(), Failure> {
        let tenants: Vec<(String, TenantId)> = match self.all {
            true => at.admin().tenants().await?,
            false => vec![(self.tenant.clone(), super::known(at, &self.tenant).await?)],
        };
        for (name, tenant) in tenants {
            rotated.push(self.rotate(at, name, tenant).await?);
        }
        Ok(())
    }

    async fn rotate(&self, at: &Installation, tenant: String, id: TenantId) -> Result<Rotated, Failure> {
        let caller = at.system_caller(id, &operator());
        let asked = RotationRequest { reason: self.reason.clone(), overlap_seconds: self.overlap_seconds };
        let answer = rotate(&at.app, &at.checkpoint_signer, &caller, &CommandMeta::default(), asked).await?;
        let text =
            |name: &str| answer.resource.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Rotated { tenant, key_id: text("key_id"), vkey: text("vkey") })
    }

    fn tell(&self, rotated: &[Rotated]) -> Result<(), Failure> {
        if self.json {
            let rotated: Vec<Value> = rotated
                .iter()
                .map(|Rotated { tenant, key_id, vkey }| {
                    json!({"tenant": tenant, "key_id": key_id, "vkey": vkey})
                })
                .collect();
            return Ok(output::json(&rotated)?);
        }
        for Rotated { tenant, key_id, vkey } in rotated {
            output::table(&[
                ("tenant", tenant.clone()),
                ("key", key_id.clone()),
                ("public key", vkey.clone()),
            ]);
        }
        Ok(())
    }
}
