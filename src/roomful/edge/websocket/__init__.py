"""A user's own WebSocket servers: `@app.websocket("/echo")`."""
