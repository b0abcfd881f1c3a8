"""`make bench`: how fast decisions are on this machine, beside the least that any such service would have to do."""
