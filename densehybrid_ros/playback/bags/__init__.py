"""Bags as people have them: rosbag2 (MCAP or sqlite3; compressed, cut off, without metadata) and ROS 1, with rosbags.

`opening` finds the files; `mcap`, `sqlite` and `ros1` read one kind each, also where it is damaged; `survey` looks at
what the topics hold, `choice` picks the pictures and what belongs to them, `source` plays both.
"""
