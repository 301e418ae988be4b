"""What the pages of Muaz Khan's websocket-over-nodejs speak. Its messages are understood in Rust."""
