//! Settings: from flags, else from the environment, else as they come.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::TimeDelta;
use clap::{Args, ValueEnum};

use crate::auth::rate::Rate;
use crate::auth::token::TokenSettings;
use crate::outbound::client::Target;

/// Where the database is and which keys go with it.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// The database: `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST:PORT/NAME`.
    #[arg(long, env = "WAYMARK_DATABASE", default_value = "sqlite:waymark.db")]
    pub database: Database,
    /// The key file [default: the database's path with `.keys` after it; with PostgreSQL `waymark.keys`].
    #[arg(long, env = "WAYMARK_KEYS")]
    pub keys: Option<PathBuf>,
    /// The directory with the rules of time zones [default: /usr/share/zoneinfo, or what is compiled in where that is newer].
    #[arg(long, env = "WAYMARK_ZONEINFO")]
    pub zoneinfo: Option<PathBuf>,
}

/// Where `serve` listens.
#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// Address and port; port 0 takes a free one.
    #[arg(long, env = "WAYMARK_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Whether this process carries out what rules are due to do. Off while something is looked into; others that
    /// serve the same database go on.
    #[arg(long, env = "WAYMARK_AUTOMATIONS", value_enum, default_value_t = Automations::On)]
    pub automations: Automations,
    /// The most connections at a time: where all are taken, whoever has been idle longest goes [default: as many as the limit
    /// of open files leaves room for, 10000 at most].
    #[arg(long, env = "WAYMARK_MAX_CONNECTIONS")]
    pub max_connections: Option<NonZeroUsize>,
    /// For how many days it is remembered that a command was refused, so that the same one is answered alike.
    #[arg(long, env = "WAYMARK_KEEP_REFUSALS_DAYS", default_value_t = 30, value_parser = days())]
    pub keep_refusals_days: u16,
    /// Who is let in.
    #[command(flatten)]
    pub auth: AuthArgs,
    /// Messages to the outside.
    #[command(flatten)]
    pub outbound: OutboundArgs,
}

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
    /// The claim that lists the scopes; of these, `act-as` is ours.
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
    fn describe(&self) -> Vec<(&'static str, String, &'static str)> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let burst = self.rate().map_or(String::new(), |rate| rate.burst.to_string());
        vec![
            (
                "WAYMARK_RATE_LIMIT",
                self.rate_limit.to_string(),
                "requests a minute that one credential may make of this process: a number or off",
            ),
            ("WAYMARK_RATE_BURST", burst, "requests at once, after a rest; unless told those of ten seconds"),
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

/// How messages leave.
#[derive(Debug, Clone, Args)]
pub struct OutboundArgs {
    /// Whether this process sends webhooks and robots' messages. Off, they are queued by others, or when it is on again.
    #[arg(long, env = "WAYMARK_OUTBOUND", value_enum, default_value_t = Sending::On)]
    pub outbound: Sending,
    /// Whether webhooks may lead to private and loopback addresses, and without encryption. Whoever administers a tenant
    /// could reach what only this machine reaches.
    #[arg(long, env = "WAYMARK_PRIVATE_ADDRESSES", value_enum, default_value_t = PrivateAddresses::Refuse)]
    pub private_addresses: PrivateAddresses,
    /// For how many days it is kept that a message was delivered.
    #[arg(long, env = "WAYMARK_KEEP_DELIVERED_DAYS", default_value_t = KEEP_DELIVERED_DAYS, value_parser = days())]
    pub keep_delivered_days: u16,
    /// For how many days a message that was given up is kept, and can be sent again.
    #[arg(long, env = "WAYMARK_KEEP_DEAD_LETTERS_DAYS", default_value_t = KEEP_DEAD_LETTERS_DAYS, value_parser = days())]
    pub keep_dead_letters_days: u16,
    /// Where the robots of WeCom are.
    #[arg(long, env = "WAYMARK_WECOM_URL", default_value = WECOM, value_parser = base_url)]
    pub wecom_url: String,
    /// Where the robots of DingTalk are.
    #[arg(long, env = "WAYMARK_DINGTALK_URL", default_value = DINGTALK, value_parser = base_url)]
    pub dingtalk_url: String,
    /// Where the robots of Feishu are.
    #[arg(long, env = "WAYMARK_FEISHU_URL", default_value = FEISHU, value_parser = base_url)]
    pub feishu_url: String,
}

/// How long it is kept what has become of messages, unless told.
const KEEP_DELIVERED_DAYS: u16 = 7;
const KEEP_DEAD_LETTERS_DAYS: u16 = 90;

/// From a day to ten years.
fn days() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=3_650)
}

/// Where the platforms have their robots, unless told.
const WECOM: &str = "https://qyapi.weixin.qq.com/cgi-bin";
const DINGTALK: &str = "https://oapi.dingtalk.com";
const FEISHU: &str = "https://open.feishu.cn/open-apis/bot/v2";

impl Default for OutboundArgs {
    fn default() -> Self {
        Self {
            outbound: Sending::On,
            private_addresses: PrivateAddresses::Refuse,
            keep_delivered_days: KEEP_DELIVERED_DAYS,
            keep_dead_letters_days: KEEP_DEAD_LETTERS_DAYS,
            wecom_url: WECOM.to_owned(),
            dingtalk_url: DINGTALK.to_owned(),
            feishu_url: FEISHU.to_owned(),
        }
    }
}

/// Whether messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sending {
    /// They are.
    On,
    /// They wait.
    Off,
}

/// Whether webhooks may lead to private addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrivateAddresses {
    /// They may not.
    Refuse,
    /// They may.
    Allow,
}

/// An address that others are made of by adding to its path.
fn base_url(url: &str) -> Result<String, String> {
    match Target::parse(url) {
        Some(_) if !url.contains('?') => Ok(url.to_owned()),
        _ => Err(format!("{url:?} is no http or https address to which a path can be added")),
    }
}

/// Whether rules act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Automations {
    /// They do.
    On,
    /// They wait.
    Off,
}

/// A database by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// One SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database, by its URL.
    Postgres(String),
}

impl FromStr for Database {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.trim_start_matches('/').is_empty() => {
                Ok(Self::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(url.to_owned()))
            }
            _ => Err(format!("{url:?} is neither sqlite:PATH nor postgres://HOST/NAME")),
        }
    }
}

impl std::fmt::Display for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl DatabaseArgs {
    /// The key file.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        let beside_database = || match &self.database {
            Database::Sqlite(file) => beside(file, "keys"),
            Database::Postgres(_) => PathBuf::from("waymark.keys"),
        };
        self.keys.clone().unwrap_or_else(beside_database)
    }

    /// The file with the public key that checks the checkpoints of all logs: beside a file of SQLite, or else beside the keys.
    #[must_use]
    pub fn public_key_file(&self) -> PathBuf {
        match &self.database {
            Database::Sqlite(file) => beside(file, "pub"),
            Database::Postgres(_) => self.key_file().with_extension("pub"),
        }
    }

    /// The file that holds the last signed checkpoint outside the database: beside a file of SQLite, or else beside the
    /// keys.
    #[must_use]
    pub fn checkpoint_file(&self) -> PathBuf {
        match &self.database {
            Database::Sqlite(file) => beside(file, "checkpoint"),
            Database::Postgres(_) => self.key_file().with_extension("checkpoint"),
        }
    }
}

/// The file of the read models of a SQLite file, which can be thrown away: they are folded again from the log.
#[must_use]
pub fn views_file(file: &Path) -> PathBuf {
    beside(file, "views")
}

/// A URL as it may be shown: `postgres://li:…@host/name`.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (server, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match server.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{scheme}://{user}:…@{host}{path}"),
        None => url.to_owned(),
    }
}

/// `w.db` and `keys` give `w.db.keys`.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// The settings there are, as `waymark config` prints them: the environment names, the values in force.
#[must_use]
pub fn describe(database: &DatabaseArgs, listen: &ListenArgs) -> Vec<(&'static str, String, &'static str)> {
    let mut settings = vec![
        (
            "WAYMARK_DATABASE",
            database.database.to_string(),
            "the database: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME",
        ),
        (
            "WAYMARK_KEYS",
            database.key_file().display().to_string(),
            "the key file; keep a copy apart from the database",
        ),
        (
            "WAYMARK_ZONEINFO",
            database.zoneinfo.as_ref().map_or(String::new(), |path| path.display().to_string()),
            "the directory with the rules of time zones (TZif); empty: /usr/share/zoneinfo, or what is compiled in where newer",
        ),
        ("WAYMARK_LISTEN", listen.listen.to_string(), "where serve listens; put TLS in front of it"),
        (
            "WAYMARK_MAX_CONNECTIONS",
            listen.max_connections.map_or(String::new(), |most| most.to_string()),
            "the most connections at a time; unless told as many as the limit of open files leaves room for",
        ),
        (
            "WAYMARK_AUTOMATIONS",
            if listen.automations == Automations::On { "on" } else { "off" }.to_owned(),
            "whether this process lets rules act: on or off",
        ),
        (
            "WAYMARK_KEEP_REFUSALS_DAYS",
            listen.keep_refusals_days.to_string(),
            "for how many days it is remembered that a command was refused",
        ),
        (
            "WAYMARK_OUTBOUND",
            if listen.outbound.outbound == Sending::On { "on" } else { "off" }.to_owned(),
            "whether this process sends webhooks and robots' messages: on or off",
        ),
        (
            "WAYMARK_PRIVATE_ADDRESSES",
            match listen.outbound.private_addresses {
                PrivateAddresses::Refuse => "refuse",
                PrivateAddresses::Allow => "allow",
            }
            .to_owned(),
            "whether webhooks may lead to private and loopback addresses, and by plain HTTP: refuse or allow",
        ),
        (
            "WAYMARK_KEEP_DELIVERED_DAYS",
            listen.outbound.keep_delivered_days.to_string(),
            "for how many days it is kept that a message was delivered",
        ),
        (
            "WAYMARK_KEEP_DEAD_LETTERS_DAYS",
            listen.outbound.keep_dead_letters_days.to_string(),
            "for how many days a message that was given up is kept, and can be sent again",
        ),
        ("WAYMARK_WECOM_URL", listen.outbound.wecom_url.clone(), "where the robots of WeCom are"),
        ("WAYMARK_DINGTALK_URL", listen.outbound.dingtalk_url.clone(), "where the robots of DingTalk are"),
        ("WAYMARK_FEISHU_URL", listen.outbound.feishu_url.clone(), "where the robots of Feishu are"),
        ("WAYMARK_LOG", "info".to_owned(), "what is logged to stderr, such as warn or waymark_api=debug"),
    ];
    settings.extend(listen.auth.describe());
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_by_its_url() {
        assert_eq!("sqlite:w.db".parse(), Ok(Database::Sqlite("w.db".into())));
        assert_eq!("sqlite:///var/w.db".parse(), Ok(Database::Sqlite("/var/w.db".into())));
        let postgres = "postgres://li:secret@db:5432/w?sslmode=require";
        let parsed: Database = postgres.parse().unwrap();
        assert_eq!(parsed, Database::Postgres(postgres.to_owned()));
        assert_eq!(
            parsed.to_string(),
            "postgres://li:…@db:5432/w?sslmode=require",
            "its password is not shown"
        );
        assert!("postgres:w".parse::<Database>().is_err());
        assert!("w.db".parse::<Database>().is_err());
        assert!("sqlite:".parse::<Database>().is_err());
    }

    #[test]
    fn a_platform_is_an_address_to_which_a_path_can_be_added() {
        assert_eq!(base_url("http://127.0.0.1:9000/robots"), Ok("http://127.0.0.1:9000/robots".to_owned()));
        for url in ["", "robots.example.cn", "https://example.cn/?x=1", "ftp://example.cn"] {
            assert!(base_url(url).is_err(), "{url}");
        }
    }

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

    #[test]
    fn keys_and_checkpoint_stand_beside_the_database() {
        let args = DatabaseArgs { database: Database::Sqlite("a/w.db".into()), keys: None, zoneinfo: None };
        assert_eq!(args.key_file(), Path::new("a/w.db.keys"));
        assert_eq!(args.checkpoint_file(), Path::new("a/w.db.checkpoint"));
        let server = Database::Postgres("postgres://db/w".to_owned());
        let args = DatabaseArgs { database: server, keys: Some("/etc/w.keys".into()), zoneinfo: None };
        assert_eq!(args.checkpoint_file(), Path::new("/etc/w.checkpoint"));
    }
}
