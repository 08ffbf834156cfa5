"""Read by every Python started with this folder on PYTHONPATH: the kind `swinging` exists there."""

from vla_core.policies import registry

registry.KINDS["swinging"] = "swinging_policy"
