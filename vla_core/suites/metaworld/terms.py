"""How the benchmark steps, as it is published."""

from __future__ import annotations

from vla_core.contract.suite import EpisodeTerms

#: A step [s], how many of them an episode has, how far the hand goes in one, an axis, at most [m].
STEP_S, STEPS, LARGEST_M = 0.0125, 500, 0.01
#: Success is that of any one step; the simulation waits for the policy.
TERMS = EpisodeTerms(
    filtered=False,
    control_s=STEP_S,
    time_limit_s=STEPS * STEP_S,
    settle_s=STEP_S,
    delay_s=0.0,
)
