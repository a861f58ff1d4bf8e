"""Other nodes of the same name: ROS lets them be, and their parameters, services and outputs mix."""

from __future__ import annotations

from rclpy.clock import Clock
from rclpy.node import Node

from densehybrid_ros.nodes.common.distributions import ClockType

PERIOD = 2.0
"""s between two looks."""


class Namesakes:
    """Looks for them as long as the node lives; logs when one comes, and when the last one has gone."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._others = 0
        node.create_timer(PERIOD, self.look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def look(self) -> None:
        """Counts them anew."""
        node, before = self._node, self._others
        own = (node.get_name(), node.get_namespace())
        self._others = max(node.get_node_names_and_namespaces().count(own) - 1, 0)
        name = node.get_fully_qualified_name()
        if self._others > before:
            node.get_logger().warning(
                f"another node is named {name}: parameters, services and outputs of both mix; stop one, or give it "
                "another name (launch: name:=…; ros2 run: --ros-args -r __node:=…). A killed one vanishes within 20 s"
            )
        elif before and not self._others:
            node.get_logger().info(f"no other node is named {name} any more")
