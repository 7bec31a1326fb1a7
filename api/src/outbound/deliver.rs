//! Claims what is due for one receiver, sends it, and records the outcome.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::bucket::Bucket;
use super::client::{Reach, Reply, SendError, Target};
use super::endpoint::{Delivery, Endpoint, Kind, State};
use super::queue::count;
use super::schedule::{MOST_JITTER, retry_after, wait_after};
use super::secret::RobotSecret;
use super::store::Outcome;
use super::text::{self, Message};
use super::{Outbound, OutboundError, robot, sign};
use crate::config::PrivateAddresses;
use crate::eventstore::TenantId;

/// How long a process has a receiver without renewing its lease.
const LEASE: TimeDelta = TimeDelta::seconds(20);
/// After how much of it the lease is renewed before the next attempt.
const RENEW_AFTER: TimeDelta = TimeDelta::seconds(3);
/// How long a message stays claimed: longer than an attempt takes, and shorter than the lease of its receiver, so that the
/// next process to get that finds the message in its place.
const CLAIMED_FOR: TimeDelta = TimeDelta::seconds(16);
/// How many attempts are made, and for how long, before the receiver is loaded again: its keys may have changed meanwhile.
const ATTEMPTS_PER_RUN: usize = 50;
const RUN_TIME: TimeDelta = TimeDelta::seconds(30);
/// How many messages for a robot are taken at a time, and from how many on they are combined in a digest.
const ROBOT_BATCH: u32 = 50;
const DIGEST_FROM: usize = 4;
/// Gone for good (RFC 9110, section 15.5.11).
const GONE: u16 = 410;
/// Why nothing is sent any more to a receiver that answered so.
const IS_GONE: &str = "the receiver answered 410: it is gone";

/// What a receiver made of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Taken(u16),
    Refused { status: Option<u16>, error: String, wait: Option<TimeDelta> },
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Made,
    /// Nothing can be sent there at present.
    Waits,
}

impl Outbound {
    /// Delivers to a receiver until nothing is due, or the token is cancelled; the attempt under way is finished first.
    /// Returns how many attempts were made: none where another process has the lease.
    ///
    /// # Errors
    /// When the tables fail. What was claimed then is tried again when its claim expires.
    pub async fn deliver(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        stop: &CancellationToken,
    ) -> Result<usize, OutboundError> {
        let now = (self.app.clock)();
        if self.rate_wait(tenant, endpoint, now) > TimeDelta::zero()
            || !self.store.acquire_lease(tenant, endpoint.id, self.node, now, now + LEASE).await?
        {
            return Ok(0);
        }
        let made = self.attempt_all(tenant, endpoint, now, stop).await;
        self.store.release_lease(tenant, endpoint.id, self.node).await?;
        made
    }

    async fn attempt_all(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        mut leased_at: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> Result<usize, OutboundError> {
        let batch = if endpoint.kind.is_robot() { ROBOT_BATCH } else { 1 };
        let (began_at, mut made) = (leased_at, 0);
        while made < ATTEMPTS_PER_RUN && !stop.is_cancelled() {
            let now = (self.app.clock)();
            if now - began_at >= RUN_TIME {
                break;
            }
            if now - leased_at >= RENEW_AFTER {
                if !self.store.acquire_lease(tenant, endpoint.id, self.node, now, now + LEASE).await? {
                    break;
                }
                leased_at = now;
            }
            let due = self.store.due(tenant, endpoint.id, now, batch).await?;
            if due.is_empty() {
                break;
            }
            let turn = match endpoint.kind {
                Kind::Webhook => self.call_webhook(tenant, endpoint, &due, now).await?,
                _ => self.call_robot(tenant, endpoint, &due, now).await?,
            };
            match turn {
                Attempt::Made => made += 1,
                Attempt::Waits => break,
            }
        }
        Ok(made)
    }

    async fn call_webhook(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        due: &[Delivery],
        now: DateTime<Utc>,
    ) -> Result<Attempt, OutboundError> {
        // A crash from here on leaves the message claimed: it is due again when its claim expires.
        let claimed = self.store.claim(tenant, due, now, now + CLAIMED_FOR).await?;
        let Some(message) = claimed.first() else { return Ok(Attempt::Waits) };
        let answer = self.post_event(tenant, endpoint, message, now).await;
        let answer = answer.unwrap_or_else(|error| unmade(&error, endpoint));
        // A crash here leaves a receiver that heard it and a row that does not know: it hears it again, under the same id.
        self.settle(tenant, endpoint, claimed, &answer).await?;
        Ok(Attempt::Made)
    }

    async fn post_event(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        message: &Delivery,
        now: DateTime<Utc>,
    ) -> Result<Answer, OutboundError> {
        let body = self.payload(tenant, endpoint, message).await?;
        let (id, timestamp) = (message.event_id.to_string(), now.timestamp());
        let mut signatures = Vec::with_capacity(2);
        for key in self.secrets(tenant, endpoint, now).await? {
            signatures.push(sign::webhook(&key, &id, timestamp, &body));
        }
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ];
        let Some(target) = endpoint.url.as_deref().and_then(Target::parse) else {
            return Ok(unanswered(SendError::Address));
        };
        let reach = match self.settings.private_addresses {
            PrivateAddresses::Refuse => Reach::Public,
            PrivateAddresses::Allow => Reach::Anywhere,
        };
        Ok(match self.client.post(&target, reach, &headers, body).await {
            Ok(reply) if (200..300).contains(&reply.status) => Answer::Taken(reply.status),
            Ok(reply) => refused(&reply, now),
            Err(error) => unanswered(error),
        })
    }

    /// What signs at an instant, the newest first. Where it does not open, it may have been resealed since the receiver was read: it is
    /// taken as it is stored now.
    async fn secrets(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        now: DateTime<Utc>,
    ) -> Result<Vec<Vec<u8>>, OutboundError> {
        match self.opened(tenant, endpoint, now).await {
            Ok(opened) => Ok(opened),
            Err(error) => match self.store.endpoint(tenant, endpoint.id).await? {
                Some(stored) => self.opened(tenant, &stored, now).await,
                None => Err(error),
            },
        }
    }

    async fn opened(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        now: DateTime<Utc>,
    ) -> Result<Vec<Vec<u8>>, OutboundError> {
        let former = endpoint.former.as_ref().filter(|(_, until)| now < *until).map(|(sealed, _)| sealed);
        let mut opened = Vec::with_capacity(2);
        for sealed in std::iter::once(&endpoint.secret).chain(former) {
            opened.push(self.app.vault.open_secret(tenant, endpoint.id, sealed).await?);
        }
        Ok(opened)
    }

    async fn call_robot(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        due: &[Delivery],
        now: DateTime<Utc>,
    ) -> Result<Attempt, OutboundError> {
        if self.rate_wait(tenant, endpoint, now) > TimeDelta::zero() {
            return Ok(Attempt::Waits);
        }
        let due = if due.len() < DIGEST_FROM { &due[..1] } else { due };
        let Some(mut told) = self.told(tenant, endpoint, due).await? else { return Ok(Attempt::Waits) };
        let texts: Vec<Vec<Message>> =
            due.iter().map(|message| told.remove(&message.position).unwrap_or_default()).collect();
        let (said, count) = compose(&texts, endpoint);
        let claimed = self.store.claim(tenant, &due[..count], now, now + CLAIMED_FOR).await?;
        if claimed.len() < count {
            // Somebody replayed one of them at this moment: what is claimed is tried when its claim expires.
            return Ok(Attempt::Waits);
        }
        self.with_buckets(tenant, endpoint, |buckets| buckets.iter_mut().for_each(|bucket| bucket.take(now)));
        let answer = self.post_text(tenant, endpoint, &said, now).await;
        let answer = answer.unwrap_or_else(|error| unmade(&error, endpoint));
        self.settle(tenant, endpoint, claimed, &answer).await?;
        Ok(Attempt::Made)
    }

    async fn post_text(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        said: &str,
        now: DateTime<Utc>,
    ) -> Result<Answer, OutboundError> {
        if said.is_empty() {
            return Ok(Answer::Refused {
                status: None,
                error: "the read model has no such reminder".to_owned(),
                wait: None,
            });
        }
        // A robot has one.
        let opened = self.secrets(tenant, endpoint, now).await?;
        let secret: RobotSecret = serde_json::from_slice(opened.first().map_or(&[], Vec::as_slice))
            .map_err(|error| OutboundError::Damaged { what: "secret", word: error.to_string() })?;
        let called = robot::call(endpoint.kind, &self.settings, &secret, now.timestamp_millis(), said);
        let called = called.and_then(|call| Some((Target::parse(&call.url)?, call.body)));
        let Some((target, body)) = called else { return Ok(unanswered(SendError::Address)) };
        // The operator named the platform's address, so it is not looked at.
        let reply = self.client.post(&target, Reach::Anywhere, &[], body.to_string().into_bytes()).await;
        Ok(match reply {
            Ok(reply) if (200..300).contains(&reply.status) => {
                match robot::refusal(endpoint.kind, &reply.body) {
                    None => Answer::Taken(reply.status),
                    Some(error) => {
                        let wait = reply.retry_after.as_deref().and_then(|value| retry_after(value, now));
                        Answer::Refused { status: Some(reply.status), error, wait }
                    }
                }
            }
            Ok(reply) => refused(&reply, now),
            Err(error) => unanswered(error),
        })
    }

    /// How long a robot's rate keeps us waiting; a webhook's never does.
    fn rate_wait(&self, tenant: TenantId, endpoint: &Endpoint, now: DateTime<Utc>) -> TimeDelta {
        self.with_buckets(tenant, endpoint, |buckets| {
            buckets.iter().map(|bucket| bucket.wait(now)).max().unwrap_or_default()
        })
    }

    fn with_buckets<T>(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        look: impl FnOnce(&mut [Bucket]) -> T,
    ) -> T {
        let mut all = self.buckets.lock();
        let fresh = || endpoint.kind.rates().into_iter().map(Bucket::new).collect();
        look(all.entry((tenant, endpoint.id)).or_insert_with(fresh))
    }

    /// Records the outcome of an attempt.
    async fn settle(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        messages: Vec<Delivery>,
        answer: &Answer,
    ) -> Result<(), OutboundError> {
        let now = (self.app.clock)();
        let gone =
            endpoint.kind == Kind::Webhook && matches!(answer, Answer::Refused { status: Some(GONE), .. });
        let outcomes: Vec<(Delivery, Outcome)> = messages
            .into_iter()
            .map(|message| {
                let jitter = (self.chance)(MOST_JITTER + 1);
                let outcome = outcome(answer, message.attempts, jitter, gone, now);
                (message, outcome)
            })
            .collect();
        let why = gone.then_some((endpoint.id, IS_GONE));
        if gone {
            // A crash between the event and the row leaves what the log says: nothing is sent there.
            self.disable(tenant, endpoint.id, IS_GONE).await?;
        }
        self.store.record(tenant, &outcomes, why, now).await?;
        for (message, outcome) in &outcomes {
            count(endpoint.kind, outcome.state.as_str(), 1);
            if let Some(error) = &outcome.error {
                let (endpoint, position) = (endpoint.id, message.position);
                let state = outcome.state.as_str();
                tracing::debug!(%tenant, %endpoint, position, state, error, "a message was not taken");
            }
        }
        Ok(())
    }
}

/// The outcome of a message after a number of attempts.
fn outcome(answer: &Answer, attempts: u32, jitter: u32, gone: bool, now: DateTime<Utc>) -> Outcome {
    match answer {
        Answer::Taken(status) => {
            Outcome { state: State::Delivered, next_at: None, status: Some(*status), error: None }
        }
        Answer::Refused { status, error, wait } => {
            let next_at = wait_after(attempts, jitter, *wait).filter(|_| !gone).map(|wait| now + wait);
            let state = if next_at.is_some() { State::Failed } else { State::Dead };
            Outcome { state, next_at, status: *status, error: Some(error.clone()) }
        }
    }
}

/// The text for a robot, and how many of the messages it tells: one in full, or as many as have room.
fn compose(messages: &[Vec<Message>], endpoint: &Endpoint) -> (String, usize) {
    let most = endpoint.kind.longest_text();
    let flat: Vec<Message> = messages.iter().flatten().cloned().collect();
    match (flat.as_slice(), messages.len()) {
        ([], _) => (String::new(), 1),
        ([only], 1) => (text::cut(&text::single(only, endpoint.language), most).into_owned(), 1),
        (all, _) => {
            let (said, told) = text::digest(all, endpoint.language, most);
            // A message is delivered when all of its reminders are; those of the next one that fit are repeated with its rest.
            let mut left = told;
            let whole = messages.iter().take_while(|parts| {
                let fits = parts.len() <= left;
                left = left.saturating_sub(parts.len());
                fits
            });
            (said, whole.count().max(1))
        }
    }
}

fn refused(reply: &Reply, now: DateTime<Utc>) -> Answer {
    let wait = reply.retry_after.as_deref().and_then(|value| retry_after(value, now));
    Answer::Refused { status: Some(reply.status), error: format!("status {}", reply.status), wait }
}

fn unanswered(error: SendError) -> Answer {
    Answer::Refused { status: None, error: error.to_string(), wait: None }
}

/// The message could not be made: that is our fault, and it is tried again like any other.
fn unmade(error: &OutboundError, endpoint: &Endpoint) -> Answer {
    tracing::error!(%error, endpoint = %endpoint.id, "a message could not be made");
    Answer::Refused { status: None, error: "the message could not be made".to_owned(), wait: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_with(status: u16) -> Answer {
        Answer::Refused { status: Some(status), error: format!("status {status}"), wait: None }
    }

    #[test]
    fn only_what_was_taken_is_delivered_and_the_tenth_failure_is_the_last() {
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(outcome(&Answer::Taken(204), 1, 0, false, now).state, State::Delivered);
        let first = outcome(&refused_with(500), 1, 0, false, now);
        assert_eq!((first.state, first.next_at), (State::Failed, Some(now + TimeDelta::seconds(5))));
        let ninth = outcome(&refused_with(500), 9, 0, false, now);
        assert_eq!((ninth.state, ninth.next_at), (State::Failed, Some(now + TimeDelta::hours(24))));
        let tenth = outcome(&refused_with(500), 10, 0, false, now);
        assert_eq!((tenth.state, tenth.next_at, tenth.status), (State::Dead, None, Some(500)));
    }

    #[test]
    fn nothing_is_tried_again_where_the_receiver_is_gone() {
        let gone = outcome(&refused_with(410), 1, 0, true, DateTime::UNIX_EPOCH);
        assert_eq!((gone.state, gone.next_at), (State::Dead, None));
    }
}
