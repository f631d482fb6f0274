"""Connects to a chat server: the HTTP client, its proxy and trusted certificates.

The environment is read here and not by the client, so that a server on this machine is reached
without a proxy, and errors name the variable at fault.
"""

import ipaddress
import os
import ssl
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from vidcurate.errors import UsageError

MAX_CONNECT_S = 10.0
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
CERTIFICATE_FILES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class HttpProxy:
    """A proxy and the variable that names it."""

    variable: str
    url: str


def open_client(base_url: str, timeout_s: float, proxy: HttpProxy | None) -> httpx2.Client:
    """Open a client, which the caller closes.

    Raises UsageError for certificates that cannot be read.
    """
    is_encrypted = base_url.startswith("https:") or (proxy and proxy.url.startswith("https:"))
    return httpx2.Client(
        verify=trusted_certificates() if is_encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        proxy=proxy.url if proxy else None,
        trust_env=False,
        timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, MAX_CONNECT_S), pool=None),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
    )


def is_local(host: str) -> bool:
    """Whether an address is on this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def is_proxy_exempt(host: str) -> bool:
    """Whether NO_PROXY names an address: itself, a domain above it, a network or a star."""
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    for name in (name.strip().lower() for name in listed.split(",") if name.strip()):
        bare = name.removeprefix("*").removeprefix(".")
        if name == "*" or host == bare or host.endswith(f".{bare}"):
            return True
        try:
            if ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False):
                return True
        except ValueError:
            continue
    return False


def proxy_of(base_url: str) -> HttpProxy | None:
    """The proxy that the environment names for an address.

    Raises UsageError, naming the variable, for a proxy that cannot be used.
    """
    address = urlsplit(base_url)
    host = address.hostname or ""
    if is_local(host) or is_proxy_exempt(host):
        return None
    names = (f"{address.scheme}_proxy", "all_proxy")
    given = [v for name in names for v in (name, name.upper()) if os.environ.get(v)]
    if not given:
        return None
    variable = given[0]
    url = os.environ[variable]
    url = url if "://" in url else f"http://{url}"
    scheme = urlsplit(url).scheme.lower()
    around = f"unset ${variable}, or add {host} to $NO_PROXY"
    if scheme not in PROXY_SCHEMES:
        known = ", ".join(f"{name}://" for name in PROXY_SCHEMES)
        raise UsageError(f"${variable} names a proxy of kind {scheme}://: write {known}; {around}")
    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise UsageError(f"${variable} names a SOCKS proxy: pip install 'httpx2[socks]'; {around}")
    return HttpProxy(variable, url)


def trusted_certificates() -> ssl.SSLContext:
    """The certificates of SSL_CERT_FILE, SSL_CERT_DIR or REQUESTS_CA_BUNDLE, else the machine's.

    Raises UsageError for a variable that names none.
    """
    variable = next((name for name in CERTIFICATE_FILES if os.environ.get(name)), None)
    if variable is None:
        return httpx2.create_ssl_context(trust_env=False)
    path = Path(os.environ[variable])
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"${variable} names no certificates: {path}: {reason}") from error
