"""Tells by which address a client reaches this server: the operator's, a trusted proxy's, or the request's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from starlette.requests import Request

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:[0-9]{1,5})?")
_PREFIX = re.compile(r"(/(?!\.+(/|$))[A-Za-z0-9._~-]{1,64}){0,8}")


def reached_by(request: Request, public_url: str | None, proxies: Sequence[str]) -> str:
    """Scheme, host and path prefix, without a slash at the end.

    `public_url` wins. What `X-Forwarded-Proto`, `-Host` and `-Prefix` say counts only from a peer in `proxies`.
    """
    if public_url:
        return public_url.rstrip("/")
    scheme, host, prefix = (
        request.url.scheme,
        request.headers.get("host", ""),
        request.scope.get("root_path", ""),
    )
    if _is_trusted(request, proxies):
        scheme = _said(request, "x-forwarded-proto") or scheme
        host = _said(request, "x-forwarded-host") or host
        prefix = (_said(request, "x-forwarded-prefix") or prefix).rstrip("/")
    if scheme not in {"http", "https"}:
        scheme = request.url.scheme
    if not _HOST.fullmatch(host):
        host = _own(request)
    return f"{scheme}://{host}{prefix if _PREFIX.fullmatch(prefix) else ''}"


def _said(request: Request, name: str) -> str:
    """The first value of a header that each proxy on the way adds to."""
    return request.headers.get(name, "").split(",")[0].strip()


def _is_trusted(request: Request, proxies: Sequence[str]) -> bool:
    if request.client is None or not proxies:
        return False
    try:
        peer = ip_address(request.client.host)
    except ValueError:
        return False
    return any(peer in ip_network(network, strict=False) for network in proxies)


def _own(request: Request) -> str:
    """The address that this connection came in by, for a request whose Host is no name."""
    name, port = request.scope.get("server") or ("127.0.0.1", None)
    shown = f"[{name}]" if ":" in name else name
    return shown if port is None else f"{shown}:{port}"
