"""What `benches.loss` is made of: the link, the pages, the plots."""
