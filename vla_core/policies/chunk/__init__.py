"""The plain imitation policy: DIAL's System 1 without a foresight, told the words themselves."""
