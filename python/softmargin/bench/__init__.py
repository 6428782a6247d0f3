"""The benchmark: this machine's limits, cases against their peers, and how near each comes to the limit.

`machine` measures the limits; `cases` has what is measured, a file a subject; `peers` the others, written well; `run` takes
them in turns; `report` and `roofline` tell and draw it. `softmargin bench` is the command, tests/bench the same cases as tests.
"""
