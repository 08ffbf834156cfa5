"""From sensors, bags and data sets to observations."""
