"""A working policy is corrected by an operator, and what that brings."""
