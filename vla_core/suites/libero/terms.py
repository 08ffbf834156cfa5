"""How episodes are run: the benchmark's own actions as they are published, or joints, filtered."""

from __future__ import annotations

from vla_core.contract.suite import EpisodeTerms

#: A step of the benchmark's [s].
STEP_S = 0.05
#: Steps of an episode, as OpenVLA's evaluation has them and most rows since.
HORIZONS = {
    "libero_spatial": 220,
    "libero_object": 280,
    "libero_goal": 300,
    "libero_10": 520,
    "libero_90": 400,
}
#: A command to the joints, which the robot's YAML has as its rate [s].
JOINTS_S = 0.02


def own_terms(folder: str) -> EpisodeTerms:
    """Actions as they are; success is that of any one step; the simulation waits for the policy."""
    return EpisodeTerms(
        filtered=False, control_s=STEP_S, time_limit_s=HORIZONS[folder] * STEP_S,
        settle_s=STEP_S, delay_s=0.0,
    )  # fmt: skip


def joint_terms(folder: str) -> EpisodeTerms:
    """Joint targets through limits and filter, and time does not wait; success as published."""
    return EpisodeTerms(
        control_s=JOINTS_S, time_limit_s=HORIZONS[folder] * STEP_S, settle_s=JOINTS_S
    )
