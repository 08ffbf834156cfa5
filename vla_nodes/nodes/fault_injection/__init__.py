"""What the injector does to messages, and how the graph is led through it."""
