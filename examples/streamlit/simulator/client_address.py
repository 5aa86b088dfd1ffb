"""The browser's address behind proxies, by the header that they write."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

#: The proxies that are believed if no others are named: those on this machine.
LOOPBACK = "127.0.0.0/8, ::1"


def read_networks(text: str) -> Networks:
    """A comma-separated list of networks and addresses. Raises `ValueError`."""
    entries = (entry.strip() for entry in text.split(","))
    return tuple(ipaddress.ip_network(entry) for entry in entries if entry)


def client_address(peer: str, lines: Iterable[str], proxies: Networks) -> str | None:
    """Where the client is: at `peer`, the other end of the connection, unless that is one of
    `proxies`. Then it is the rightmost address in `lines` of the header that is no proxy's: what is
    left of it the client may have made up.

    A header that is missing, cannot be read or names proxies only leaves the peer, so that a client
    cannot choose to be nowhere. `None` when the peer is on this machine or has no address.
    """
    here = _address(peer)
    if here is None:
        return None
    found = here
    if _is_in(here, proxies):
        for hop in reversed(",".join(lines).split(",")):
            address = _address(hop)
            if address is None:
                break
            if not _is_in(address, proxies):
                found = address
                break
    return None if found == here and here.is_loopback else str(found)


def _is_in(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)


def _address(hop: str) -> Address | None:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`."""
    text = hop.strip()
    if text.startswith("["):
        text, _, port = text[1:].partition("]")
        if port and not port.startswith(":"):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not port.isdecimal():
            return None
    if "%" in text:
        return None  # An address of one link only, which means nothing elsewhere.
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
