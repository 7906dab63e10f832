"""Who may look at the dashboard, and what its pages may do in a browser."""

import hmac
import ipaddress
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

COOKIE = "w2s_dashboard"
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Guard:
    """Lets through visitors of this machine, or those who bring the token.

    Args:
        token: What visitors must bring; None asks for none.
        hosts: Names under which the dashboard may be called where there is no token: a page of
            another site can't reach it under a name of its own (DNS rebinding).
    """

    def __init__(self, token: str | None = None, hosts: Sequence[str] = ()) -> None:
        self._token = token or None
        self._hosts = {*_LOCAL, *hosts}
        self._scripts = "'self'"

    def allow_scripts(self, hashes: Sequence[str]) -> None:
        """The inline scripts that Dash itself writes; no other may run."""
        self._scripts = " ".join(["'self'", *hashes])

    def protect(self, server: Flask) -> None:
        """Check every request and mark every response of a server."""
        server.before_request(self._check)
        server.after_request(self._mark)

    def _check(self) -> AnyResponse | None:
        if self._token is None:
            if urlsplit(f"//{request.host}").hostname not in self._hosts:
                abort(403, "This dashboard answers to this machine only.")
            return None
        if self._same(request.cookies.get(COOKIE, "")):
            return None
        if not self._same(request.args.get("token", "")):
            abort(401, "This dashboard asks for a token: open the link that it printed.")
        return self._let_in()

    def _same(self, given: str) -> bool:
        assert self._token is not None
        return hmac.compare_digest(given.encode(), self._token.encode())

    def _let_in(self) -> AnyResponse:
        """Keep the token in a cookie and out of the address, where it would be passed on."""
        rest = [(key, value) for key, value in request.args.items(True) if key != "token"]
        answer = redirect(f"{request.path}?{urlencode(rest)}" if rest else request.path)
        answer.set_cookie(COOKIE, str(self._token), httponly=True, samesite="Strict")
        return answer

    def _mark(self, response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self'; script-src {self._scripts}; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data: blob:; connect-src 'self' data:; object-src 'none'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
