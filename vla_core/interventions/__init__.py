"""A working policy is corrected: who takes over and when, what is kept, and what it brings."""
