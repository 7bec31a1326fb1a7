//! Changes the root key, and rewraps everything that is sealed under it, while the service runs.
//!
//! First the new key is on disk in the key file, the old one beside it, and the file as it was is set aside. Then each tenant's key
//! is replaced ([`Replacement`]), the keys of its people and the secrets of its receivers are rewrapped, the event says so, and
//! the tenant's former key is forgotten. Last the old root key is taken out of the key file. What a crash leaves: one of these
//! states, in each of which everything opens, and from which the next run goes on.

use serde_json::Map;
use uuid::Uuid;
use waymark_domain::company::{CompanyCommand, RootKeyRotated};
use waymark_eventstore::TenantId;
use waymark_eventstore::vault::Replacement;

use crate::ambient::random_bytes;
use crate::app::{AppError, Caller, CommandMeta};
use crate::auth::AdminError;
use crate::installation::Installation;
use crate::log::Log;
use crate::outbound::OutboundError;

/// Data keys wrapped in one transaction: writers wait that long.
const KEYS_PER_TRANSACTION: u32 = 200;

/// Why the keys of a tenant were not rewrapped, or not all of them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootRotationError {
    /// The event was refused, or the log cannot be read or written.
    #[error(transparent)]
    App(#[from] AppError),
    /// The secrets of receivers cannot be read or written.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The fingerprint of the keys cannot be written.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// What was rewrapped of a tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rewrapped {
    /// Keys of people.
    pub(crate) keys: usize,
    /// Secrets of receivers.
    pub(crate) secrets: usize,
}

/// A change of the root key that is in the key file.
pub(crate) struct RootRotation<'a> {
    at: &'a Installation,
    change: (String, String),
    reason: &'a str,
}

impl<'a> RootRotation<'a> {
    /// The change that is in the key file; none where that has one root key. From here on the database is known by the new key:
    /// it is refused to anyone who has the old one alone.
    ///
    /// # Errors
    /// When the fingerprint cannot be written.
    pub(crate) async fn begin(
        at: &'a Installation,
        reason: &'a str,
    ) -> Result<Option<Self>, RootRotationError> {
        let Some(change) = at.key_file().root_change() else { return Ok(None) };
        at.admin().replace_fingerprint(&at.key_file().fingerprint()).await?;
        Ok(Some(Self { at, change, reason }))
    }

    /// What the event of a change would be refused for.
    ///
    /// # Errors
    /// The refusal; or the log cannot be read.
    pub(crate) async fn refuse_unusable(
        at: &Installation,
        caller: &Caller,
        reason: &str,
    ) -> Result<(), RootRotationError> {
        let unknown = || (String::new(), String::new());
        let command = command(&at.key_file().root_change().unwrap_or_else(unknown), reason);
        Ok(at.app.dry_run_configure(caller, &command).await?)
    }

    /// Rewraps what is sealed of a tenant. None where nothing is left to do.
    ///
    /// # Errors
    /// When something does not open, or cannot be read or written. What was rewrapped stays so, and everything opens.
    pub(crate) async fn rewrap(&self, caller: &Caller) -> Result<Option<Rewrapped>, RootRotationError> {
        let (tenant, random) = (caller.tenant, [random_bytes(), random_bytes()]);
        let (store, roots) = (self.at.store.clone(), self.at.key_file());
        let replacement = Replacement::begin(store, roots, tenant, random).await.map_err(AppError::from)?;
        let Some(replacement) = replacement else { return Ok(None) };
        let mut done = Rewrapped::default();
        // Once more than there was something to do: the second look finds nothing, unless the first met what was just written.
        loop {
            let keys = rewrap_keys(&replacement, tenant).await?;
            let secrets = self.reseal(&replacement, tenant).await?;
            if keys + secrets == 0 {
                break;
            }
            done.keys += keys;
            done.secrets += secrets;
        }
        self.record(caller).await?;
        replacement.finish().await.map_err(AppError::from)?;
        // A receiver that was being set up meanwhile may have been sealed by the key before.
        done.secrets += self.reseal(&replacement, tenant).await?;
        Ok(Some(done))
    }

    /// How many secrets were resealed.
    async fn reseal(
        &self,
        replacement: &Replacement<dyn Log>,
        tenant: TenantId,
    ) -> Result<usize, RootRotationError> {
        let mut count = 0;
        for endpoint in self.at.messages().endpoints(tenant).await? {
            for sealed in std::iter::once(endpoint.secret).chain(endpoint.former.map(|(sealed, _)| sealed)) {
                let rewrapped = replacement.resealed(endpoint.id, &sealed).map_err(AppError::from)?;
                if let Some(rewrapped) = rewrapped {
                    self.at.messages().reseal(tenant, endpoint.id, sealed, rewrapped).await?;
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    /// The event, once: a run that was killed after it finds it.
    async fn record(&self, caller: &Caller) -> Result<(), RootRotationError> {
        let known = self.at.app.companies.now(caller.tenant).await?;
        if known.root_key.as_ref() == Some(&self.change.0) {
            return Ok(());
        }
        let command = command(&self.change, self.reason);
        self.at.app.configure(caller, &CommandMeta::default(), &command, Map::new()).await?;
        Ok(())
    }
}

fn command((key_id, replaces): &(String, String), reason: &str) -> CompanyCommand {
    CompanyCommand::RotateRootKey(RootKeyRotated {
        key_id: key_id.clone(),
        replaces: replaces.clone(),
        reason: reason.to_owned(),
    })
}

/// How many keys were rewrapped.
async fn rewrap_keys(
    replacement: &Replacement<dyn Log>,
    tenant: TenantId,
) -> Result<usize, RootRotationError> {
    let (mut after, mut count) = (Uuid::nil(), 0);
    while let Some((last, rewrapped)) =
        replacement.rewrap(after, KEYS_PER_TRANSACTION).await.map_err(AppError::from)?
    {
        (after, count) = (last, count + rewrapped);
        if rewrapped > 0 {
            tracing::info!(%tenant, keys = count, "keys were rewrapped");
        }
    }
    Ok(count)
}
