"""One open page: what it wants to see, and the messages both ways.

Pictures are sent one at a time: the page asks for the next one of a camera when it has painted the last, so that a slow
page or network gets fewer pictures, and never old ones. The page may say anything; nothing that it says is trusted.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Coroutine
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from densehybrid_ros.nodes.tuner.frames import Frame
from densehybrid_ros.nodes.tuner.rendering import FORMATS, VIEWS, Style, drawn, encoded

LENGTH = struct.Struct("<I")
"""Before a picture's description, in a binary message."""


class Backend(Protocol):
    """The ROS side, as pages need it; every method may be called in any thread."""

    def audience(self, pages: int) -> None:
        """So many pages are open now."""

    def set_parameter(self, name: str, value: Any) -> Future[tuple[bool, str]]:
        """Success, and the reason of a refusal."""
        ...

    def frames(self) -> dict[str, list[Frame]]:
        """The last frames of each camera that can be shown, oldest first."""
        ...

    def style(self, camera: str) -> Style:
        """How its frames are drawn now."""
        ...

    def parameter_text(self) -> str:
        """The parameters as a file; "" where they are not known."""
        ...


@dataclass
class Wish:
    """What a page wants of a camera."""

    view: str
    waiting: bool
    """It has painted all that it was sent."""
    busy: bool = False
    """A picture is being made."""
    sent: tuple[Frame, str] | None = None
    """The last picture's frame and view."""


class BadMessage(ValueError):
    """The page said something that has no meaning."""


class Session:
    """Everything here runs in the server's loop, but for the drawing."""

    def __init__(self, socket: web.WebSocketResponse, backend: Backend, drawing: Executor, quality: int) -> None:
        """
        Args:
            drawing: draws and encodes.
            quality: of JPEG pictures.
        """
        self._socket, self._backend, self._drawing, self._quality = socket, backend, drawing, quality
        self._wishes: dict[str, Wish] = {}
        self._frozen: dict[str, list[Frame]] | None = None
        """While the page is paused."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._untold: dict[str, str] = {}
        """By type, messages that are still to be sent."""
        self._telling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the page is closed."""
        try:
            async for message in self._socket:
                try:
                    await self._take(_content(message.data))
                except BadMessage as error:
                    await self.send({"type": "error", "text": str(error)})
        finally:
            for task in self._tasks:
                task.cancel()

    async def send(self, content: dict[str, Any]) -> None:
        """One text message; harmless where the page is gone."""
        await self._send_text(json.dumps(content))

    async def _flush(self) -> None:
        while self._untold:
            await self._send_text(self._untold.pop(next(iter(self._untold))))

    async def _send_text(self, text: str) -> None:
        if not self._socket.closed:
            with suppress(ConnectionError):
                await self._socket.send_str(text)

    def tell(self, kind: str, text: str) -> None:
        """A text message, without waiting; of each type the newest counts where the page is slow."""
        self._untold[kind] = text
        if self._telling is None or self._telling.done():
            self._telling = self._begin(self._flush())

    def frame_arrived(self, camera: str) -> None:
        """A camera has a new frame, or another version of one."""
        wish = self._wishes.get(camera)
        if wish is not None and wish.waiting and not wish.busy and self._frozen is None:
            self._begin(self._next(camera, wish))

    async def close(self) -> None:
        await self._socket.close(code=1001, message=b"the tuner ends")

    async def _take(self, content: dict[str, Any]) -> None:
        kind = content.get("type")
        if kind == "ready":
            self._ready(_text(content, "camera"), _view(content))
        elif kind == "set":
            self._begin(self._set(_text(content, "name"), content.get("value"), content.get("id")))
        elif kind == "pause":
            self._frozen = self._backend.frames()
            await self.send({"type": "paused", "frames": {name: len(each) for name, each in self._frozen.items()}})
        elif kind == "resume":
            self._frozen = None
        elif kind in ("show", "save"):
            self._begin(self._show(content, file=_format(content) if kind == "save" else ""))
        else:
            raise BadMessage(f"message of type {str(kind)[:50]!r} is unknown")

    def _ready(self, camera: str, view: str) -> None:
        if camera not in self._backend.frames():
            return  # a camera that has gone
        wish = self._wishes.setdefault(camera, Wish(view, True))
        wish.view, wish.waiting = view, True
        self.frame_arrived(camera)

    async def _next(self, camera: str, wish: Wish) -> None:
        """Sends the newest frame, unless it is there already."""
        wish.busy = True
        try:
            while wish.waiting and self._frozen is None:
                frames = self._backend.frames().get(camera, [])
                if not frames or wish.sent == (frames[-1], wish.view):
                    return
                wish.waiting, wish.sent = False, (frames[-1], wish.view)
                await self._send_picture(frames[-1], wish.view, 0, self._backend.style(camera))
        finally:
            wish.busy = False

    async def _show(self, content: dict[str, Any], file: str) -> None:
        """A frame of the past, or the newest, as a picture or a file."""
        camera, view = _text(content, "camera"), _view(content)
        back, threshold = content.get("back", 0), content.get("threshold")
        frames = (self._frozen or self._backend.frames()).get(camera, [])
        if not frames or not isinstance(back, int) or not 0 <= back < len(frames):
            await self.send({"type": "error", "text": "there is no such frame any more"})
            return
        style = self._backend.style(camera)
        if isinstance(threshold, int | float) and not isinstance(threshold, bool):
            style = Style(style.palette, style.alpha, style.heat_range, float(threshold))
        await self._send_picture(frames[-1 - back], view, back, style, file)

    async def _send_picture(self, frame: Frame, view: str, back: int, style: Style, file: str = "") -> None:
        kind = file or "jpeg"
        loop = asyncio.get_running_loop()
        quality = 95 if file else self._quality
        data = await loop.run_in_executor(self._drawing, lambda: encoded(drawn(frame, view, style), kind, quality))
        head = {
            "type": "file" if file else "picture",
            "camera": frame.camera,
            "view": view,
            "back": back,
            "stamp": f"{frame.stamp // 10**9}.{frame.stamp % 10**9:09d}",
            "format": kind,
            "size": list(frame.size),
            "redrawn": style.threshold,
            "obstacles": frame.obstacles,
        }
        text = json.dumps(head).encode()
        if not self._socket.closed:
            with suppress(ConnectionError):
                await self._socket.send_bytes(LENGTH.pack(len(text)) + text + data)

    async def _set(self, name: str, value: Any, number: Any) -> None:
        done, reason = await asyncio.wrap_future(self._backend.set_parameter(name, value))
        await self.send({"type": "result", "id": number, "name": name, "done": done, "reason": reason})

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _content(data: Any) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadMessage("a message must be JSON") from error
    if not isinstance(content, dict):
        raise BadMessage("a message must be a JSON object")
    return content


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise BadMessage(f"{name} must be a text")
    return value


def _view(content: dict[str, Any]) -> str:
    view = _text(content, "view")
    if view not in VIEWS:
        raise BadMessage(f"view '{view[:50]}' is unknown; choose one of {', '.join(VIEWS)}")
    return view


def _format(content: dict[str, Any]) -> str:
    kind = _text(content, "format")
    if kind not in FORMATS:
        raise BadMessage(f"format '{kind[:50]}' is unknown; choose one of {', '.join(FORMATS)}")
    return kind
