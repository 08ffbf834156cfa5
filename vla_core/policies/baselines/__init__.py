"""What any policy must beat."""
