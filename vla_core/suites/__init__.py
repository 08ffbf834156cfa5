"""Tasks that policies are trained and judged on."""
