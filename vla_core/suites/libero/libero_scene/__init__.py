"""What runs in LIBERO's environment: `arm_scene:open_scene`; nothing of `vla_core` is there."""
