"""What ran, measured: bags, metrics of a live run, videos and the report."""
