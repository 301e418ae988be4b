"""What outlives the process: SQLite in the data directory, or PostgreSQL by URL. Filled by `app.storage`, used through `ports`."""
