"""F1's networks as a robot runs them, by the names of their files; imports no torch."""

from __future__ import annotations

from vla_core.policies.f1.sizes import F1Sizes

#: Decodes what is foreseen; asked for by those who look at it, and not by the policy.
PICTURE = "picture"


def of_policy(sizes: F1Sizes) -> tuple[str, ...]:
    """All that a step needs."""
    foresight = ("observed", "foresight", "scene") if sizes.foresees else ()
    return ("vit", "understanding", *foresight, "velocity")
