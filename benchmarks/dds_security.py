"""The SROS 2 policy, tried with Fast DDS's security: who gets an endpoint, who is refused one, and who hears whom.

    python benchmarks/dds_security.py --sros2 DIR [--keep DIR]

The wheels of ROS hold a Fast DDS without security, so this tries the DDS below: Debian's own (apt install g++
libfastrtps-dev openssl python3-lxml). DIR is a checkout of ros2/sros2, whose schemas check the policy, and whose
stylesheet and governance make of it what ROS signs. Keys are made by openssl as `ros2 security` makes them. Endpoints
bear the names that ROS gives to topics (rt/…) and services (rq/…Request, rr/…Reply).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from densehybrid_ros.dds.policy import ENCLAVES, Names, policy, rights
from densehybrid_ros.topics import IMAGE, OBSTACLE_SCAN, SEGMENTER

SOURCE = Path(__file__).with_suffix(".cpp")
DOMAIN = 77
SECONDS = 8.0
"""s for which endpoints stay."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sros2", type=Path, required=True, help="a checkout of ros2/sros2")
    parser.add_argument("--keep", type=Path, default=None, help="folder for program and keys")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        program = _built(folder)
        names = Names("/car", ["front", "left"], {IMAGE.of("front"): f"/cam/{IMAGE.name}"})
        _make_keys(folder, names, arguments.sros2 / "sros2" / "sros2" / "policy")
        problems = [*_endpoints(program, folder, names), *_traffic(program, folder)]
    print("\n".join(problems) or "all as the policy says")
    return int(bool(problems))


def _built(folder: Path) -> Path:
    program = folder / "trial"
    subprocess.run(["g++", "-O1", "-o", program, SOURCE, "-lfastrtps", "-lfastcdr", "-lpthread"], check=True)
    return program


def _make_keys(folder: Path, names: Names, sros2: Path) -> None:
    """A folder for each enclave, with what a participant of it is given."""
    etree: Any = import_module("lxml.etree")
    document = etree.fromstring(policy(names).encode())
    _schema(etree, sros2 / "schemas" / "policy.xsd").assertValid(document)
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "ca.key")
    _openssl(
        "req",
        "-x509",
        "-new",
        "-key",
        folder / "ca.key",
        "-subj",
        "/CN=trial",
        "-days",
        "30",
        "-out",
        folder / "ca.pem",
    )
    for role in rights(names):
        place = folder / role
        place.mkdir(exist_ok=True)
        (place / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", place / "key.pem")
        request = place / "request"
        name = "/CN=" + f"{ENCLAVES}/{role}".replace("/", "\\/")
        _openssl("req", "-new", "-key", place / "key.pem", "-subj", name, "-out", request)
        signed = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "30"]
        _openssl("x509", "-req", "-in", request, *signed, "-out", place / "cert.pem")
        governance = (sros2 / "defaults" / "dds" / "governance.xml").read_bytes()
        _sign(place / "governance.p7s", governance.replace(b"<id>0</id>", f"<id>{DOMAIN}</id>".encode()), folder)
        _sign(place / "permissions.p7s", _permissions(etree, document, role, sros2), folder)


def _permissions(etree: Any, document: Any, role: str, sros2: Path) -> bytes:
    """Of one enclave, as `ros2 security create_permission` makes them."""
    own = etree.fromstring(etree.tostring(document))
    for enclave in own.findall("enclaves/enclave"):
        if enclave.get("path") != f"{ENCLAVES}/{role}":
            enclave.getparent().remove(enclave)
    made = etree.XSLT(etree.parse(str(sros2 / "templates" / "dds" / "permissions.xsl")))(
        own, allow_ros_discovery_topic=etree.XSLT.strparam("1")
    )
    for number in made.findall("permissions/grant/*/domains/id"):
        number.text = str(DOMAIN)
    _schema(etree, sros2 / "schemas" / "dds" / "permissions.xsd").assertValid(made)
    return etree.tostring(made, pretty_print=True)


def _schema(etree: Any, path: Path) -> Any:
    """With the schema of XML's own attributes out of the checkout, instead of from its address."""
    text = path.read_bytes().replace(
        b"http://www.w3.org/2001/03/xml.xsd", (path.parents[4] / "sros2" / "xml_cache" / "xml.xsd").as_uri().encode()
    )
    return etree.XMLSchema(etree.fromstring(text))


def _sign(out: Path, content: bytes, folder: Path) -> None:
    plain = out.with_suffix(".xml")
    plain.write_bytes(content)
    keys = ["-inkey", folder / "ca.key", "-signer", folder / "ca.pem"]
    _openssl("smime", "-sign", "-text", "-in", plain, "-out", out, *keys)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _endpoints(program: Path, folder: Path, names: Names) -> list[str]:
    """Every role asks for every endpoint of all roles; what is made must be what the policy allows it."""
    allowed = {role: _allowed(folder / role) for role in rights(names)}
    every = sorted(set().union(*allowed.values()) | {("w", "rt/other"), ("r", "rt/other")})
    problems: list[str] = []
    for role, own in allowed.items():
        made = {(kind, name) for kind, name, answer in _asked(program, folder / role, every, 0.0) if answer == "made"}
        print(f"{role}: {len(made)} endpoints made, {len(every) - len(made)} refused")
        problems += [f"{role} got {kind} {name}" for kind, name in sorted(made - own)]
        problems += [f"{role} was refused {kind} {name}" for kind, name in sorted(own - made)]
    return problems


def _allowed(place: Path) -> set[tuple[str, str]]:
    etree: Any = import_module("lxml.etree")
    grant = etree.parse(str(place / "permissions.xml")).getroot()
    kinds = {"publish": "w", "subscribe": "r"}
    return {(kind, each.text) for name, kind in kinds.items() for each in grant.findall(f".//{name}/topics/topic")}


def _traffic(program: Path, folder: Path) -> list[str]:
    """The planner hears the segmenter, and the segmenter the player; nobody hears a stranger, and he hears nobody."""
    scan, image = f"rt/car/{OBSTACLE_SCAN.under(SEGMENTER, 'front')}", f"rt/cam/{IMAGE.name}"
    segmenter, planner, player = (folder / role for role in ("segmenter", "planner", "player"))
    stranger = Path("-")  # without keys
    heard = _talk(
        program,
        [(segmenter, ["w", scan, "r", image]), (planner, ["r", scan]), (player, ["w", image]), (stranger, ["r", scan])],
    )
    alone = _talk(program, [(segmenter, ["r", image]), (planner, ["r", scan]), (stranger, ["w", image, "w", scan])])
    print(f"heard: segmenter {heard[0]}, planner {heard[1]}, stranger {heard[3]}; of a stranger {alone[0] + alone[1]}")
    problems = [] if heard[0] and heard[1] else ["what is allowed was not heard"]
    return problems + (["a stranger was heard, or heard"] if heard[3] or alone[0] or alone[1] else [])


def _talk(program: Path, talks: Sequence[tuple[Path, Sequence[str]]]) -> list[int]:
    """How much each heard."""
    running = [_begun(program, place, SECONDS) for place, _ in talks]
    for process, (_, words) in zip(running, talks, strict=True):
        assert process.stdin
        process.stdin.write(_lines(list(zip(words[::2], words[1::2], strict=True))))
        process.stdin.close()
    return [_heard(process) for process in running]


def _begun(program: Path, place: Path, seconds: float) -> subprocess.Popen[str]:
    command = [program, str(place), str(DOMAIN), str(seconds)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def _heard(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    with process.stdout as lines:
        found = sum(int(line.split()[2]) for line in lines if line.startswith("heard "))
    process.wait(timeout=60)
    return found


def _lines(wanted: Sequence[tuple[str, str]]) -> str:
    return "".join(f"{kind} {name}\n" for kind, name in wanted)


def _asked(program: Path, place: Path, wanted: Sequence[tuple[str, str]], seconds: float) -> list[tuple[str, str, str]]:
    process = _begun(program, place, seconds)
    lines = process.communicate(_lines(wanted), timeout=120)[0].splitlines()
    answers = [line.split() for line in lines if line.startswith(("w ", "r "))]
    assert len(answers) == len(wanted), lines[:3]
    return [(kind, name, answer) for kind, name, answer in answers]


if __name__ == "__main__":
    sys.exit(main())
