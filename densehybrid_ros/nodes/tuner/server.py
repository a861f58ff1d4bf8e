"""The web server: one page, its files, and a socket for each browser that has it open; in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.tuner.guarding import Guard
from densehybrid_ros.nodes.tuner.session import Backend, Session

PAGE = Path(__file__).with_name("page")
FILES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
"""What is served of the page's folder, by suffix."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
MOST_PAGES = 8
"""Open at once; each that is paused keeps frames of its own."""
LONGEST_MESSAGE = 1 << 16
"""Bytes, of a page."""
HEARTBEAT = 10.0
"""s after which a page that has vanished without a word is no longer served."""
COOKIE_AGE = 30 * 24 * 3600
"""s"""
STOP_PATIENCE = 1.0
"""s"""


class PageServer:
    """`publish`, `frame_arrived` and `stop` may be called in any thread."""

    def __init__(self, backend: Backend, guard: Guard, host: str, port: int, quality: int) -> None:
        """Binds to the address and begins to serve.

        Args:
            port: 0 = any that is free.
            quality: of JPEG pictures.

        Raises:
            SetupError: the address or the port is not to be had.
        """
        self._backend, self._guard, self._quality = backend, guard, quality
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._sessions: set[Session] = set()
        self._last: dict[str, str] = {}
        """By type, the last messages that all pages get, also those that are opened later."""
        self._drawing = ThreadPoolExecutor(1, "drawing")
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        started = threading.Event()
        threading.Thread(target=self._run, args=[started], name="page server", daemon=True).start()
        started.wait()
        self.url = f"http://{_shown(host)}:{self.port}/" + (f"?token={quote(guard.token)}" if guard.token else "")

    def publish(self, content: dict[str, Any]) -> None:
        """To all pages, and to those that are opened later; the last message of each type counts."""
        text = json.dumps(content)
        self._call(lambda: self._broadcast(content["type"], text))

    def frame_arrived(self, camera: str) -> None:
        """A camera has a new frame, or another version of one."""
        self._call(lambda: [session.frame_arrived(camera) for session in self._sessions])

    def stop(self) -> None:
        """Tells the pages, and ends; harmless where it has ended."""
        if self._loop.is_closed():
            return
        ended = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        with suppress(TimeoutError):  # a page that does not answer
            ended.result(STOP_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._drawing.shutdown(wait=False, cancel_futures=True)

    def _call(self, work: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._begin())
        started.set()
        self._loop.run_forever()

    async def _begin(self) -> None:
        app = web.Application(middlewares=[self._judge])
        app.router.add_get("/", self._index)
        app.router.add_get("/socket", self._open)
        app.router.add_get("/parameters.yaml", self._parameters)
        app.router.add_get("/{name}", self._file)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def _end(self) -> None:
        await asyncio.gather(*(session.close() for session in list(self._sessions)), return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _judge(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        refusal = self._guard.refusal(request.headers.get("Host", ""), request.headers.get("Origin"))
        if refusal:
            return web.Response(status=403, text=f"{refusal}\n", headers=HEADERS)
        given = request.query.get("token", "")
        if self._guard.token and given and self._guard.knows(given):
            return self._welcome()
        if not self._guard.knows(request.cookies.get(self._cookie, "") or _bearer(request)):
            text = "this tuner needs its token: open the address that it has written to its log\n"
            return web.Response(status=401, text=text, headers=HEADERS)
        try:
            return await handler(request)
        except web.HTTPException as error:
            error.headers.update(HEADERS)
            raise

    def _welcome(self) -> web.Response:
        """The token goes out of the address and into a cookie, so that it stays out of histories and screenshots."""
        response = web.Response(status=303, headers={**HEADERS, "Location": "/"})
        response.set_cookie(
            self._cookie, self._guard.token, max_age=COOKIE_AGE, httponly=True, samesite="Strict", path="/"
        )
        return response

    @property
    def _cookie(self) -> str:
        """Cookies are shared by all ports of a host."""
        return f"densehybrid_tuner_{self.port}"

    async def _index(self, request: web.Request) -> web.Response:
        return _served("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        return _served(request.match_info["name"])

    async def _parameters(self, request: web.Request) -> web.Response:
        text = self._backend.parameter_text()
        if not text:
            return web.Response(status=503, text="the segmenter's parameters are not known yet\n", headers=HEADERS)
        disposition = {"Content-Disposition": 'attachment; filename="segmenter.yaml"'}
        return web.Response(text=text, content_type="application/yaml", headers=HEADERS | disposition)

    async def _open(self, request: web.Request) -> web.StreamResponse:
        if len(self._sessions) >= MOST_PAGES:
            return web.Response(status=503, text=f"{MOST_PAGES} pages are open already\n", headers=HEADERS)
        page = web.WebSocketResponse(max_msg_size=LONGEST_MESSAGE, heartbeat=HEARTBEAT, compress=False)
        await page.prepare(request)
        session = Session(page, self._backend, self._drawing, self._quality)
        self._sessions.add(session)
        self._backend.audience(len(self._sessions))
        try:
            for kind, text in self._last.items():
                session.tell(kind, text)
            await session.run()
        finally:
            self._sessions.discard(session)
            self._backend.audience(len(self._sessions))
        return page

    def _broadcast(self, kind: str, text: str) -> None:
        self._last[kind] = text
        for session in self._sessions:
            session.tell(kind, text)


def _served(name: str) -> web.Response:
    path = PAGE / name
    if path.parent != PAGE or path.suffix not in FILES or not path.is_file():
        return web.Response(status=404, text="there is no such page\n", headers=HEADERS)
    return web.Response(
        text=path.read_text(encoding="utf-8"), content_type=FILES[path.suffix], charset="utf-8", headers=HEADERS
    )


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise SetupError(f"host '{host}' is no address of this machine; give one, as 127.0.0.1 or 0.0.0.0") from error
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
        made.listen(16)
    except OSError as error:
        made.close()
        raise SetupError(
            f"the page cannot be served at {host}, port {port}: {error.strerror}; give another port, or 0 for any"
        ) from error
    return made


def _shown(host: str) -> str:
    """As it stands in an address that people open."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
