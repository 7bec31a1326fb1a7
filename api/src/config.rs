//! Settings: from flags, else from the environment, else as they come.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};

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
    /// Messages to the outside.
    #[command(flatten)]
    pub outbound: OutboundArgs,
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

/// Where the platforms have their robots, unless told.
const WECOM: &str = "https://qyapi.weixin.qq.com/cgi-bin";
const DINGTALK: &str = "https://oapi.dingtalk.com";
const FEISHU: &str = "https://open.feishu.cn/open-apis/bot/v2";

impl Default for OutboundArgs {
    fn default() -> Self {
        Self {
            outbound: Sending::On,
            private_addresses: PrivateAddresses::Refuse,
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
    vec![
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
        ("WAYMARK_LISTEN", listen.listen.to_string(), "where serve listens; put TLS in front of it"),
        (
            "WAYMARK_AUTOMATIONS",
            if listen.automations == Automations::On { "on" } else { "off" }.to_owned(),
            "whether this process lets rules act: on or off",
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
        ("WAYMARK_WECOM_URL", listen.outbound.wecom_url.clone(), "where the robots of WeCom are"),
        ("WAYMARK_DINGTALK_URL", listen.outbound.dingtalk_url.clone(), "where the robots of DingTalk are"),
        ("WAYMARK_FEISHU_URL", listen.outbound.feishu_url.clone(), "where the robots of Feishu are"),
        ("WAYMARK_LOG", "info".to_owned(), "what is logged to stderr, such as warn or waymark_api=debug"),
    ]
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
    fn keys_and_checkpoint_stand_beside_the_database() {
        let args = DatabaseArgs { database: Database::Sqlite("a/w.db".into()), keys: None };
        assert_eq!(args.key_file(), Path::new("a/w.db.keys"));
        assert_eq!(args.checkpoint_file(), Path::new("a/w.db.checkpoint"));
        let server = Database::Postgres("postgres://db/w".to_owned());
        let args = DatabaseArgs { database: server, keys: Some("/etc/w.keys".into()) };
        assert_eq!(args.checkpoint_file(), Path::new("/etc/w.checkpoint"));
    }
}
