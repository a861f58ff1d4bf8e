"""Folders of drives in the LostAndFound and Cityscapes layout, and Roadworld written as one. No ROS, no torch."""
