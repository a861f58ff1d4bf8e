"""What weights say of themselves, latched, as JSON: what tools for tuning need, wherever they run."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import String

from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.models.checkpoint import WeightsInfo
from densehybrid_ros.nodes.common.topics import publisher
from densehybrid_ros.topics import MODEL


def publish_model(node: Node, info: WeightsInfo) -> Publisher:
    """The publisher has said all; whoever subscribes while it exists hears it."""
    made = publisher(node, MODEL)
    made.publish(String(data=json.dumps(model_dict(info))))
    return made


def model_dict(info: WeightsInfo) -> dict[str, Any]:
    """JSON-able; calibrations of the scores that the node can compute live."""
    return {
        "architecture": info.architecture,
        "classes": info.classes,
        "palette": info.palette,
        "threshold": info.threshold,
        "calibration": {name: asdict(curve) for name, curve in info.calibration.items() if name in SCORES},
    }
