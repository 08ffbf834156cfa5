"""What a policy promises, what its weights were trained for, and whether a robot fits."""
