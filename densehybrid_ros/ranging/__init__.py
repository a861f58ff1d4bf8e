"""Unknown pixels and distances → obstacles with range. NumPy and OpenCV alone; no network, no ROS."""
