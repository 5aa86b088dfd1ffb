//! The `Forwarded` header (RFC 7239).
//!
//! A list is read from its right end, because only that end was written by a
//! proxy that is trusted. Read from the left, one quotation mark that a client
//! sends would change where the proxy's own part begins.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The elements of one header line, the last one first, cut at commas outside
/// of quotation marks (RFC 7239 §4).
pub(super) fn elements_from_the_right(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    parts_from_the_right(line, b',')
}

/// The address of the one `for` in an element. `None` when there is none, when
/// it is `unknown` or an obfuscated name (§6.2, §6.3), or when any part of the
/// element breaks the grammar.
pub(super) fn address_of(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in parts_from_the_right(element, b';') {
        let pair = pair.trim_ascii();
        if pair.is_empty() {
            continue;
        }
        let (name, value) = name_and_value(pair)?;
        // No name may be there twice (§4), and this one decides.
        if name.eq_ignore_ascii_case(b"for") && found.replace(value).is_some() {
            return None;
        }
    }
    node_address(std::str::from_utf8(&found?).ok()?)
}

/// Cuts `text` at each `separator` outside of quotation marks, going left. What
/// stands to the left of a separator that was found cannot change what comes
/// out for the right of it, as long as that is well-formed.
fn parts_from_the_right(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let mut is_quoted = false;
        for (at, byte) in text.iter().enumerate().rev() {
            let before = text.get(..at).unwrap_or_default();
            if *byte == b'"' {
                // Seen from the right the first mark closes a value, and one
                // behind an odd number of backslashes is part of it.
                is_quoted = !is_quoted || is_escaped(before);
            } else if *byte == separator && !is_quoted {
                rest = Some(before);
                return text.get(at + 1..);
            }
        }
        Some(text)
    })
}

fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    backslashes.count() % 2 == 1
}

/// `token=token` or `token="quoted"`, the value without its quotation marks.
fn name_and_value(pair: &[u8]) -> Option<(&[u8], Cow<'_, [u8]>)> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (pair.get(..at)?, pair.get(at + 1..)?);
    let value = match value.strip_prefix(b"\"") {
        Some(quoted) => Cow::Owned(unquoted(quoted.strip_suffix(b"\"")?)?),
        None => Cow::Borrowed(token(value)?),
    };
    Some((token(name)?, value))
}

/// A token of one character or more (RFC 9110 §5.6.2).
fn token(text: &[u8]) -> Option<&[u8]> {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    (!text.is_empty() && text.iter().all(is_allowed)).then_some(text)
}

/// The content of a quoted string (RFC 9110 §5.6.4).
fn unquoted(content: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(content.len());
    let mut bytes = content.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return None,
            b'\\' => plain.push(*bytes.next()?),
            _ => plain.push(*byte),
        }
    }
    Some(plain)
}

/// The address in a node, `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]` or
/// `[2001:db8::1]:_port` (RFC 7239 §6). An IPv6 address without brackets is none.
fn node_address(node: &str) -> Option<IpAddr> {
    let (address, port) = match node.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (IpAddr::V6(address.parse::<Ipv6Addr>().ok()?), port)
        }
        None => {
            let (address, port) = node.split_at(node.find(':').unwrap_or(node.len()));
            (IpAddr::V4(address.parse::<Ipv4Addr>().ok()?), port)
        }
    };
    let is_valid = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    is_valid.then(|| address.to_canonical())
}

/// One to five digits, or an obfuscated port (RFC 7239 §6.3).
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !name.is_empty() && name.bytes().all(is_allowed)
        }
        None => (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn last(line: &str) -> Option<String> {
        let element = elements_from_the_right(line.as_bytes()).next().unwrap();
        address_of(element).map(|address| address.to_string())
    }

    #[test]
    fn ghsa_44_a_forwarded_element_is_read_in_every_form_that_rfc_7239_allows() {
        for (line, expected) in [
            ("for=192.0.2.43", "192.0.2.43"),
            ("FOR=192.0.2.43", "192.0.2.43"),
            ("For=\"192.0.2.43\"", "192.0.2.43"),
            ("for=\"192.0.2\\.43\"", "192.0.2.43"),
            ("for=\"192.0.2.43:47011\"", "192.0.2.43"),
            ("for=\"192.0.2.43:_Ab.c-9\"", "192.0.2.43"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=\"[2001:DB8::17]\"", "2001:db8::17"),
            ("for=\"[::ffff:192.0.2.43]\"", "192.0.2.43"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            (
                "by=_x; for=192.0.2.60 ;;host=\"a;for=8.8.8.8,\"",
                "192.0.2.60",
            ),
            ("for=8.8.8.8, host=\"a\\\",b\";for=192.0.2.60", "192.0.2.60"),
            ("for=8.8.8.8,\t for=192.0.2.60\t", "192.0.2.60"),
        ] {
            assert_eq!(last(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn ghsa_45_a_forwarded_element_outside_of_the_grammar_names_nobody() {
        for line in [
            "",
            ";",
            "for",
            "for=",
            "for=\"\"",
            "for=unknown",
            "for=Unknown",
            "for=_hidden",
            "for=_SEVKISEK",
            "proto=https",
            "for=192.0.2.1,",
            "for=192.0.2.1, ",
            "for = 192.0.2.1",
            "for=192.0.2.1;for=192.0.2.1",
            "for=192.0.2.1;FOR=_x",
            "for=192.0.2.1 for=192.0.2.2",
            "for=192.0.2.1;x",
            "for=192.0.2.1;x=a\"b\"",
            "for=192.0.2.1:80",
            "for=[2001:db8::1]",
            "for=\"2001:db8::1\"",
            "for=\"[192.0.2.1]\"",
            "for=\"[2001:db8::1\"",
            "for=\"[2001:db8::1]x\"",
            "for=\"[fe80::1%eth0]\"",
            "for=\"192.0.2.1:\"",
            "for=\"192.0.2.1:123456\"",
            "for=\"192.0.2.1:-1\"",
            "for=\"192.0.2.1:_\"",
            "for=\" 192.0.2.1\"",
            "for=\"192.0.2.1",
            "for=192.0.2.1\"",
            "for=\"192.0.2.1\\\"",
            "for=\"a\"b\"",
            "for=192.0.2.256",
            "for=192.0.2.01",
            "192.0.2.1",
        ] {
            assert_eq!(last(line), None, "{line}");
        }
    }

    /// What a trusted proxy may write of a client.
    fn written(address: IpAddr, port: Option<u16>, is_chatty: bool) -> String {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let node = match address {
            IpAddr::V4(address) => format!("\"{address}{port}\""),
            IpAddr::V6(address) => format!("\"[{address}]{port}\""),
        };
        if is_chatty {
            format!("host=\"a\\\",;\\\\\";For={node};proto=https")
        } else {
            format!("for={node}")
        }
    }

    proptest! {
        #[test]
        fn ghsa_44_no_byte_that_a_client_sends_changes_what_the_proxy_wrote(
            forged in proptest::collection::vec(
                prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), Just(b';'), Just(b'='), any::<u8>()],
                0..40,
            ),
            address in any::<IpAddr>(),
            port in any::<Option<u16>>(),
            is_chatty in any::<bool>(),
        ) {
            let own = written(address, port, is_chatty);
            let line = [forged.as_slice(), b", ", own.as_bytes()].concat();
            let last = elements_from_the_right(&line).next().unwrap();
            prop_assert_eq!(address_of(last), Some(address.to_canonical()));
        }

        #[test]
        fn ghsa_45_any_bytes_are_read_without_a_panic_and_without_losing_one(
            line in proptest::collection::vec(
                prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), any::<u8>()],
                0..60,
            ),
        ) {
            let mut elements: Vec<_> = elements_from_the_right(&line).collect();
            for element in &elements {
                let _ = address_of(element);
            }
            elements.reverse();
            prop_assert_eq!(elements.join(&b','), line);
        }
    }
}
