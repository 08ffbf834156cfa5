"""What is injected into the running graph, and how its answer is judged."""
