"""Exact solvers side by side: time against distance from the optimum."""
