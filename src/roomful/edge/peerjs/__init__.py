"""The PeerJS server's protocol, so that `new Peer({host, port, path: "/"})` meets its peers here."""
