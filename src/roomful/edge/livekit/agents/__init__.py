"""Agent workers: programs that register at `/agent` and are given jobs in rooms, by dispatch."""
