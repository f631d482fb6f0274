"""The only code that imports model libraries and clients of model servers; protocols by task."""
