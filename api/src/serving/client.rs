//! Who is at the other end of a connection, behind proxies too.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};

use crate::app::Endpoint;
use crate::config::{ProxyArgs, ProxyHeader};

/// The most that is kept of what a program calls itself, in characters.
const LONGEST_CLIENT: usize = 200;

/// Where a request came from, given the other end of its connection.
pub(super) fn endpoint(peer: IpAddr, headers: &HeaderMap, proxies: &ProxyArgs) -> Endpoint {
    let client = headers.get(header::USER_AGENT).map(|value| {
        let name = String::from_utf8_lossy(value.as_bytes());
        name.chars().filter(|one| !one.is_control()).take(LONGEST_CLIENT).collect::<String>()
    });
    Endpoint {
        address: Some(address(peer, headers, proxies).to_string()),
        client: client.filter(|name| !name.is_empty()),
    }
}

/// The address nearest to us that is no trusted proxy's. Each proxy adds at the end whom it was called by, so the header is read
/// from there; what stands before the first address that is not trusted could have been written by anybody.
fn address(peer: IpAddr, headers: &HeaderMap, proxies: &ProxyArgs) -> IpAddr {
    let mut nearest = peer.to_canonical();
    let lines = headers.get_all(proxies.proxy_header.name()).iter();
    let text: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    for hop in text.iter().flat_map(|line| line.split(',')).rev() {
        if !proxies.trusted_proxies.iter().any(|network| network.contains(nearest)) {
            break;
        }
        match called_by(hop, proxies.proxy_header) {
            Some(address) => nearest = address.to_canonical(),
            None => break,
        }
    }
    nearest
}

/// The address in one element of the header; none where the proxy hides it.
fn called_by(hop: &str, header: ProxyHeader) -> Option<IpAddr> {
    let node = match header {
        ProxyHeader::XForwardedFor => hop.trim(),
        ProxyHeader::Forwarded => hop.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
        })?,
    };
    let bare = node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(node);
    bare.parse().ok().or_else(|| node.parse().ok().map(|at: SocketAddr| at.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn seen(header: ProxyHeader, trusted: &[&str], peer: &str, lines: &[&'static str]) -> String {
        let trusted_proxies = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let proxies = ProxyArgs { trusted_proxies, proxy_header: header };
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = HeaderName::from_static(header.name());
            headers.append(name, HeaderValue::from_static(line));
        }
        address(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn without_a_trusted_proxy_the_header_says_nothing() {
        for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
            assert_eq!(
                seen(header, &[], "203.0.113.9", &["198.51.100.1", "for=198.51.100.1"]),
                "203.0.113.9"
            );
        }
        let (header, peer) = (ProxyHeader::XForwardedFor, "203.0.113.9");
        assert_eq!(seen(header, &["10.0.0.0/8"], peer, &["198.51.100.1"]), peer);
    }

    #[test]
    fn the_header_is_read_from_its_end_as_far_as_proxies_are_trusted() {
        let see = |lines: &[&'static str]| {
            seen(ProxyHeader::XForwardedFor, &["10.0.0.0/8", "fd00::/8"], "10.1.2.3", lines)
        };
        assert_eq!(see(&["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            see(&["192.0.2.66, 198.51.100.1, 10.9.9.9"]),
            "198.51.100.1",
            "what a client wrote is left"
        );
        assert_eq!(see(&["192.0.2.66", "198.51.100.1:4711,fd00::1"]), "198.51.100.1");
        assert_eq!(see(&["10.2.2.2"]), "10.2.2.2", "nobody but proxies");
        assert_eq!(see(&["198.51.100.1, unknown"]), "10.1.2.3", "what is hidden ends it");
        assert_eq!(see(&[]), "10.1.2.3");
    }

    #[test]
    fn the_standard_header_is_read_with_its_quotes_and_brackets() {
        let see = |line: &'static str| seen(ProxyHeader::Forwarded, &["127.0.0.1"], "127.0.0.1", &[line]);
        assert_eq!(see("for=192.0.2.60;proto=http;by=203.0.113.43"), "192.0.2.60");
        assert_eq!(see("proto=https;For=\"[2001:db8:cafe::17]:4711\""), "2001:db8:cafe::17");
        assert_eq!(see("for=192.0.2.43, for=\"198.51.100.17:80\""), "198.51.100.17");
        assert_eq!(see("for=_hidden"), "127.0.0.1");
    }

    #[test]
    fn a_long_name_of_a_program_is_cut_and_an_address_within_an_address_is_that_address() {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_str(&"a".repeat(999)).unwrap());
        let endpoint = endpoint("::ffff:192.0.2.1".parse().unwrap(), &headers, &ProxyArgs::default());
        assert_eq!(endpoint.client.unwrap().len(), LONGEST_CLIENT);
        assert_eq!(endpoint.address.as_deref(), Some("192.0.2.1"));
    }
}
