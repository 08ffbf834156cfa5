"""LingBot-VA's networks as a robot runs them, by the names of their files; imports no torch."""

from __future__ import annotations

#: All that a step needs.
OF_POLICY = ("encoder", "remember", "dream", "look", "imagine", "velocity")
#: Decodes what is foreseen; asked for by those who look at it, and not by the policy.
PICTURE = "picture"
