"""Rooms at work: the directory that finds them and the task that runs each. Knows the ports, never an adapter."""
