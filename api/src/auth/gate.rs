//! What a request shows, made a credential: the one place that reads API keys and tokens.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

use super::idle::{IdleSessions, Use};
use super::key::{KeyText, Kind};
use super::rate::{Limiter, Verdict};
use super::rights::Rights;
use super::scope::Scope;
use super::store::AdminStore;
use super::token::{TokenFault, Tokens};
use crate::domain::Actor;
use crate::domain::company::event::Pass;
use crate::eventstore::{Clock, TenantId};
use crate::problem::Problem;
use crate::projections::Projections;

/// How many tenants are remembered by name. A name never becomes another tenant's.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// An authenticated credential, of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credential {
    /// Whose data it opens.
    pub(super) tenant: TenantId,
    /// Who acts with it.
    pub(super) actor: Actor,
    /// What else it may do.
    pub(super) scopes: BTreeSet<Scope>,
    /// What the log calls it, when it acts for somebody: `key:<id>`, or `token:<actor>`.
    pub(super) name: String,
}

impl Credential {
    /// Whether it is the credential of an agent, which reads and proposes.
    pub(super) fn is_of_an_agent(&self) -> bool {
        self.scopes.contains(&Scope::Propose)
    }
}

/// What lets requests in.
pub struct Gate {
    /// Tenants by name.
    pub admin: Arc<AdminStore>,
    /// Who may call.
    pub rights: Arc<Rights>,
    tokens: Option<Tokens>,
    limiter: Option<Limiter>,
    clock: Clock,
    tenants: Mutex<LruCache<String, TenantId>>,
    idle: IdleSessions,
    /// What knows which tenants live in another database.
    projections: Option<Arc<Projections>>,
}

impl Gate {
    /// A gate that takes API keys, and tokens if `tokens` are given, as often as the limiter lets each.
    #[must_use]
    pub fn new(
        admin: Arc<AdminStore>,
        rights: Arc<Rights>,
        tokens: Option<Tokens>,
        limiter: Option<Limiter>,
        clock: Clock,
    ) -> Self {
        let (tenants, idle) = (Mutex::new(LruCache::new(REMEMBERED)), IdleSessions::new(admin.clone()));
        Self { admin, rights, tokens, limiter, clock, tenants, idle, projections: None }
    }

    /// The same, for those alone who live in the database of these read models.
    #[must_use]
    pub fn of_residents(self, projections: Arc<Projections>) -> Self {
        Self { projections: Some(projections), ..self }
    }

    /// The credential that this text is.
    ///
    /// # Errors
    /// 401 when it is none, or none any more; 403 when it is a token of a member who was removed; 503 when its tenant lives in another
    /// database.
    pub(super) async fn credential(&self, text: &str, usage: Use) -> Result<Credential, Problem> {
        let credential = match &self.tokens {
            Some(tokens) if Tokens::may_be(text) => self.token(tokens, text).await,
            _ => match KeyText::parse_as(Kind::Session, text) {
                Some(session) => self.session(&session, usage).await,
                None => self.key(text).await,
            },
        }?;
        let tenant = credential.tenant;
        match &self.projections {
            Some(here) if !here.is_here(tenant) => {
                Err(Problem::unavailable(format!("{tenant} lives in another database")))
            }
            _ => Ok(credential),
        }
    }

    /// Somebody who signed in: a member in the roles that the member has now, anybody else in those of the session.
    async fn session(&self, text: &KeyText, usage: Use) -> Result<Credential, Problem> {
        let known = self.rights.session(text.tenant, text.key_id).await?;
        let is_open = |session: &Pass| text.matches(&session.digest) && session.expires_at > (self.clock)();
        let session = known.filter(is_open).ok_or_else(Problem::session_ended)?;
        if !self.idle.is_used(text.tenant, &session, usage, (self.clock)()).await? {
            return Err(Problem::session_ended());
        }
        let rights = self.rights.now(text.tenant).await?;
        let roles = rights.member(&session.actor).map_or(session.roles, |(_, member)| member.roles.clone());
        Ok(Credential {
            tenant: text.tenant,
            scopes: BTreeSet::new(),
            name: format!("session:{}", session.id),
            actor: Actor::new(session.actor, roles),
        })
    }

    async fn key(&self, text: &str) -> Result<Credential, Problem> {
        let text = KeyText::parse(text).ok_or_else(Problem::bad_credential)?;
        let known = self.rights.key(text.tenant, text.key_id).await?;
        let known = known.filter(|known| known.is_valid() && text.matches(&known.key.digest));
        let key = known.ok_or_else(Problem::bad_credential)?.key;
        Ok(Credential {
            tenant: text.tenant,
            scopes: Scope::among(&key.scopes),
            name: format!("key:{}", key.id),
            actor: Actor::new(key.actor, key.roles),
        })
    }

    async fn token(&self, tokens: &Tokens, text: &str) -> Result<Credential, Problem> {
        let claims = tokens.verify(text, (self.clock)())?;
        let tenant = self.tenant(&claims.tenant).await?;
        // The issuer of tokens may not know yet that somebody left.
        if self.rights.now(tenant).await?.is_removed(&claims.actor.name) {
            return Err(Problem::member_removed(&claims.actor.name));
        }
        let name = format!("token:{}", claims.actor.name);
        Ok(Credential { tenant, actor: claims.actor, scopes: claims.scopes, name })
    }

    async fn tenant(&self, name: &str) -> Result<TenantId, Problem> {
        let remembered = || self.tenants.lock();
        if let Some(known) = remembered().get(name).copied() {
            return Ok(known);
        }
        let found = Box::pin(self.admin.tenant(name)).await?;
        let tenant = found.ok_or(TokenFault::Tenant)?;
        remembered().put(name.to_owned(), tenant);
        Ok(tenant)
    }

    /// Counts a call of this credential. Returns what the rate-limit headers say; none where nothing is limited.
    ///
    /// # Errors
    /// 429 when it calls more often than it may.
    pub(super) fn count(&self, credential: &Credential) -> Result<Option<Allowance>, Problem> {
        let Some(limiter) = &self.limiter else { return Ok(None) };
        let rate = limiter.rate();
        let policy = format!("\"credential\";q={};w={}", rate.burst, rate.window_seconds());
        match limiter.take(credential.tenant, &credential.name, (self.clock)()) {
            Verdict::Passed { left, whole_after_seconds } => Ok(Some(Allowance {
                policy,
                left: format!("\"credential\";r={left};t={whole_after_seconds}"),
            })),
            Verdict::Refused { retry_after_seconds } => {
                metrics::counter!("waymark_rate_limited_total").increment(1);
                Err(Problem::rate_limited(retry_after_seconds, rate.per_minute.get(), &policy))
            }
        }
    }
}

/// What is left to a credential, as the headers `RateLimit-Policy` and `RateLimit` say it (draft-ietf-httpapi-ratelimit-headers).
pub(super) struct Allowance {
    pub(super) policy: String,
    pub(super) left: String,
}
