"""The one decode of a video: signals, samples and proxies."""
