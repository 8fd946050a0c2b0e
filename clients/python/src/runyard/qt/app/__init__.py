"""The window `runyard-qt`: it submits, watches and stops, owns nothing, and starts no process."""
