"""The web server over real sockets: refusals, tokens, and what a page may say."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from densehybrid_ros.core.scenes import Scene
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.tuner import server
from densehybrid_ros.nodes.tuner.frames import Frame
from densehybrid_ros.nodes.tuner.guarding import Guard, guard_for
from densehybrid_ros.nodes.tuner.rendering import Style
from densehybrid_ros.nodes.tuner.server import PAGE, PageServer

Visit = Callable[[aiohttp.ClientSession], Awaitable[Any]]


def frame(stamp: int, value: float = 0.0, camera: str = "front") -> Frame:
    semantic = np.zeros((30, 40), np.uint8)
    score = np.full((30, 40), value, np.float32)
    scene = Scene(semantic, score, semantic, 0.0)
    return Frame(camera, stamp, np.full((30, 40, 3), stamp, np.uint8), scene, (80, 60), 0.0, {"obstacles": []})


class Stage:
    """Stands for the ROS side."""

    def __init__(self) -> None:
        self.pages: list[int] = []
        self.kept = {"front": [frame(1), frame(2)]}
        self.asked: list[tuple[str, Any]] = []

    def audience(self, pages: int) -> None:
        self.pages.append(pages)

    def set_parameter(self, name: str, value: Any) -> Future[tuple[bool, str]]:
        self.asked.append((name, value))
        future: Future[tuple[bool, str]] = Future()
        future.set_result((name != "bad", "" if name != "bad" else "out of range"))
        return future

    def frames(self) -> dict[str, list[Frame]]:
        return {name: list(each) for name, each in self.kept.items()}

    def style(self, camera: str) -> Style:
        return Style([[1, 2, 3]])

    def parameter_text(self) -> str:
        return "/**: {}\n"


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def serve(stage: Stage) -> Iterator[Callable[[Guard], PageServer]]:
    servers: list[PageServer] = []

    def begin(guard: Guard) -> PageServer:
        servers.append(PageServer(stage, guard, "127.0.0.1", 0, 80))
        return servers[-1]

    yield begin
    for each in servers:
        each.stop()


@pytest.fixture
def page_server(serve: Callable[[Guard], PageServer]) -> PageServer:
    return serve(guard_for("127.0.0.1", [""]))


def visit(call: Visit) -> Any:
    async def run() -> Any:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            return await asyncio.wait_for(call(client), 30)

    return asyncio.run(run())


def got(url: str, **headers: str) -> tuple[int, str]:
    async def call(client: aiohttp.ClientSession) -> tuple[int, str]:
        async with client.get(url, headers=headers, allow_redirects=False) as response:
            return response.status, await response.text()

    return visit(call)


def picture(data: bytes) -> tuple[dict[str, Any], np.ndarray]:
    (length,) = struct.unpack_from("<I", data)
    head = json.loads(data[4 : 4 + length])
    image = cv2.imdecode(np.frombuffer(data[4 + length :], np.uint8), cv2.IMREAD_COLOR)
    return head, image


async def heard(socket: aiohttp.ClientWebSocketResponse, kind: str) -> Any:
    """The next message of that type; pictures and files with their pixels."""
    async for message in socket:
        if message.type == aiohttp.WSMsgType.BINARY:
            head, pixels = picture(message.data)
            if head["type"] == kind:
                return head, pixels
        elif json.loads(message.data)["type"] == kind:
            return json.loads(message.data)
    raise AssertionError(f"closed before {kind}")


def test_every_file_of_the_page_is_served_with_a_policy_and_nothing_else(page_server: PageServer) -> None:
    async def call(client: aiohttp.ClientSession) -> None:
        for path in ["", *(each.name for each in PAGE.iterdir())]:
            async with client.get(page_server.url + path) as response:
                assert response.status == 200, path
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
                assert response.headers["X-Content-Type-Options"] == "nosniff"

    visit(call)
    for path in ("..%2fnode.py", "..%2fpage%2fmain.js", "node.py", "%2e%2e/server.py", "page", "x.js", "%00.js", "a/b"):
        assert got(page_server.url + path)[0] == 404, path


def test_the_page_loads_nothing_from_elsewhere() -> None:
    for path in PAGE.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path
        assert "https://" not in text, path
        assert " style=" not in text, path  # which the policy forbids


def test_foreign_hosts_and_origins_are_refused(page_server: PageServer) -> None:
    assert got(page_server.url, Host="evil.example")[0] == 403
    assert got(page_server.url, Origin="http://evil.example")[0] == 403
    assert got(page_server.url + "parameters.yaml", Host="evil.example")[0] == 403
    own = page_server.url.rstrip("/")
    assert got(page_server.url, Origin=own) == got(page_server.url)

    async def call(client: aiohttp.ClientSession) -> int:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await client.ws_connect(page_server.url + "socket", origin="http://evil.example")
        return refusal.value.status

    assert visit(call) == 403


def test_beyond_this_machine_a_token_opens_the_page_once_and_a_cookie_from_then_on(
    serve: Callable[[Guard], PageServer], stage: Stage
) -> None:
    made = serve(Guard(frozenset({"localhost"}), False, "a token of some length"))
    plain = f"http://127.0.0.1:{made.port}/"
    for path in ("", "main.js", "parameters.yaml", "socket", "?token=wrong", "?token="):
        status, text = got(plain + path)
        assert status == 401, path
        assert "needs its token" in text
    assert got(plain, Authorization="Bearer a token of some length")[0] == 200
    assert got(plain, Authorization="Bearer wrong")[0] == 401
    assert got(plain, Cookie=f"densehybrid_tuner_{made.port}=wrong")[0] == 401

    async def call(client: aiohttp.ClientSession) -> None:
        async with client.get(plain, params={"token": "a token of some length"}, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/")
            cookie = response.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
        async with client.get(plain) as response:
            assert response.status == 200
        async with client.ws_connect(plain + "socket"):
            pass

    visit(call)
    assert made.url.endswith("?token=a%20token%20of%20some%20length")
    assert stage.pages[0] == 1


def test_pages_are_counted_and_no_more_than_a_few_are_served(
    page_server: PageServer, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_PAGES", 2)

    async def call(client: aiohttp.ClientSession) -> None:
        address = page_server.url + "socket"
        async with client.ws_connect(address), client.ws_connect(address):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await client.ws_connect(address)
            assert refusal.value.status == 503
        async with client.ws_connect(address):
            pass

    visit(call)
    assert max(stage.pages) == 2


def test_the_last_message_of_each_type_is_for_pages_that_come_later(page_server: PageServer) -> None:
    page_server.publish({"type": "model", "number": 1})
    page_server.publish({"type": "model", "number": 2})

    async def call(client: aiohttp.ClientSession) -> None:
        async with client.ws_connect(page_server.url + "socket") as socket:
            assert (await heard(socket, "model"))["number"] == 2
            page_server.publish({"type": "state", "number": 3})
            assert (await heard(socket, "state"))["number"] == 3

    visit(call)


def test_pictures_come_one_by_one_when_asked_for(page_server: PageServer, stage: Stage) -> None:
    async def call(client: aiohttp.ClientSession) -> None:
        async with client.ws_connect(page_server.url + "socket") as socket:
            ready = {"type": "ready", "camera": "front", "view": "picture"}
            await socket.send_json(ready)
            head, pixels = await heard(socket, "picture")
            assert (head["stamp"], head["camera"], head["size"]) == ("0.000000002", "front", [80, 60])
            assert abs(int(pixels.mean()) - 2) <= 1
            for number in (3, 4, 5):  # nobody has asked: nothing is sent, and nothing waits
                stage.kept["front"].append(frame(number))
                page_server.frame_arrived("front")
            with pytest.raises(asyncio.TimeoutError):
                await socket.receive(timeout=0.3)
            await socket.send_json(ready)
            head, _ = await heard(socket, "picture")
            assert head["stamp"] == "0.000000005"
            await socket.send_json(ready)
            with pytest.raises(asyncio.TimeoutError):  # it is there already
                await socket.receive(timeout=0.3)
            stage.kept["front"].append(frame(6))
            page_server.frame_arrived("front")
            head, _ = await heard(socket, "picture")
            assert head["stamp"] == "0.000000006"

    visit(call)


def test_a_paused_page_steps_back_over_frames_that_are_its_own(page_server: PageServer, stage: Stage) -> None:
    async def call(client: aiohttp.ClientSession) -> None:
        async with client.ws_connect(page_server.url + "socket") as socket:
            await socket.send_json({"type": "pause"})
            assert (await heard(socket, "paused"))["frames"] == {"front": 2}
            stage.kept["front"] = [frame(8)]
            show = {"type": "show", "camera": "front", "view": "picture"}
            await socket.send_json({**show, "back": 1})
            head, _ = await heard(socket, "picture")
            assert (head["stamp"], head["back"]) == ("0.000000001", 1)
            await socket.send_json({**show, "back": 2})
            assert "no such frame" in (await heard(socket, "error"))["text"]
            await socket.send_json({**show, "view": "overlay", "back": 0, "threshold": -1.0})
            head, pixels = await heard(socket, "picture")
            assert head["redrawn"] == -1.0
            assert pixels[..., 2].mean() > 100  # all of it is unknown, and red
            await socket.send_json({"type": "resume"})
            await socket.send_json({**show, "type": "save", "format": "png", "back": 0})
            head, pixels = await heard(socket, "file")
            assert (head["stamp"], head["format"]) == ("0.000000008", "png")
            assert (pixels == 8).all()

    visit(call)


def test_changes_are_answered_with_their_reason(page_server: PageServer, stage: Stage) -> None:
    async def call(client: aiohttp.ClientSession) -> None:
        async with client.ws_connect(page_server.url + "socket") as socket:
            await socket.send_json({"type": "set", "id": 5, "name": "threshold", "value": 1.5})
            answer = await heard(socket, "result")
            assert (answer["id"], answer["done"], answer["reason"]) == (5, True, "")
            await socket.send_json({"type": "set", "id": 6, "name": "bad", "value": [None]})
            answer = await heard(socket, "result")
            assert (answer["done"], answer["reason"]) == (False, "out of range")

    visit(call)
    assert stage.asked == [("threshold", 1.5), ("bad", [None])]


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "3", "null", "[" * 5000, '{"type": 1}', '{"type": "none"}', '{"type": "ready"}',
        '{"type": "ready", "camera": 3, "view": "overlay"}', '{"type": "ready", "camera": "", "view": "evil"}',
        '{"type": "set", "name": [], "value": 1}', '{"type": "save", "camera": "", "view": "heat", "format": "exe"}',
    ],
)  # fmt: skip
def test_nonsense_is_answered_and_the_page_is_served_on(page_server: PageServer, text: str) -> None:
    async def call(client: aiohttp.ClientSession) -> None:
        async with client.ws_connect(page_server.url + "socket") as socket:
            await socket.send_str(text)
            assert (await heard(socket, "error"))["text"]
            await socket.send_bytes(b"\xff\x00")
            assert (await heard(socket, "error"))["text"]
            await socket.send_json({"type": "show", "camera": "front", "view": "heat", "back": True, "threshold": "x"})
            await socket.send_json({"type": "ready", "camera": "nowhere", "view": "heat"})
            await socket.send_json({"type": "show", "camera": "front", "view": "heat", "back": 0})
            assert (await heard(socket, "picture"))[0]["view"] == "heat"

    visit(call)


def test_a_port_that_is_taken_and_a_host_that_is_none_are_refused(page_server: PageServer, stage: Stage) -> None:
    guard = guard_for("127.0.0.1", [""])
    with pytest.raises(SetupError, match=f"port {page_server.port}.* give another port"):
        PageServer(stage, guard, "127.0.0.1", page_server.port, 80)
    with pytest.raises(SetupError, match="is no address of this machine"):
        PageServer(stage, guard, "no such host", 0, 80)


def test_files_of_the_page_are_part_of_the_package() -> None:
    setup = (Path(server.__file__).parents[3] / "setup.py").read_text()
    assert 'f"{NAME}.nodes.tuner": ["page/*"]' in setup
    assert {path.suffix for path in PAGE.iterdir()} <= server.FILES.keys()
