"""A scan as sensor_msgs/LaserScan."""

from __future__ import annotations

from sensor_msgs.msg import LaserScan
from std_msgs.msg import Header

from densehybrid_ros.ranging.scan import Scan


def scan_message(scan: Scan, header: Header, farthest: float) -> LaserScan:
    """All bearings at one time, that of the image; `header` names the frame of the scan.

    Args:
        farthest: m that the scan reaches.
    """
    return LaserScan(
        header=header,
        angle_min=scan.first,
        angle_max=scan.first + (scan.ranges.size - 1) * scan.step,
        angle_increment=scan.step,
        range_min=0.0,  # consumers pass over what is nearer, and no obstacle that is reported should be
        range_max=farthest,
        ranges=scan.ranges.tolist(),
    )
