"""Benches: each module runs by `make bench BENCH=<name> ARGS=…` and prints what it measured, where and when."""
