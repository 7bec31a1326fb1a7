//! Where requests came from, beside what they recorded: personal of the one who acted, and sealed as such.

use serde_json::Value;
use waymark_domain::people::reads_people;
use waymark_eventstore::vault::{ActorKey, ActorText, OfActor};
use waymark_eventstore::{Append, Entry, Envelope, StoreError};

use super::execute::Freshness;
use super::{App, AppError, Caller, Endpoint};
use crate::ambient::random_bytes;

/// How often it is looked whether another request has stored an actor's first key.
const ATTEMPTS: u32 = 8;

/// The members of a document that say where its command came from, once they are readable.
pub(crate) const ADDRESS: &str = "originaddress";
/// The program.
pub(crate) const CLIENT: &str = "originclient";
/// The sealed one.
const SEALED: &str = "endpoint";

impl App {
    /// An append, with where the request came from at each event of the caller's own. Events by others (rules,
    /// and the people whom an imported file names) have none.
    ///
    /// With [`Freshness::Cached`] they are sealed with the actor's key as it was known last; the append is refused as a conflict
    /// when there were erasures since.
    ///
    /// # Errors
    /// When a key cannot be read or stored.
    pub(super) async fn with_endpoint(
        &self,
        caller: &Caller,
        mut append: Append,
        freshness: Freshness,
    ) -> Result<Append, AppError> {
        let Some(endpoint) = &caller.endpoint else { return Ok(append) };
        let is_own = |actor: &str| actor == caller.actor.name;
        if !append.events.iter().any(|draft| is_own(&draft.actor)) {
            return Ok(append);
        }
        let Some(key) = self.actor_key(caller, freshness).await? else { return Ok(append) };
        let text =
            serde_json::to_string(&**endpoint).map_err(|error| AppError::Unreadable(error.to_string()))?;
        for draft in append.events.iter_mut().filter(|draft| is_own(&draft.actor)) {
            draft.endpoint = Some(self.vault.seal_of_actor(caller.tenant, draft.id, &key, &text));
        }
        append.erasures_seen = Some(key.erasures());
        Ok(append)
    }

    /// The caller's own key. The first is stored before anything is sealed with it: of several requests at once one stores it,
    /// and all use that one. None once the last one was destroyed that an actor can have.
    async fn actor_key(&self, caller: &Caller, freshness: Freshness) -> Result<Option<ActorKey>, AppError> {
        let tenant = caller.tenant;
        if freshness == Freshness::Cached
            && let Some(kept) = self.vault.kept_of_actor(tenant, &caller.actor.name)
        {
            return Ok(Some(kept));
        }
        for _ in 0..ATTEMPTS {
            let subject = match self.vault.of_actor(tenant, &caller.actor.name).await? {
                OfActor::Key(key) => return Ok(Some(key)),
                OfActor::NoMore => return Ok(None),
                OfActor::NoneYet(subject) => subject,
            };
            let sealed_by = self.vault.tenant_key_seen(tenant, false).await?;
            let (_, wrapped) =
                self.vault.data_key_for_new(tenant, subject, random_bytes(), self.new_id()).await?;
            let append = Append {
                new_keys: vec![wrapped],
                erasures_seen: Some(sealed_by),
                ..Append::new(tenant, Vec::new())
            };
            match self.store.append(append).await {
                Ok(_) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Contention)
    }

    /// Puts where commands came from into the documents of their entries, readable where the caller reads what is personal.
    ///
    /// # Errors
    /// When a key cannot be read, or a text does not open.
    pub(crate) async fn show_endpoints(
        &self,
        caller: &Caller,
        entries: &[Entry],
        documents: &mut [Value],
    ) -> Result<(), AppError> {
        let envelopes: Vec<Option<Envelope<'_>>> =
            entries.iter().map(|entry| entry.envelope().ok()).collect();
        let sealed = envelopes.iter().zip(0..).filter_map(|(envelope, place): (_, usize)| {
            let envelope = envelope.as_ref()?;
            let (actor, sealed) = (&*envelope.actor, envelope.endpoint.as_deref()?);
            Some((place, ActorText { actor, event_id: envelope.id, sealed }))
        });
        let (places, texts): (Vec<usize>, Vec<ActorText<'_>>) = sealed.unzip();
        let opened = match reads_people(&caller.actor) {
            true => self.vault.open_of_actors(caller.tenant, &texts).await?,
            false => vec![None; texts.len()],
        };
        for (place, text) in places.into_iter().zip(opened) {
            let Some(Value::Object(document)) = documents.get_mut(place) else { continue };
            document.remove(SEALED);
            let endpoint = text.and_then(|text| serde_json::from_str::<Endpoint>(&text).ok());
            let Some(Endpoint { address, client }) = endpoint else { continue };
            let members = [(ADDRESS, address), (CLIENT, client)];
            document.extend(
                members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))),
            );
        }
        Ok(())
    }
}
