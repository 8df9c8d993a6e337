"""Addresses of clients."""

from ipaddress import IPv6Address, ip_address


def network_of(address: str) -> str:
    """What a client's address counts under.

    An IPv6 address counts as its /64 network, all of which one client may use.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or int(ip) >> 64)
    return str(ip)
