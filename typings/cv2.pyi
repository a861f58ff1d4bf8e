"""OpenCV as far as we use it: what comes out has the type of what goes in.

OpenCV's own stubs know one kind of array, whatever its numbers; with them every picture's type would be lost in each
call. test/test_typings.py compares the names with the OpenCV that is installed.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)
Size: TypeAlias = tuple[int, int]
"""Width and height, or column and row."""
Colour: TypeAlias = float | Sequence[float]
Points: TypeAlias = NDArray[np.int32] | NDArray[np.intp]
Box: TypeAlias = tuple[tuple[float, float], tuple[float, float], float]

BORDER_CONSTANT: int
BORDER_REFLECT_101: int
BORDER_REPLICATE: int
CAP_PROP_FRAME_COUNT: int
CAP_PROP_FPS: int
CAP_PROP_FRAME_COUNT: int
CAP_PROP_POS_MSEC: int
CC_STAT_AREA: int
CHAIN_APPROX_SIMPLE: int
COLORMAP_INFERNO: int
COLOR_BGR2RGB: int
COLOR_BGRA2RGB: int
COLOR_BayerBG2RGB: int
COLOR_BayerGB2RGB: int
COLOR_BayerGR2RGB: int
COLOR_BayerRG2RGB: int
COLOR_GRAY2RGB: int
COLOR_HSV2RGB: int
COLOR_RGB2BGR: int
COLOR_RGB2GRAY: int
COLOR_RGB2HSV: int
COLOR_RGBA2RGB: int
COLOR_YUV2RGB_NV12: int
COLOR_YUV2RGB_NV21: int
COLOR_YUV2RGB_UYVY: int
COLOR_YUV2RGB_YUY2: int
CV_8U: int
CV_32S: int
FILLED: int
FONT_HERSHEY_SIMPLEX: int
IMREAD_COLOR: int
IMREAD_IGNORE_ORIENTATION: int
IMREAD_UNCHANGED: int
IMWRITE_JPEG_QUALITY: int
INTER_AREA: int
INTER_CUBIC: int
INTER_LINEAR: int
INTER_NEAREST: int
INTER_NEAREST_EXACT: int
LINE_AA: int
COLORMAP_INFERNO: int
RETR_EXTERNAL: int
WARP_INVERSE_MAP: int

class error(Exception): ...

class fisheye:
    @staticmethod
    def undistortPoints(distorted: NDArray[T], K: NDArray[Any], D: NDArray[Any]) -> NDArray[T]: ...

class StereoSGBM:
    @staticmethod
    def create(
        minDisparity: int = ...,
        numDisparities: int = ...,
        blockSize: int = ...,
        P1: int = ...,
        P2: int = ...,
        disp12MaxDiff: int = ...,
        preFilterCap: int = ...,
        uniquenessRatio: int = ...,
        speckleWindowSize: int = ...,
        speckleRange: int = ...,
        mode: int = ...,
    ) -> StereoSGBM: ...
    def compute(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.int16]: ...

class VideoCapture:
    def __init__(self, filename: str) -> None: ...
    def get(self, propId: int) -> float: ...
    def isOpened(self) -> bool: ...
    def read(self) -> tuple[bool, NDArray[np.uint8]]: ...
    def release(self) -> None: ...

class VideoWriter:
    def __init__(self, filename: str, fourcc: int, fps: float, frameSize: Size) -> None: ...
    @staticmethod
    def fourcc(c1: str, c2: str, c3: str, c4: str) -> int: ...
    def isOpened(self) -> bool: ...
    def release(self) -> None: ...
    def write(self, image: NDArray[np.uint8]) -> None: ...

def GaussianBlur(src: NDArray[T], ksize: Size, sigmaX: float, sigmaY: float = ...) -> NDArray[T]: ...
def LUT(src: NDArray[np.uint8], lut: NDArray[T]) -> NDArray[T]: ...
def add(src1: NDArray[np.uint8], src2: NDArray[Any], *, dtype: int) -> NDArray[np.uint8]: ...
def addWeighted(src1: NDArray[T], alpha: float, src2: NDArray[T], beta: float, gamma: float) -> NDArray[T]: ...
def applyColorMap(src: NDArray[np.uint8], userColor: NDArray[np.uint8] | int) -> NDArray[np.uint8]: ...
def boundingRect(array: Points) -> tuple[int, int, int, int]: ...
def boxPoints(box: Box) -> NDArray[np.float32]: ...
def calcHist(
    images: Sequence[NDArray[np.uint8]],
    channels: Sequence[int],
    mask: None,
    histSize: Sequence[int],
    ranges: Sequence[float],
) -> NDArray[np.float32]: ...
def circle(
    img: NDArray[T], center: Size, radius: int, color: Colour, thickness: int = ..., lineType: int = ...
) -> NDArray[T]: ...
def connectedComponents(
    image: NDArray[np.uint8], *, connectivity: int, ltype: int
) -> tuple[int, NDArray[np.int32]]: ...
def connectedComponentsWithStats(
    image: NDArray[np.uint8], *, connectivity: int
) -> tuple[int, NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]: ...
def convexHull(points: NDArray[T]) -> NDArray[T]: ...
def copyMakeBorder(src: NDArray[T], top: int, bottom: int, left: int, right: int, borderType: int) -> NDArray[T]: ...
def cvtColor(src: NDArray[T], code: int, dst: NDArray[T] | None = ...) -> NDArray[T]: ...
def dilate(src: NDArray[T], kernel: NDArray[np.uint8], *, anchor: Size = ...) -> NDArray[T]: ...
def drawContours(
    image: NDArray[T],
    contours: Sequence[NDArray[np.int32]],
    contourIdx: int,
    color: Colour,
    thickness: int = ...,
    lineType: int = ...,
    *,
    offset: Size = ...,
) -> NDArray[T]: ...
def ellipse(
    img: NDArray[T],
    center: Size,
    axes: Size,
    angle: float,
    startAngle: float,
    endAngle: float,
    color: Colour,
    thickness: int = ...,
    lineType: int = ...,
) -> NDArray[T]: ...
def erode(src: NDArray[T], kernel: NDArray[np.uint8], *, borderValue: Colour = ...) -> NDArray[T]: ...
def fillPoly(
    img: NDArray[T], pts: Sequence[Points], color: Colour, lineType: int = ..., shift: int = ...
) -> NDArray[T]: ...
def filter2D(src: NDArray[T], ddepth: int, kernel: NDArray[np.floating]) -> NDArray[T]: ...
def findContours(
    image: NDArray[np.uint8], mode: int, method: int
) -> tuple[Sequence[NDArray[np.int32]], NDArray[np.int32] | None]: ...
def getPerspectiveTransform(src: NDArray[np.float32], dst: NDArray[np.float32]) -> NDArray[np.float64]: ...
def getTextSize(text: str, fontFace: int, fontScale: float, thickness: int) -> tuple[Size, int]: ...
def getVersionString() -> str: ...
def imdecode(buf: NDArray[np.uint8], flags: int) -> NDArray[Any] | None: ...
def imencode(ext: str, img: NDArray[Any], params: Sequence[int]) -> tuple[bool, NDArray[np.uint8]]: ...
def imwrite(filename: str, img: NDArray[Any]) -> bool: ...
def line(
    img: NDArray[T], pt1: Sequence[int], pt2: Sequence[int], color: Colour, thickness: int = ..., lineType: int = ...
) -> NDArray[T]: ...
def merge(mv: Sequence[NDArray[T]]) -> NDArray[T]: ...
def multiply(src1: NDArray[np.uint8], src2: NDArray[Any], *, dtype: int) -> NDArray[np.uint8]: ...
def polylines(
    img: NDArray[T], pts: Sequence[Points], isClosed: bool, color: Colour, thickness: int = ...
) -> NDArray[T]: ...
def putText(
    img: NDArray[T],
    text: str,
    org: Size,
    fontFace: int,
    fontScale: float,
    color: Colour,
    thickness: int = ...,
    lineType: int = ...,
) -> NDArray[T]: ...
def randn(dst: NDArray[T], mean: Sequence[float], stddev: Sequence[float]) -> NDArray[T]: ...
def rectangle(img: NDArray[T], pt1: Size, pt2: Size, color: Colour, thickness: int = ...) -> NDArray[T]: ...
def remap(
    src: NDArray[T],
    map1: NDArray[np.float32],
    map2: NDArray[np.float32],
    interpolation: int,
    *,
    borderMode: int = ...,
    borderValue: Colour = ...,
) -> NDArray[T]: ...
def resize(
    src: NDArray[T], dsize: Size | None, *, fx: float = ..., fy: float = ..., interpolation: int
) -> NDArray[T]: ...
def setNumThreads(nthreads: int) -> None: ...
def setRNGSeed(seed: int) -> None: ...
def undistortPoints(src: NDArray[T], cameraMatrix: NDArray[Any], distCoeffs: NDArray[Any]) -> NDArray[T]: ...
def transform(src: NDArray[T], m: NDArray[np.floating]) -> NDArray[T]: ...
def warpAffine(
    src: NDArray[T],
    M: NDArray[np.floating],
    dsize: Size,
    *,
    flags: int,
    borderMode: int = ...,
    borderValue: Colour = ...,
) -> NDArray[T]: ...
def warpPerspective(
    src: NDArray[T], M: NDArray[np.floating], dsize: Size, *, flags: int, borderMode: int = ...
) -> NDArray[T]: ...
