"""The page: nothing is loaded, figures are those of the JSON, and no name of a file becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.baselines import BASELINES
from densehybrid_ros.training.commands import compare, evaluate
from densehybrid_ros.training.reports import charts
from densehybrid_ros.training.reports.charts import Series, logarithmic_percent_axis, percent_axis, score_axis
from densehybrid_ros.training.reports.document import Document, Part
from densehybrid_ros.training.reports.elements import Markup, element
from densehybrid_ros.training.reports.outputs import refuse_outputs
from densehybrid_ros.training.reports.page import page_of

HOSTILE = "\"><img src=x onerror='alert(1)'><script>alert(2)<!script>&amp;`|.png"
"""As a name of a file can be."""
WITHOUT_END = {"meta", "img", "input", "br"}


@dataclass
class Page(HTMLParser):
    """Elements with their attributes, tables as rows of texts; fails where elements are not closed in order."""

    text: str
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self.feed(self.text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in WITHOUT_END:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self._open):
            self.tables[-1][-1][-1] += data

    def table(self, *heading: str) -> list[list[str]]:
        """Rows of the first table whose heading begins so."""
        return next(rows[1:] for rows in self.tables if rows[0][: len(heading)] == list(heading))


@pytest.fixture
def own(tmp_path: Path, picture: np.ndarray) -> Path:
    """Four pictures with masks, one of a hostile name."""
    root = tmp_path / "own"
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number, name in enumerate(["a.png", "b.png", "c.png", HOSTILE]):
        mask = np.zeros(picture.shape[:2], np.uint8)
        mask[10:30, 20 : 50 + 10 * number], mask[:5] = 1, 255
        for folder, pixels in (("images", np.roll(picture, 9 * number, 1)), ("masks", mask)):
            written, content = cv2.imencode(".png", pixels)
            assert written
            (root / folder / name).write_bytes(content.tobytes())
    return root


def report(tmp_path: Path, own: Path, weights: Path, *options: str) -> tuple[Page, dict, str]:
    """The page, the JSON and the Markdown of one run."""
    html, figures, markdown = (tmp_path / f"out.{ending}" for ending in ("html", "json", "md"))
    given = ["folder", "--root", str(own), "--weights", str(weights), "--device", "cpu", *options]
    evaluate.main([*given, "--json", str(figures), "--report", str(html), "--report", str(markdown)])
    return Page(html.read_text()), json.loads(figures.read_text()), markdown.read_text()


def test_nothing_is_loaded_from_anywhere_and_only_its_own_script_may_run(
    tmp_path: Path, own: Path, random_weights: Path
) -> None:
    page, _, _ = report(tmp_path, own, random_weights)
    loading = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href", "formaction"}
    sources = [value for _, attributes in page.elements for name, value in attributes.items() if name in loading]
    assert len(sources) == 8, "two views of each picture"
    assert all(re.fullmatch(r"data:image/jpeg;base64,[A-Za-z0-9+/]+=*", source or "") for source in sources)
    for source in sources:
        content = np.frombuffer(base64.b64decode((source or "").partition(",")[2]), np.uint8)
        assert cv2.imdecode(content, cv2.IMREAD_COLOR).shape == (96, 160, 3)
    assert not {tag for tag, _ in page.elements} & {"link", "iframe", "object", "embed", "base", "form", "image", "use"}
    assert not re.search(r"https?:|url\(|@import|//[a-z]", re.sub(r"base64,[^\"]*", "", page.text))
    (policy,) = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert (policy or "").startswith("default-src 'none'; img-src data:;")
    for tag in ("style", "script"):
        (inner,) = re.findall(f"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in (policy or "")
    assert not [name for _, attributes in page.elements for name in attributes if name == "style" or name[:2] == "on"]


def test_figures_of_page_and_markdown_are_those_of_the_json(tmp_path: Path, own: Path, random_weights: Path) -> None:
    options = ("--components", "--scores", "hybrid,msp,likelihood")
    page, figures, markdown = report(tmp_path, own, random_weights, *options)
    scores = [
        [name, *(f"{figures['scores'][name][key]:.2f}" for key in ("ap", "fpr95", "auroc"))]
        for name in figures["scores"]
    ]
    assert len(scores) == 3
    assert page.table("score", "AP %") == scores
    assert all(f"| {' | '.join(row)} |" in markdown for row in scores)
    things = figures["components"]["hybrid"]
    names = ("pixel_f1", "siou", "ppv", "f1")
    shown = ["-" if things[name] is None else f"{things[name]:.2f}" for name in names]
    assert page.table("score", "F1 of pixels %")[0] == ["hybrid", *shown, f"{things['threshold']:.3f}"]
    reached = figures["target_tpr"]
    assert {each["score"] for each in reached} == {"hybrid", "likelihood"}, "those whose calibration is stored"
    assert page.table("score", "promised TPR %") == [
        [e["score"], *(f"{100 * e[name]:.2f}" for name in ("target_tpr", "tpr", "fpr")), f"{e['threshold']:.3f}"]
        for e in reached
    ]
    extremes = figures["extremes"]
    assert [each["name"] for each in extremes].count(HOSTILE) == 1
    assert [row[0] for row in page.table("picture", "among")] == [each["name"] for each in extremes]
    assert [row[2] for row in page.table("picture", "among")] == [f"{each['ap']:.2f}" for each in extremes]
    ap = [each["ap"] for each in extremes]
    assert ap[0] == max(ap)
    assert min(ap) == next(each["ap"] for each in extremes if each["among"] == "worst")


def test_curves_are_drawn_where_the_json_has_them(tmp_path: Path, own: Path, random_weights: Path) -> None:
    page, figures, _ = report(tmp_path, own, random_weights, "--scores", "hybrid,msp")
    lines = [attributes for tag, attributes in page.elements if tag == "polyline"]
    assert [line["data-series"] for line in lines] == ["0", "1", "0", "1", "0"], "PR, ROC, and one calibration"
    curve = figures["curves"]["msp"]
    drawn = np.array([each.split(",") for each in (lines[1]["points"] or "").split()], float)
    assert drawn == pytest.approx(
        np.stack([54 + 286 * np.array(curve["tpr"]), 216 - 204 * np.array(curve["precision"])], 1), abs=0.06
    )
    assert len([tag for tag, attributes in page.elements if attributes.get("class") == "threshold"]) == 1, (
        "that of MSP is not stored"
    )


def test_no_name_becomes_markup(tmp_path: Path, own: Path, random_weights: Path) -> None:
    weights = tmp_path / "<script>alert(3)<!script>\"'.safetensors"
    weights.write_bytes(random_weights.read_bytes())
    page, _, markdown = report(tmp_path, own, weights)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 1
    assert tags.count("img") == 8
    assert not {name for _, attributes in page.elements for name in attributes} & {"onerror", "src=x"}
    assert sum(HOSTILE in (attributes.get("alt") or "") for _, attributes in page.elements) == 2
    assert not re.search(r"(?<!\\)<(script|img)", markdown)


def test_a_comparison_has_its_table_and_a_part_for_each_weights_and_set(
    tmp_path: Path, own: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(random_weights.read_bytes())
    files = ["--json", str(tmp_path / "c.json"), "--report", str(tmp_path / "c.html")]
    given = ["--set", "folder", str(own), "--scores", "hybrid,msp", "--device", "cpu"]
    compare.main(["--weights", str(random_weights), str(other), *given, *files])
    figures = json.loads((tmp_path / "c.json").read_text())["results"]
    assert [each["name"] for each in figures] == ["random", "other"]
    page = Page((tmp_path / "c.html").read_text())
    rows = page.table("weights", "score")
    assert rows == [
        [each["name"], name, *(f"{each['scores'][name][key]:.2f}" for key in ("ap", "fpr95", "auroc"))]
        for each in figures
        for name in ("hybrid", "msp")
    ]
    assert [tag for tag, _ in page.elements].count("section") == 2
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed[1:] == rows


def test_rows_by_range_are_a_table_and_a_line_over_the_middles_of_the_bins() -> None:
    def row(low: int | None, ap: float | None) -> dict:
        place = {} if low is None else {"low": float(low), "high": low + 5.0}
        return {**place, "ap": ap, "fpr95": 1.0, "auroc": 99.0, "inlier_pixels": 70, "anomalous_pixels": 3}

    overall = {**row(None, 40.0), "by_range": [row(5, 80.0), row(10, None), row(15, 20.0)]}
    figures = {"protocol": "lostandfound", "split": "test", "weights": "w", "frames": 2, "scores": {"hybrid": overall}}
    page = Page(page_of(Document("title", [Part("part", figures)])))
    assert page.table("range m") == [
        ["all", "40.00", "1.00", "99.00", "70", "3"],
        ["5-10", "80.00", "1.00", "99.00", "70", "3"],
        ["10-15", "-", "1.00", "99.00", "70", "3"],
        ["15-20", "20.00", "1.00", "99.00", "70", "3"],
    ]
    (line,) = [attributes for tag, attributes in page.elements if tag == "polyline"]
    drawn = [float(each) for each in (line["points"] or "").replace(",", " ").split()]
    assert drawn == pytest.approx([54 + 286 * 0.15, 216 - 204 * 0.8, 54 + 286 * 0.35, 216 - 204 * 0.2], abs=0.06)
    assert "lostandfound/test, weights w, 2 pictures" in page.text


def test_a_report_of_another_ending_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"'.pdf' is unknown; choose one of .html, .md"):
        refuse_outputs(None, [tmp_path / "out.pdf"])


def test_elements_escape_texts_and_attributes() -> None:
    made = element("p", "a<b", element("b", "&"), class_='x"y', data_n=1.5, hidden=None)
    assert made == Markup('<p class="x&quot;y" data-n="1.5">a&lt;b<b>&amp;</b></p>')


def test_axes_place_values_and_choose_round_ticks() -> None:
    assert percent_axis("x").share(0.25) == 0.25
    axis = logarithmic_percent_axis("FPR", 1e-4)
    assert axis.ticks == pytest.approx((1e-4, 1e-3, 1e-2, 0.1, 1))
    assert [axis.share(value) for value in (0, 1e-4, 1e-2, 1)] == pytest.approx([0, 0, 0.5, 1])
    assert score_axis(-21.3, 8.6).ticks == (-20, -15, -10, -5, 0, 5)
    assert score_axis(0.012, 0.051).ticks == (0.02, 0.03, 0.04, 0.05)


def test_no_two_of_all_scores_have_lines_that_look_alike() -> None:
    """Those that share a colour are dashed in different ways."""
    styles = [Series("", number, (), ()).style for number in range(32)]
    assert len(set(styles)) == 32 >= len(SCORES) + len(BASELINES)
    assert styles[0] == "series c0"
    assert styles[17] == "series c5"
    sheet = Path(charts.__file__).with_name("page.css").read_text()
    assert all(f".{name} {{" in sheet for style in styles for name in style.split())
