"""Reads a data set with the `lerobot` library itself; prints what it saw, as JSON.

Run by the tests in an interpreter that has lerobot 0.6 (`pip install "lerobot[dataset]"`), which
asks for Python 3.12 and other versions of torch, numpy and OpenCV than this suite.
"""

from __future__ import annotations

import json
import sys

from lerobot.datasets.lerobot_dataset import LeRobotDataset


def main(root: str, backend: str) -> None:
    """Every frame: its numbers, its task, the means of its colours [0 to 1] and its depth [m]."""
    dataset = LeRobotDataset(
        "test/written", root=root, video_backend=backend, depth_output_unit="m"
    )
    keys = dataset.meta.camera_keys
    frames = []
    for number in range(len(dataset)):
        item = dataset[number]
        frames.append(
            {
                "episode": item["episode_index"].item(),
                "frame": item["frame_index"].item(),
                "timestamp": item["timestamp"].item(),
                "task": item["task"],
                "state": item["observation.state"].tolist(),
                "action": item["action"].tolist(),
                "success": item["success"].item(),
                "source": item["source"],
                "colours": {key: item[key].mean(dim=(1, 2)).tolist() for key in keys},
            }
        )
    statistics = {
        feature: {name: value.tolist() for name, value in values.items()}
        for feature, values in dataset.meta.stats.items()
    }
    print(json.dumps({"episodes": dataset.num_episodes, "frames": frames, "stats": statistics}))


if __name__ == "__main__":
    main(*sys.argv[1:])
