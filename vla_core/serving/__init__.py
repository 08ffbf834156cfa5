"""Our policies for others' clients, over others' wires."""
