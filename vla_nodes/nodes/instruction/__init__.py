"""Parts of the intent node: who may tell what, and how a goal is followed."""
