"""Who may open the page: the right host name (DNS rebinding), no foreign origin, and beyond this machine a token."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from densehybrid_ros.errors import SetupError

TOKEN_VARIABLE = "DENSEHYBRID_TUNER_TOKEN"
"""A token of the user's own. No parameter: every node of the network can read those."""
SHORTEST_TOKEN = 16
LOCALHOST = "localhost"


@dataclass(frozen=True)
class Guard:
    """What a request must bring."""

    names: frozenset[str]
    """Host names that are ours, in lower case; plain addresses are judged by `only_loopback`."""
    only_loopback: bool
    token: str
    """"" = none is needed."""

    def refusal(self, host: str, origin: str | None) -> str:
        """Why a request is not served; "" where it is.

        Args:
            host, origin: its headers.
        """
        if not self._is_ours(_name(host)):
            return f"host '{host[:100]}' is not this tuner's; name it in the parameter names, if it is"
        if origin is not None and not same_place(origin, host):
            return f"a page of {origin[:100]} may not use this tuner"
        return ""

    def knows(self, token: str) -> bool:
        """Whether that is the token, or none is needed."""
        return not self.token or hmac.compare_digest(token.encode(), self.token.encode())

    def _is_ours(self, name: str) -> bool:
        """A page of another name that was made to resolve to this machine has that name in its requests."""
        if name in self.names:
            return True
        address = _address(name)
        return address is not None and (address.is_loopback or not self.only_loopback)


def guard_for(host: str, names: Sequence[str]) -> Guard:
    """The guard of a server that is bound to `host`; one that others reach has the user's token, or one of its own.

    Raises:
        SetupError: the user's token is too short.
    """
    ours = {LOCALHOST, *(name.lower() for name in names if name)}
    if is_loopback(host):
        return Guard(frozenset(ours), True, "")
    given = os.environ.get(TOKEN_VARIABLE, "")
    if given and len(given) < SHORTEST_TOKEN:
        raise SetupError(f"{TOKEN_VARIABLE} has {len(given)} characters; give at least {SHORTEST_TOKEN}, or none")
    own = {host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
    return Guard(frozenset(ours | own), False, given or secrets.token_urlsafe(24))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that is bound there."""
    address = _address(host)
    return host.lower() == LOCALHOST or (address is not None and address.is_loopback)


def same_place(origin: str, host: str) -> bool:
    """Whether an Origin header is that of our own page, as the Host header names it."""
    place = urlsplit(origin)
    return place.scheme in ("http", "https") and place.netloc.lower() == host.lower()


def _name(host: str) -> str:
    """Of a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
