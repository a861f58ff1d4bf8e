"""ROS messages ↔ arrays, pure in both directions."""
