"""Edges: each carries one protocol to rooms and back, and knows no other edge."""
