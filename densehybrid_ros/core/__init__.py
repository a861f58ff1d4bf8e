"""Image in, masks out. NumPy, OpenCV and torch only; this package knows no ROS."""
