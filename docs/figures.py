"""python docs/figures.py OUT --data DATA: measures the bundled weights, and writes what the pages tell of them.

Every measurement is a command of `densehybrid` that writes OUT/NAME.json. One whose file is there is not run again, so
that what was broken off goes on, and `--only NAME ...` shares the work among cores. Then the tables between the lines
`<!-- figures: NAME -->` and `<!-- end -->` are written from all files that are there. OUT belongs to one weights file.
DATA holds `smiyc`, `camvid_ood`, `camvid`, `cityscapes`, `negatives_objects`, and the `roadworld` of `densehybrid
render-roadworld`. Half an hour of two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from densehybrid_ros.models.checkpoint import BUNDLED

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "models/weights/ladder_lite0_roads.md", "docs/evaluation.md")
PLACE = re.compile(r"(?<=^<!-- figures: )([\w ]+)( -->\n).*?(?=^<!-- end -->$)", re.DOTALL | re.MULTILINE)
RATES = "--target-tpr=0.8,0.9,0.95"
WHOLE = {"smiyc-obstacle": "smiyc", "smiyc-anomaly": "smiyc", "camvid-ood": "camvid_ood", "roadworld": "roadworld"}
"""Sets on which scores are told, and their folders."""
SHOWN = {
    "smiyc-obstacle": "`smiyc-obstacle` (30 pictures)",
    "smiyc-anomaly": "`smiyc-anomaly` (10)",
    "camvid-ood": "`camvid-ood` (117, pasted)",
    "roadworld": "`roadworld` val (40, rendered)",
}
STATISTICS = "roads.statistics.safetensors"
Found = dict[str, dict[str, Any]]
"""Name of a measurement → what its file holds."""


def commands(data: Path, out: Path) -> dict[str, list[str]]:
    """Arguments of `densehybrid` for each measurement, without --json."""

    def evaluate(name: str, root: str, *more: str) -> list[str]:
        return ["evaluate", name, "--root", str(data / root), *more]

    folders = {name: str(data / root) for name, root in WHOLE.items()}
    train = [word for name in ("cityscapes", "camvid") for word in ("--set", name, str(data / name), "train")]
    return {
        "smiyc-obstacle": evaluate("smiyc-obstacle", "smiyc", "--components", RATES),
        "smiyc-anomaly": evaluate("smiyc-anomaly", "smiyc", "--components", RATES),
        "camvid-ood": evaluate("camvid-ood", "camvid_ood", "--no-open-set"),
        "roadworld": evaluate("roadworld", "roadworld", "--split", "val", "--no-open-set"),
        "cityscapes": evaluate("cityscapes", "cityscapes", "--split", "val", "--scores", "none"),
        "camvid": evaluate("camvid", "camvid", "--scores", "none"),
        "pasted": [
            *evaluate("cityscapes", "cityscapes", "--split", "val", "--per-picture", "--intervals", "1000"),
            *("--negatives", str(data / "negatives_objects"), "validation"),
            *("--scores", "hybrid,likelihood,posterior,max_logit,msp"),
        ],
        "statistics": ["fit-score", "all", *train, "--pictures", "60", "--out", str(out / STATISTICS)],
        "baselines": [
            *("compare", "--scores", "all,baselines", "--statistics", str(out / STATISTICS), "--intervals", "1000"),
            *("--no-open-set", "--no-miou"),
            *(word for name in list(WHOLE)[:-1] for word in ("--set", name, folders[name])),
            *("--set", "roadworld", folders["roadworld"], "val"),
        ],
    }


def keep_to_weights(out: Path) -> None:
    """Ends where what OUT holds was measured with other weights."""
    digest, note = hashlib.sha256(BUNDLED.read_bytes()).hexdigest(), out / "weights.sha256"
    if note.is_file() and note.read_text() != digest:
        raise SystemExit(f"{out} holds figures of other weights than {BUNDLED.name} is now; give a new folder")
    note.write_text(digest)


def measure(name: str, arguments: list[str], out: Path) -> None:
    """Runs one, unless its file is there."""
    file = out / f"{name}.json"
    if file.is_file():
        return
    print(f"densehybrid {' '.join(arguments)}", flush=True)
    found = [] if arguments[0] == "fit-score" else ["--json", str(file)]
    subprocess.run([sys.executable, "-m", "densehybrid_ros.cli", *arguments, *found], check=True, cwd=ROOT)
    if not found:
        file.write_text("{}\n")


def table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(cells)} |\n".replace("| ---", "|---").replace("--- |", "---|") for cells in lines)


def one(value: float) -> str:
    """With one decimal and a real minus."""
    return f"{value:.1f}".replace("-", "−")


def pair(figures: dict[str, float]) -> str:
    return f"{figures['ap']:.1f} / {figures['fpr95']:.1f}"


def scores_of(names: list[str]) -> Callable[[Found], str]:
    """A table of the four scores on sets."""

    def written(found: Found) -> str:
        listed = {"hybrid": "hybrid", "likelihood": "likelihood", "posterior": "posterior", "msp": "MSP"}
        rows = [[SHOWN[name], *(pair(found[name]["scores"][score]) for score in listed)] for name in names]
        return table(["set", *listed.values()], rows)

    return written


def mean_iou(found: Found) -> str:
    towns, camvid, roadworld = (one(found[name]["miou"]) for name in ("cityscapes", "camvid", "roadworld"))
    return (
        f"mIoU on 232 pictures of two Cityscapes cities that were kept apart: {towns}; on CamVid val, read in its 11\n"
        f"classes: {camvid}; on Roadworld val: {roadworld}.\n"
    )


def things(found: Found) -> str:
    rows = []
    for name in ("smiyc-obstacle", "smiyc-anomaly"):
        figures = found[name]["components"]["hybrid"]
        rows.append([f"`{name}`", *(one(figures[part]) for part in ("siou", "ppv", "f1"))])
    return table(["set", "sIoU", "PPV", "F1*"], rows)


def rates(found: Found) -> str:
    """What `target_tpr` promises, and what comes."""
    names = ("smiyc-obstacle", "smiyc-anomaly")
    kept = [[each for each in found[name]["target_tpr"] if each["score"] == "hybrid"] for name in names]
    rows = []
    for each in zip(*kept, strict=True):
        came = [f"{100 * reached['tpr']:.1f}, {100 * reached['fpr']:.2f}" for reached in each]
        threshold = f"{each[0]['threshold']:.2f}".replace("-", "−")
        rows.append([f"{100 * each[0]['target_tpr']:.0f}", threshold, *came])
    return table(["promised", "threshold", *(f"`{name}`" for name in names)], rows)


def baselines_of(figure: str, title: str) -> Callable[[Found], str]:
    """A table of all scores on all sets, with intervals."""

    def written(found: Found) -> str:
        results = found["baselines"]["results"]
        rows: list[list[str]] = []
        for score in results[0]["scores"]:
            row = [f"`{score}`"]
            for each in results:
                low, high = each["intervals"]["scores"][score][figure]
                row.append(f"{each['scores'][score][figure]:.1f} [{low:.1f}, {high:.1f}]")
            rows.append(row)
        return table([title, *(f"`{each['set'].partition('/')[0]}`" for each in results)], rows)

    return written


def open_set(found: Found) -> str:
    """The pasted set as one segmentation."""
    pasted, ends = found["pasted"], found["pasted"]["intervals"]
    rows: list[list[str]] = []
    for score, figures in pasted["scores"].items():
        row = [f"`{score}`"]
        for part in ("ap", "fpr95", "auroc"):
            low, high = ends["scores"][score][part]
            row.append(f"{figures[part]:.1f} [{low:.1f}, {high:.1f}]")
        whole = pasted["open_set"][score]
        low, high = ends["open_set"][score]["open_miou"]
        row += [f"{whole['open_miou']:.1f} [{low:.1f}, {high:.1f}]", one(whole["gap"]), one(whole["mean_f1"])]
        rows.append(row)
    low, high = ends["miou"]
    mean = pasted["open_set"]["hybrid"]["closed_miou"]
    return table(["score", "AP", "FPR95", "AUROC", "open-mIoU", "gap", "mF1"], rows) + (
        f"\nmIoU {pasted['miou']:.1f} [{low:.1f}, {high:.1f}]; {mean:.1f} as the mean of the two cities, from which the"
        " gap is taken.\n"
    )


TABLES: dict[str, Callable[[Found], str]] = {
    "scores": scores_of(["smiyc-obstacle", "smiyc-anomaly", "camvid-ood"]),
    "all sets": scores_of(list(SHOWN)),
    "mean IoU": mean_iou,
    "things": things,
    "rates": rates,
    "baselines AP": baselines_of("ap", "AP"),
    "baselines FPR95": baselines_of("fpr95", "FPR95"),
    "open set": open_set,
}


def filled(text: str, found: Found) -> str:
    """A page with every table whose measurements are there."""

    def written(place: re.Match[str]) -> str:
        try:
            return place[1] + place[2] + TABLES[place[1]](found)
        except KeyError as lacking:
            if lacking.args[0] not in commands(ROOT, ROOT):
                raise
            print(f"{place[1]} stays as it is: {lacking} was not measured")
            return place[0]

    return PLACE.sub(written, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="measurements; none = write what is there")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    keep_to_weights(out)
    wanted = commands(arguments.data.resolve(), out)
    if unknown := set(arguments.only or ()) - set(wanted):
        parser.error(f"--only knows {', '.join(wanted)}, not {', '.join(sorted(unknown))}")
    for name in wanted if arguments.only is None else arguments.only:
        measure(name, wanted[name], out)
    files = {name: out / f"{name}.json" for name in wanted}
    found = {name: json.loads(file.read_text()) for name, file in files.items() if file.is_file()}
    for page in PAGES:
        path = ROOT / page
        path.write_text(filled(path.read_text(), found))


if __name__ == "__main__":
    main()
