//! Messages to the outside.

use clap::{Args, ValueEnum};

use crate::outbound::client::Target;

/// How messages leave.
#[derive(Debug, Clone, Args)]
pub struct OutboundArgs {
    /// Whether this process sends webhooks and robots' messages. Off, they are queued by others, or when it is on again.
    #[arg(long, env = "WAYMARK_OUTBOUND", value_enum, default_value_t = Sending::On)]
    pub outbound: Sending,
    /// Whether webhooks may lead to private and loopback addresses, and without encryption. An administrator of a tenant
    /// could reach what only this machine reaches.
    #[arg(long, env = "WAYMARK_PRIVATE_ADDRESSES", value_enum, default_value_t = PrivateAddresses::Refuse)]
    pub private_addresses: PrivateAddresses,
    /// For how many days delivered messages are kept.
    #[arg(long, env = "WAYMARK_KEEP_DELIVERED_DAYS", default_value_t = KEEP_DELIVERED_DAYS, value_parser = days())]
    pub keep_delivered_days: u16,
    /// For how many days messages that were given up are kept, and can be sent again.
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

/// For how long messages are kept, unless set.
const KEEP_DELIVERED_DAYS: u16 = 7;
const KEEP_DEAD_LETTERS_DAYS: u16 = 90;

/// From a day to ten years.
pub(super) fn days() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=3_650)
}

/// Where the platforms have their robots, unless set.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_an_address_to_which_a_path_can_be_added() {
        assert_eq!(base_url("http://127.0.0.1:9000/robots"), Ok("http://127.0.0.1:9000/robots".to_owned()));
        for url in ["", "robots.example.cn", "https://example.cn/?x=1", "ftp://example.cn"] {
            assert!(base_url(url).is_err(), "{url}");
        }
    }
}
