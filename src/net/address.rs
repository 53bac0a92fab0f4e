//! Which addresses are of the open internet, and how a URL is shown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Url;

use super::Error;

/// Reads an address that can be asked.
///
/// # Errors
/// When it is no URL, or none of `http` and `https`.
pub fn parse(text: &str) -> Result<Url, Error> {
    let fault = |url: &str, why: &str| Error::Request { url: url.into(), why: why.into() };
    let url =
        Url::parse(text.trim()).map_err(|error| fault("the address", &format!("it is no URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fault(&shown(&url), "only http and https are"));
    }
    Ok(url)
}

/// The URL as messages may show it: no user, no password, no fragment, and of the query the names
/// only.
pub fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs without a host, which have neither.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    if url.query().is_some() {
        let names: Vec<String> = url.query_pairs().map(|(name, _)| format!("{name}=…")).collect();
        shown.set_query(None);
        return format!("{shown}?{}", names.join("&"));
    }
    shown.into()
}

/// Whether the URL leads to this machine itself.
pub fn is_this_machine(url: &str) -> bool {
    parse(url).is_ok_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}

/// Whether the address is of the open internet: not this machine, not a private or shared network,
/// not a cloud's metadata service, not a group, not reserved.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    let bench = a == 198 && (b == 18 || b == 19);
    // One cloud's host service hides behind an address that looks public.
    let wire_server = address == Ipv4Addr::new(168, 63, 129, 16);
    !(a == 0
        || a >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || shared
        || protocol
        || bench
        || wire_server)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    let tail = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    match s {
        // NAT64 and 6to4 carry an IPv4 address to which they lead.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(tail(high, low)),
        [0x2002, high, low, ..] => is_public_v4(tail(high, low)),
        // Local NAT64, Teredo, documentation, discard.
        [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] | [0x2001, 0xdb8, ..] | [0x100, 0, 0, 0, ..] => false,
        // Global unicast is 2000::/3; all else is local, a group or reserved.
        _ => s[0] & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_networks_are_not_public() {
        for closed in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::7f00:1",
        ] {
            assert!(!is_public(closed.parse().expect("an address")), "{closed}");
        }
        for open in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
        {
            assert!(is_public(open.parse().expect("an address")), "{open}");
        }
    }

    #[test]
    fn shows_no_secrets() {
        let url = parse("https://reader:hush@acme.example/feed?key=hush&q=a#top").expect("a URL");
        assert_eq!(shown(&url), "https://acme.example/feed?key=…&q=…");
        assert!(parse("ftp://acme.example/").is_err());
        assert!(parse("no url").is_err());
    }
}
