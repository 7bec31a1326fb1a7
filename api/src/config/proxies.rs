//! Which proxies are believed when they say whom they were called by.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use clap::{Args, ValueEnum};

/// Proxies in front of the service.
#[derive(Debug, Clone, Default, Args)]
pub struct ProxyArgs {
    /// Addresses and networks (`10.0.0.0/8`) of proxies that say whom they were called by, separated by commas. Without any, a
    /// request comes from the other end of its connection.
    #[arg(long, env = "WAYMARK_TRUSTED_PROXIES", value_delimiter = ',', value_name = "NETWORK")]
    pub trusted_proxies: Vec<Network>,
    /// The header in which they say it. It must be one that each of them sets or removes: the other one is not looked at.
    #[arg(long, env = "WAYMARK_PROXY_HEADER", value_enum, default_value_t = ProxyHeader::XForwardedFor)]
    pub proxy_header: ProxyHeader,
}

/// The header in which a proxy says whom it was called by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: addresses separated by commas.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ProxyHeader {
    /// Its name, in lower case.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// A network, or an address alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many bits of the address are the network's.
    bits: u8,
}

impl Network {
    /// Whether an address is in it.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        let same = |one: &[u8], other: &[u8]| {
            one.iter().zip(other).zip((0_u8..).step_by(8)).all(|((one, other), first)| {
                let counted = self.bits.saturating_sub(first).min(8);
                let mask = u8::MAX.checked_shl((8 - counted).into()).unwrap_or(0);
                one & mask == other & mask
            })
        };
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(&own.octets(), &other.octets()),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(&own.octets(), &other.octets()),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither an address nor a network such as 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(one, bits)| (one, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), |bits| bits.trim().parse()).map_err(|_| wrong())?;
        if bits > all { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl ProxyArgs {
    /// The settings, as `waymark config` prints them.
    pub(super) fn describe(&self) -> [(&'static str, String, &'static str); 2] {
        let trusted = self.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let header = match self.proxy_header {
            ProxyHeader::XForwardedFor => "x-forwarded-for",
            ProxyHeader::Forwarded => "forwarded",
        };
        [
            (
                "WAYMARK_TRUSTED_PROXIES",
                trusted,
                "addresses and networks of proxies that say whom they were called by, separated by commas",
            ),
            (
                "WAYMARK_PROXY_HEADER",
                header.to_owned(),
                "the header in which they say it: x-forwarded-for or forwarded",
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        assert!(within("10.0.0.0/8", "10.255.0.1") && !within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("192.0.2.128/25", "192.0.2.200") && !within("192.0.2.128/25", "192.0.2.100"));
        assert!(within("0.0.0.0/0", "203.0.113.1") && !within("0.0.0.0/0", "::1"));
        assert!(within("fd00::/8", "fdff::1") && !within("2001:db8::/33", "2001:db8:8000::1"));
        assert!(within("127.0.0.1", "127.0.0.1") && !within("127.0.0.1", "127.0.0.2"));
        assert!(within("2001:db8::1", "2001:db8::1") && !within("2001:db8::1", "2001:db8::2"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "proxy.example", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
