"""What RTCMultiConnection's pages speak with their server, over Socket.IO (python-socketio)."""
