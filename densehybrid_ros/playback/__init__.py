"""Where played frames come from: folders, videos, bags, Roadworld. Streams; knows no ROS but for reading bags."""
