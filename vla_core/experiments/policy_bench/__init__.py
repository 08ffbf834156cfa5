"""Policies beside each other: on suites, their shifts, by strategies of execution."""
