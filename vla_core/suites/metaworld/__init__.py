"""MetaWorld, a benchmark of fifty tasks for one hand, in an environment of its own."""
