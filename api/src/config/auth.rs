//! Who is let in, and how often each may call.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use chrono::TimeDelta;
use clap::Args;

use crate::auth::rate::Rate;
use crate::auth::token::TokenSettings;

/// Who is let in beside the holders of API keys, and how often each.
#[derive(Debug, Clone, Args)]
pub struct AuthArgs {
    /// Requests a minute that one credential may make of this process, or `off`.
    #[arg(long, env = "WAYMARK_RATE_LIMIT", default_value = "off")]
    pub rate_limit: RateLimit,
    /// Requests at once, after a rest [default: those of ten seconds].
    #[arg(long, env = "WAYMARK_RATE_BURST")]
    pub rate_burst: Option<NonZeroU32>,
    /// Tokens that another service signs (JWT) are taken when this file, a JSON Web Key Set, holds its keys.
    #[arg(long, env = "WAYMARK_JWT_KEYS")]
    pub jwt_keys: Option<PathBuf>,
    /// Who issues tokens: their claim `iss`.
    #[arg(long, env = "WAYMARK_JWT_ISSUER")]
    pub jwt_issuer: Option<String>,
    /// For whom they are issued: their claim `aud`.
    #[arg(long, env = "WAYMARK_JWT_AUDIENCE")]
    pub jwt_audience: Option<String>,
    /// The claim that names the tenant. A name with `/` before it is a JSON pointer.
    #[arg(long, env = "WAYMARK_JWT_TENANT_CLAIM", default_value = "tenant")]
    pub jwt_tenant_claim: String,
    /// The claim that names who acts.
    #[arg(long, env = "WAYMARK_JWT_ACTOR_CLAIM", default_value = "sub")]
    pub jwt_actor_claim: String,
    /// The claim that lists the roles.
    #[arg(long, env = "WAYMARK_JWT_ROLES_CLAIM", default_value = "roles")]
    pub jwt_roles_claim: String,
    /// The claim that lists the scopes; of these, `act-as` and `propose` are ours.
    #[arg(long, env = "WAYMARK_JWT_SCOPE_CLAIM", default_value = "scope")]
    pub jwt_scope_claim: String,
    /// By how many seconds the issuer's clock may differ from ours.
    #[arg(long, env = "WAYMARK_JWT_LEEWAY_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(..=600))]
    pub jwt_leeway_seconds: u16,
}

impl Default for AuthArgs {
    fn default() -> Self {
        Self {
            rate_limit: RateLimit(None),
            rate_burst: None,
            jwt_keys: None,
            jwt_issuer: None,
            jwt_audience: None,
            jwt_tenant_claim: "tenant".to_owned(),
            jwt_actor_claim: "sub".to_owned(),
            jwt_roles_claim: "roles".to_owned(),
            jwt_scope_claim: "scope".to_owned(),
            jwt_leeway_seconds: 60,
        }
    }
}

impl AuthArgs {
    /// How often one credential may call; none where it is not limited.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        let per_minute = self.rate_limit.0?;
        let burst = self.rate_burst.or(NonZeroU32::new(per_minute.get() / 6)).unwrap_or(NonZeroU32::MIN);
        Some(Rate { per_minute, burst })
    }

    /// Which tokens are believed; none where none are.
    ///
    /// # Errors
    /// When there are keys and it is not said whose tokens for whom, or the other way round.
    pub fn tokens(&self) -> Result<Option<TokenSettings>, String> {
        match (&self.jwt_keys, &self.jwt_issuer, &self.jwt_audience) {
            (None, None, None) => Ok(None),
            (Some(keys), Some(issuer), Some(audience)) if !issuer.is_empty() && !audience.is_empty() => {
                Ok(Some(TokenSettings {
                    keys: keys.clone(),
                    issuer: issuer.clone(),
                    audience: audience.clone(),
                    tenant_claim: self.jwt_tenant_claim.clone(),
                    actor_claim: self.jwt_actor_claim.clone(),
                    roles_claim: self.jwt_roles_claim.clone(),
                    scope_claim: self.jwt_scope_claim.clone(),
                    leeway: TimeDelta::seconds(self.jwt_leeway_seconds.into()),
                }))
            }
            _ => {
                Err("tokens need all of WAYMARK_JWT_KEYS, WAYMARK_JWT_ISSUER and WAYMARK_JWT_AUDIENCE"
                    .to_owned())
            }
        }
    }

    /// The settings, as `waymark config` prints them. None of them is a secret; the keys stay in their file.
    pub(super) fn describe(&self) -> Vec<(&'static str, String, &'static str)> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let burst = self.rate().map_or(String::new(), |rate| rate.burst.to_string());
        vec![
            (
                "WAYMARK_RATE_LIMIT",
                self.rate_limit.to_string(),
                "requests a minute that one credential may make of this process: a number or off",
            ),
            (
                "WAYMARK_RATE_BURST",
                burst,
                "requests at once, after a pause; unless set, those of ten seconds",
            ),
            (
                "WAYMARK_JWT_KEYS",
                self.jwt_keys.as_ref().map_or(String::new(), |path| path.display().to_string()),
                "the file with the keys of tokens (JWT), a JSON Web Key Set; empty: no tokens are taken",
            ),
            ("WAYMARK_JWT_ISSUER", text(&self.jwt_issuer), "who issues tokens: their claim iss"),
            ("WAYMARK_JWT_AUDIENCE", text(&self.jwt_audience), "for whom they are issued: their claim aud"),
            ("WAYMARK_JWT_TENANT_CLAIM", self.jwt_tenant_claim.clone(), "the claim that names the tenant"),
            ("WAYMARK_JWT_ACTOR_CLAIM", self.jwt_actor_claim.clone(), "the claim that names who acts"),
            ("WAYMARK_JWT_ROLES_CLAIM", self.jwt_roles_claim.clone(), "the claim that lists the roles"),
            ("WAYMARK_JWT_SCOPE_CLAIM", self.jwt_scope_claim.clone(), "the claim that lists the scopes"),
            (
                "WAYMARK_JWT_LEEWAY_SECONDS",
                self.jwt_leeway_seconds.to_string(),
                "by how many seconds the issuer's clock may differ from ours",
            ),
        ]
    }
}

/// Requests a minute; none: as many as come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(pub Option<NonZeroU32>);

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            _ => match text.parse() {
                Ok(per_minute) => Ok(Self(Some(per_minute))),
                Err(_) => Err(format!("{text:?} is neither off nor a number of requests a minute")),
            },
        }
    }
}

impl std::fmt::Display for RateLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(per_minute) => per_minute.fmt(f),
            None => f.write_str("off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_off_and_bursts_ten_seconds_worth_unless_told() {
        assert_eq!("off".parse(), Ok(RateLimit(None)));
        for text in ["0", "-1", "", "many", "1.5"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
        let args = |limit: &str, burst| AuthArgs {
            rate_limit: limit.parse().unwrap(),
            rate_burst: NonZeroU32::new(burst),
            ..AuthArgs::default()
        };
        let burst = |args: AuthArgs| args.rate().map(|rate| rate.burst.get());
        assert_eq!(burst(args("off", 5)), None);
        assert_eq!(burst(args("600", 0)), Some(100));
        assert_eq!(burst(args("3", 0)), Some(1));
        assert_eq!(burst(args("600", 7)), Some(7));
    }

    #[test]
    fn tokens_are_taken_only_where_it_is_said_whose_and_for_whom() {
        assert!(AuthArgs::default().tokens().unwrap().is_none());
        let keys = AuthArgs { jwt_keys: Some("keys.json".into()), ..AuthArgs::default() };
        assert!(keys.tokens().is_err());
        let issuer = AuthArgs { jwt_issuer: Some("https://id.example".to_owned()), ..keys };
        assert!(issuer.tokens().is_err());
        let whole = AuthArgs { jwt_audience: Some("waymark".to_owned()), ..issuer };
        assert_eq!(whole.tokens().unwrap().unwrap().leeway, TimeDelta::seconds(60));
        assert!(AuthArgs { jwt_keys: None, ..whole }.tokens().is_err());
    }
}
