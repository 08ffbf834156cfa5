"""A bag with depth through OpenHelix, offline: the same twice, and its words shown over time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deep_bag import DEEP, write_deep_bag
from swaying_robot import INSTRUCTION
from tiny_openhelix import SIZES, write_openhelix

from vla_core.contract.manifest import PolicyManifest
from vla_core.metrics.listener import ReplayListener
from vla_core.policies.registry import load_policy
from vla_core.recordings.sources.open_recording import open_recording
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings


class Intents(ReplayListener):
    """Keeps what is intended."""

    def __init__(self) -> None:
        self.formed = []

    def intended(self, seen, intent):
        self.formed.append(intent)


@pytest.mark.parametrize("strategy", ["rtc", "switch"])
def test_a_replay_of_depth_gives_the_same_twice(tmp_path, tiny_sentence, strategy):
    sizes = replace(SIZES, cameras=1)
    write_openhelix(tmp_path / "policy", tiny_sentence, 1, sizes, robot="g1_bottle")
    bag = write_deep_bag(tmp_path / "bag", "16UC1", frames=24)
    specs = PolicyManifest.load(tmp_path / "policy").observation.cameras
    results, intents = [], []
    for _ in range(2):
        policy, listening = load_policy(tmp_path / "policy"), Intents()
        recording = open_recording(bag, DEEP, ["head"], specs=specs)
        settings = OfflineSettings(INSTRUCTION, strategy=strategy)
        replay = OfflineReplay(DEEP, policy, settings)
        results.append(replay.run(recording, listeners=[listening]))
        intents.append(listening.formed)
    first, again = results
    assert first["digest"] == again["digest"] and first["chunks"] > 1
    shown = [[policy.view.show(intent).words for intent in formed] for formed in intents]
    assert shown[0] == shown[1] and all(len(words) == 10 for words in shown[0])
