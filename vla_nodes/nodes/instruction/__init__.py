"""Parts of the intent node: who may set an instruction, and how a goal is followed."""
