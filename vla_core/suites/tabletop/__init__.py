"""A simulated robot at a table, in MuJoCo: scene, task, scripted expert, corrections."""
