"""The page that hands out this server's CA."""
