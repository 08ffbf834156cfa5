"""A simulated robot at a table, in MuJoCo: scene, task and scripted expert."""
