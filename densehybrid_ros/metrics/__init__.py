"""Metrics of anomaly detection and segmentation. NumPy alone; no data sets, no ROS."""
