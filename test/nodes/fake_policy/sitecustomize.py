"""Python runs this at start with the folder on PYTHONPATH: node processes then know kind `fake`."""

from vla_core.policies.registry import KINDS

KINDS["fake"] = "readable_policy"
