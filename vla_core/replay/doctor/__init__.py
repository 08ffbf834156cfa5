"""Says what is wrong with a recording, before anybody trains on it or trusts a replay of it."""
