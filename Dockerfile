# The node on an official image of ROS 2. Not built where it was written, as no images could be had there: the steps are
# those of docs/node.md.
#
#   docker build -t densehybrid .                                       # or --build-arg ROS_DISTRO=kilted
#   docker run --rm --net host --ipc host densehybrid \
#     ros2 launch densehybrid_ros camera.launch.py image_topic:=/cam/image_raw      # with a GPU: --gpus all
#
# --ipc host shares memory with drivers outside, and -v engines:/cache keeps compiled engines.
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ENV XDG_CACHE_HOME=/cache
WORKDIR /ws
COPY . src/densehybrid_ros
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-venv \
 && rosdep update --rosdistro "$ROS_DISTRO" \
 && rosdep install --from-paths src --ignore-src -y --dependency-types exec --skip-keys python3-torch \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv --system-site-packages venv \
 && touch venv/COLCON_IGNORE \
 && source venv/bin/activate \
 && pip install --no-cache-dir 'torch>=2.4,<3' 'safetensors>=0.4.3,<1' 'rosbags>=0.11.9,<0.12' \
    'onnx>=1.16,<2' 'onnxscript>=0.5,<1' 'onnxruntime>=1.18,<2'
# ROS's own setup files use variables that are not set
RUN set +u && source venv/bin/activate && source "/opt/ros/$ROS_DISTRO/setup.bash" \
 && python -m colcon build --packages-select densehybrid_ros \
 && sed -i '$i source /ws/install/setup.bash' /ros_entrypoint.sh
STOPSIGNAL SIGINT
CMD ["ros2", "run", "densehybrid_ros", "segmenter"]
