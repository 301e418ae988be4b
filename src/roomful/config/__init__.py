"""What a server is told before it starts."""
