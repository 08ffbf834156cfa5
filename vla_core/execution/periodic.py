"""A loop with absolute deadlines for the thread that owns the command.

API, being implemented (signatures are settled):

    loop = PeriodicLoop(rate_hz=200.0)            # clock and sleep injectable; monotonic by default
    print(loop.make_realtime())                   # "SCHED_FIFO priority 80" or why not
    while running:
        loop.wait()                               # sleeps to the next deadline; skips missed ones
        command = core.tick(now_ns)
    loop.statistics() -> PeriodStatistics(ticks, missed, p50_us, p99_us, max_us, last_us)
"""
