"""What runs in MetaWorld's environment: `hand_scene:open_scene`; nothing of `vla_core` is there."""
