"""What our stubs say of OpenCV is so in the OpenCV that is installed."""

from __future__ import annotations

import ast
from pathlib import Path

import cv2
import numpy as np
import pytest

STUB = ast.parse((Path(__file__).resolve().parents[1] / "typings" / "cv2.pyi").read_text())
FUNCTIONS = [node.name for node in STUB.body if isinstance(node, ast.FunctionDef)]
CLASSES = [node for node in STUB.body if isinstance(node, ast.ClassDef)]
CONSTANTS = [
    node.target.id
    for node in STUB.body
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id.isupper()
]


def test_every_name_is_there() -> None:
    methods = [
        f"{kind.name}.{node.name}" for kind in CLASSES for node in kind.body if isinstance(node, ast.FunctionDef)
    ]
    for name in (*FUNCTIONS, *methods):
        found: object = cv2
        for part in name.split("."):
            found = getattr(found, part)
        assert callable(found), name
    assert all(isinstance(getattr(cv2, name), int) for name in CONSTANTS)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_what_comes_out_has_the_type_of_what_goes_in(dtype: type) -> None:
    picture = np.ones((8, 9), dtype)
    matrix, square = np.eye(2, 3), np.eye(3)
    kernel = np.ones((3, 3), np.uint8)
    results = [
        cv2.GaussianBlur(picture, (0, 0), 1.0),
        cv2.addWeighted(picture, 0.5, picture, 0.5, 0),
        cv2.copyMakeBorder(picture, 0, 0, 1, 0, cv2.BORDER_REPLICATE),
        cv2.dilate(picture, kernel),
        cv2.erode(picture, kernel, borderValue=0),
        cv2.filter2D(picture, -1, square),
        cv2.merge([picture, picture]),
        cv2.remap(picture, *np.mgrid[0:8, 0:9].astype(np.float32)[::-1], cv2.INTER_LINEAR),
        cv2.resize(picture, (5, 4), interpolation=cv2.INTER_AREA),
        cv2.transform(picture[..., None], np.ones((1, 2))),
        cv2.warpAffine(picture, matrix, (5, 4), flags=cv2.INTER_LINEAR),
        cv2.warpPerspective(picture, square, (5, 4), flags=cv2.INTER_LINEAR),
    ]
    assert {result.dtype for result in results} == {np.dtype(dtype)}


def test_tables_and_mixed_sums_have_the_type_that_is_said() -> None:
    picture = np.ones((8, 9), np.uint8)
    assert cv2.LUT(picture, np.zeros(256, np.float32)).dtype == np.float32
    assert cv2.add(picture, np.ones((8, 9), np.int16), dtype=cv2.CV_8U).dtype == np.uint8
    assert cv2.multiply(picture, np.ones((8, 9), np.float32), dtype=cv2.CV_8U).dtype == np.uint8
    assert cv2.applyColorMap(picture, np.zeros((256, 1, 3), np.uint8)).dtype == np.uint8
    assert cv2.boxPoints(((1.0, 2.0), (3.0, 4.0), 5.0)).dtype == np.float32
    matcher = cv2.StereoSGBM.create(minDisparity=0, numDisparities=16, blockSize=5)
    assert matcher.compute(np.zeros((20, 40), np.uint8), np.zeros((20, 40), np.uint8)).dtype == np.int16
