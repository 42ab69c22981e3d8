"""Who may ask the server: a browser of this machine that knows the token, from its own pages."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

SAFE_METHODS = ("GET", "HEAD")

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""What every answer says: nothing is loaded from elsewhere, and nobody else may load it."""


class Guard:
    """Lets through to an application what this server's own pages ask.

    The address that is opened first has the token; the answer sets a cookie, which every other
    request must have. Host and origin must be the server's own: so neither another site, nor one
    whose name was made to mean this machine, is answered.

    Args:
        application: in the form of ASGI.
        port: of the server.
        token: what only the user knows.
        first: where the address with the token leads.
    """

    def __init__(self, application: Any, port: int, token: str, first: str):
        self.application, self.token, self.first = application, token, first
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.cookie = f"dia_studio_{port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self.application(scope, receive, send)
        if scope["type"] != "http":
            return None  # no other kind is spoken here: the server closes the connection
        answer = self._refusal(HTTPConnection(scope)) or self._welcome(HTTPConnection(scope))
        await (answer or self.application)(scope, receive, _with_headers(send))

    def _refusal(self, request: HTTPConnection) -> Response | None:
        """Why a request is not answered; None if it may be."""
        headers = request.headers
        if headers.get("host") not in self.hosts:
            return PlainTextResponse("This host is unknown.", 403)
        if not self._is_own(headers, request.scope["method"]):
            return PlainTextResponse("Other sites may not ask.", 403)
        given = request.cookies.get(self.cookie, "")
        if not _same(given, self.token) and not self._has_token(request):
            return PlainTextResponse("Open the address that `dia studio` printed.", 403)
        return None

    def _is_own(self, headers: Headers, method: str) -> bool:
        """Whether a page of this server asks, or the user by an address."""
        origin = headers.get("origin")
        if origin is None:
            site = headers.get("sec-fetch-site", "none")
            return method in SAFE_METHODS and site in ("none", "same-origin")
        return origin == f"http://{headers['host']}"

    def _has_token(self, request: HTTPConnection) -> bool:
        return request.url.path == "/" and _same(request.query_params.get("token", ""), self.token)

    def _welcome(self, request: HTTPConnection) -> Response | None:
        """The answer to the first address: the cookie, and where to go."""
        if request.url.path != "/":
            return None
        answer = RedirectResponse(self.first, 303)
        answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
        return answer


async def body_of(request: Request, most: int) -> bytes:
    """The body of a request, of so many bytes at most; more is not read.

    Raises:
        HTTPException: it is larger.
    """
    too_large = HTTPException(413, "this is too large")
    if int(request.headers.get("content-length", 0)) > most:
        raise too_large
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > most:
            raise too_large
    return bytes(content)


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())


def _with_headers(send: Any) -> Any:
    """The same, with the headers of every answer."""
    own: Iterable[tuple[bytes, bytes]] = [(k.encode(), v.encode()) for k, v in HEADERS.items()]

    async def send_with(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *own]}
        await send(message)

    return send_with
