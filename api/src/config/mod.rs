//! Settings: from flags, else from the environment, else as they come.

mod auth;
mod database;
mod keys;
mod outbound;
mod proxies;
mod tls;
mod witness;

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};

pub use auth::{AuthArgs, RateLimit};
pub use database::{Database, DatabaseArgs, views_file};
pub use keys::{KeyArgs, KeyText};
pub use outbound::{OutboundArgs, PrivateAddresses, Sending};
pub use proxies::{Network, ProxyArgs, ProxyHeader};
pub use tls::TlsArgs;
pub use witness::WitnessTarget;

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
    /// The most connections at a time: where all are taken, the one that has been idle longest is closed [default: as many as the limit
    /// of open files leaves room for, 10000 at most].
    #[arg(long, env = "WAYMARK_MAX_CONNECTIONS")]
    pub max_connections: Option<NonZeroUsize>,
    /// The most reports that are computed at a time, and whether there are any: the others wait or are told 503, fairly by tenant;
    /// with 0 neither reports nor exports are answered [default: half as many as there are cores, 8 at most].
    #[arg(long, env = "WAYMARK_REPORTS")]
    pub reports: Option<u16>,
    /// For how many days the refusal of a command is kept, so that a repeat of it is answered alike.
    #[arg(long, env = "WAYMARK_KEEP_REFUSALS_DAYS", default_value_t = 30, value_parser = outbound::days())]
    pub keep_refusals_days: u16,
    /// Who cosigns the heads of the logs: `URL#KEY` of a witness (C2SP tlog-witness). May be given several times.
    #[arg(long = "witness", env = "WAYMARK_WITNESSES", value_delimiter = ',', value_name = "URL#KEY")]
    pub witnesses: Vec<WitnessTarget>,
    /// TLS without a proxy.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Proxies in front of it.
    #[command(flatten)]
    pub proxies: ProxyArgs,
    /// Who is let in.
    #[command(flatten)]
    pub auth: AuthArgs,
    /// Messages to the outside.
    #[command(flatten)]
    pub outbound: OutboundArgs,
}

/// Whether rules act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Automations {
    /// They do.
    On,
    /// They wait.
    Off,
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
            "WAYMARK_ARCHIVE",
            database.archive_folder().display().to_string(),
            "the folder for what `waymark archive` takes out of the database; every process on the database needs it",
        ),
        (
            "WAYMARK_ERASURES",
            database.erasure_file().display().to_string(),
            "the record of erasures, by which a restored backup is made to forget; keep it where no backup is restored over it",
        ),
        (
            "WAYMARK_ZONEINFO",
            database.zoneinfo.as_ref().map_or(String::new(), |path| path.display().to_string()),
            "the directory with the rules of time zones (TZif); empty: /usr/share/zoneinfo, or what is compiled in where newer",
        ),
        (
            "WAYMARK_LISTEN",
            listen.listen.to_string(),
            "where serve listens; put TLS in front of it, or name a certificate",
        ),
        (
            "WAYMARK_MAX_CONNECTIONS",
            listen.max_connections.map_or(String::new(), |most| most.to_string()),
            "the most connections at a time; unless set, as many as the limit of open files leaves room for",
        ),
        (
            "WAYMARK_REPORTS",
            listen.reports.map_or(String::new(), |most| most.to_string()),
            "the most reports that are computed at a time; 0: neither reports nor exports; unless set, half as many as cores",
        ),
        (
            "WAYMARK_AUTOMATIONS",
            if listen.automations == Automations::On { "on" } else { "off" }.to_owned(),
            "whether this process lets rules act: on or off",
        ),
        (
            "WAYMARK_KEEP_REFUSALS_DAYS",
            listen.keep_refusals_days.to_string(),
            "for how many days the refusal of a command is kept",
        ),
        (
            "WAYMARK_WITNESSES",
            listen.witnesses.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            "who cosigns the heads of the logs: URL#KEY of each witness, separated by commas",
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
            "for how many days delivered messages are kept",
        ),
        (
            "WAYMARK_KEEP_DEAD_LETTERS_DAYS",
            listen.outbound.keep_dead_letters_days.to_string(),
            "for how many days messages that were given up are kept, and can be sent again",
        ),
        ("WAYMARK_WECOM_URL", listen.outbound.wecom_url.clone(), "where the robots of WeCom are"),
        ("WAYMARK_DINGTALK_URL", listen.outbound.dingtalk_url.clone(), "where the robots of DingTalk are"),
        ("WAYMARK_FEISHU_URL", listen.outbound.feishu_url.clone(), "where the robots of Feishu are"),
        ("WAYMARK_LOG", "info".to_owned(), "what is logged to stderr, such as warn or waymark_api=debug"),
    ];
    settings.extend(database.key_args.describe());
    settings.extend(listen.tls.describe());
    settings.extend(listen.proxies.describe());
    settings.extend(listen.auth.describe());
    settings
}
