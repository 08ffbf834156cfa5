"""Drive `vla serve` with openpi's own client, unmodified; it is told nothing but the address.

Run it with a Python that has `openpi-client` and NumPy, nothing of ours:
    python benchmarks/drive_openpi.py 127.0.0.1:8000 --requests 500
The observation is made from the metadata alone. Printed: the time of a request as the client sees
it, and the part of it that the policy took [ms].
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from openpi_client.websocket_client_policy import WebsocketClientPolicy


def observation(told: dict) -> dict:
    """What the server's metadata asks for, of random pixels."""
    rng = np.random.default_rng(0)
    seen: dict = {told["prompt"]: "stay"}
    for key, (height, width, _) in told["images"].items():
        *folders, last = key.split(".")
        place = seen
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = rng.integers(0, 255, (height, width, 3), np.uint8)
    for part in told["state"]:
        seen[part["key"]] = np.zeros(len(told["joint_names"]), np.float32)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--token")
    args = parser.parse_args()
    host, _, port = args.address.rpartition(":")
    client = WebsocketClientPolicy(host, int(port), args.token)
    metadata = client.get_server_metadata()
    seen, whole, inside = observation(metadata["vla"]), [], []
    shape = (metadata["action_horizon"], metadata["action_dim"])
    for _ in range(args.requests):
        started_s = time.perf_counter()
        reply = client.infer(seen)
        whole.append(1000 * (time.perf_counter() - started_s))
        inside.append(reply["policy_timing"]["infer_ms"])
        assert reply["actions"].shape == shape, reply["actions"].shape
    print(f"{args.requests} requests, each with {len(metadata['vla']['images'])} pictures")
    for name, values in (("request", whole), ("of it the policy", inside)):
        middle, late = np.percentile(values, (50, 99))
        print(f"{name}: p50 {middle:.2f} ms, p99 {late:.2f} ms")


if __name__ == "__main__":
    main()
