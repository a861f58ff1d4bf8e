"""Thin ROS 2 nodes: read settings, load the core, convert, publish."""
