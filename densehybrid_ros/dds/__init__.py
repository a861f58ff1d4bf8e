"""The transport below ROS: Fast DDS profile and shared-memory segments."""
