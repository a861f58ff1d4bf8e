"""Open-set perception for vehicles: a hybrid open-set segmenter, its ROS 2 node and its training."""

__version__ = "0.1.0"
