"""How the web page gets its token: `POST /api/join` and `GET /api/info`."""
