"""Structured arrays → PointCloud2, through sensor_msgs_py where a ROS installation brings it."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

try:
    from sensor_msgs_py import point_cloud2  # pyright: ignore[reportMissingImports] - brought by ROS alone
except ImportError:
    point_cloud2 = None

KINDS = {"<f4": PointField.FLOAT32, "<u4": PointField.UINT32}


def cloud_message(points: NDArray[np.void], header: Header) -> PointCloud2:
    """An unordered, dense cloud of (N,) points, little-endian, under `header`; the same bytes either way.

    Args:
        points: a packed structured array with fields of kind <f4 and <u4.
    """
    fields = [
        PointField(name=name, offset=offset, datatype=KINDS[kind.str], count=1)
        for name, (kind, offset) in _layout(points).items()
    ]
    if point_cloud2 is not None:
        return point_cloud2.create_cloud(header, fields, points)
    message = PointCloud2(header=header, height=1, width=points.size, fields=fields)
    message.is_dense, message.is_bigendian = False, False
    message.point_step, message.row_step = points.itemsize, points.nbytes
    data = array("B")
    data.frombytes(np.ascontiguousarray(points).tobytes())
    message.data = data
    return message


def _layout(points: NDArray[np.void]) -> dict[str, tuple[np.dtype[Any], int]]:
    fields = points.dtype.fields
    assert fields is not None
    return {name: (fields[name][0], int(fields[name][1])) for name in points.dtype.names or ()}
