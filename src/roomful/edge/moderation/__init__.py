"""Hosts and co-hosts over HTTP: what they see of their room, and what they do in it."""
