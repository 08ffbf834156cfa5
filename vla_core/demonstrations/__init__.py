"""What a suite's expert shows: made by several processes, and kept as a data set."""
