"""Valid inputs with faults in them: of bytes, of text, of what JSON holds, of what zip and safetensors files hold."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load

from densehybrid_ros.models.checkpoint import content_hash

Change = Callable[[bytes, Random], bytes]
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)
"""Numbers at which counters and sizes break."""
WORDS = (
    *("-1", "1e999", "nan", "9" * 400, "1" + "0" * 18, "null", "true", "[]", "{}", '""', "~", "-", ": ", "\t", "\x00"),
    *("&a [*a]", "*a", "&a ", "<<: ", "<<: *a", "!!python/object/apply:os.system", "!!binary", "!!set", "? ", "---"),
    *("../../etc/passwd", "/dev/zero", "é", "\ud7ff", "[" * 300, "{a: " * 300, "2001-01-01", "0x7fffffffffffffff"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 255, 10**6, 10**9, 2**63, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan")),
    *("", "a", "1", "x" * 10_000, "é", "\x00", [], {}, [[]], [None], [0] * 300, {"a": {}}, [1e308, -1e308]),
)
MOST_FAULTS = 4


def changed_bytes(content: bytes, random: Random) -> bytes:
    """Some bytes overwritten, put in, left out, doubled, or cut off."""
    data = bytearray(content)
    for _ in range(random.randint(1, MOST_FAULTS)):
        place = random.randint(0, len(data))
        length = min(random.choice((1, 1, 2, 4, 8, 16, 64, 1024)), len(data) - place)
        kind = random.randrange(7)
        if kind == 0 and length:
            data[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[place : place + length] = random.randbytes(length)
        elif kind == 2:
            width = random.choice((1, 2, 4, 8))
            number = random.choice(EDGES) % 256**width
            data[place : place + width] = number.to_bytes(width, random.choice(("little", "big")))
        elif kind == 3:
            data[place:place] = random.randbytes(random.choice((1, 4, 16, 200)))
        elif kind == 4:
            del data[place : place + length]
        elif kind == 5:
            data[place:place] = data[place : place + length] * random.choice((1, 2, 50))
        elif random.random() < 0.3:
            del data[place:]
    return bytes(data)


def changed_text(content: bytes, random: Random) -> bytes:
    """Words and lines overwritten, put in, left out, doubled; now and then bytes that are no text."""
    if random.random() < 0.2:
        return changed_bytes(content, random)
    lines = content.decode(errors="replace").splitlines(keepends=True) or [""]
    for _ in range(random.randint(1, MOST_FAULTS)):
        place = random.randrange(len(lines))
        kind = random.randrange(6)
        if kind == 0:
            words = lines[place].split(" ")
            words[random.randrange(len(words))] = random.choice(WORDS)
            lines[place] = " ".join(words)
        elif kind == 1:
            head, colon, _ = lines[place].partition(": ")
            lines[place] = f"{head}{colon}{random.choice(WORDS)}\n"
        elif kind == 2:
            lines[place] = random.choice(("", " ", "  ")) + random.choice(lines)
        elif kind == 3:
            lines.insert(place, random.choice(lines))
        elif kind == 4:
            at = random.randint(0, len(lines[place]))
            lines[place] = lines[place][:at] + random.choice(WORDS) + lines[place][at:]
        elif len(lines) > 1:
            del lines[place]
    return "".join(lines).encode(errors="replace")


def changed_json(content: bytes, random: Random) -> bytes:
    """Another value in one or several places of the tree, a part left out, or doubled; or faulty text."""
    if random.random() < 0.15:
        return changed_text(content, random)
    tree = json.loads(content)
    for _ in range(random.randint(1, 3)):
        tree = _changed_tree(tree, random)
    if random.random() < 0.01:  # deeper than the reader's stack
        return b"[" * 100_000 + json.dumps(tree).encode()
    return json.dumps(tree).encode()


def _changed_tree(tree: Any, random: Random) -> Any:
    inner = list(tree) if isinstance(tree, dict) else list(range(len(tree))) if isinstance(tree, list) else []
    if not inner or random.random() < 0.15:
        return random.choice(VALUES)
    key = random.choice(inner)
    tree = tree.copy()
    kind = random.randrange(8)
    if kind == 0:
        del tree[key]
    elif kind == 1 and isinstance(tree, list):
        tree *= random.choice((2, 30))
    elif kind == 2 and isinstance(tree, dict):
        tree[random.choice(("", "x", "__class__", "self", "architecture"))] = tree[key]
    else:
        tree[key] = _changed_tree(tree[key], random)
    return tree


def changed_safetensors(content: bytes, random: Random) -> bytes:
    """The header's JSON, or the JSON that its metadata hold; the hash mostly fits again. Else bytes."""
    size = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + size]), content[8 + size :]
    metadata = header.get("__metadata__", {})
    nested = [name for name, text in metadata.items() if text.startswith("{")]
    kind = random.randrange(4)
    if kind == 0:
        return changed_bytes(content, random)
    if kind == 1 or not nested:
        names = [name for name in header if name != "__metadata__"]
        name = random.choice(names)
        header[name] = _changed_tree(header[name], random)
        if random.random() < 0.5:
            header[random.choice(("", "x", "logits.weight", name + ".x"))] = header.pop(name)
    else:
        name = random.choice(nested)
        metadata[name] = changed_json(metadata[name].encode(), random).decode(errors="replace")
    if random.random() < 0.2:
        body = changed_bytes(body, random)
    return _sealed(header, body)


def _sealed(header: dict[str, Any], body: bytes) -> bytes:
    """With the hash of its tensors, where these can be read."""

    def whole() -> bytes:
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + body

    with suppress(SafetensorError, KeyError, TypeError, ValueError, RuntimeError, AttributeError, OverflowError):
        header["__metadata__"]["sha256"] = content_hash(load(whole()))
    return whole()


def changed_zip(inner: Change = changed_bytes) -> Change:
    """One of the files in an archive changed, doubled, left out or compressed; or the archive's own bytes."""

    def change(content: bytes, random: Random) -> bytes:
        if random.random() < 0.3 or not zipfile.is_zipfile(io.BytesIO(content)):
            return changed_bytes(content, random)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [(name, archive.read(name)) for name in archive.namelist()]
        # the pickle, which comes first in what torch writes, decides
        place = 0 if random.random() < 0.7 else random.randrange(len(parts))
        name, data = parts[place]
        kind = random.randrange(8)
        if kind == 0:
            del parts[place]
        elif kind == 1:
            parts[place] = (random.choice(("x", "../x", "archive/data/0", name + "x")), data)
        else:
            parts[place] = (name, inner(data, random))
        packing = zipfile.ZIP_DEFLATED if random.random() < 0.2 else zipfile.ZIP_STORED
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", packing) as archive:
            for name, data in parts:
                archive.writestr(name, data)
        return buffer.getvalue()

    return change
