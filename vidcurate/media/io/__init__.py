"""Containers, streams, time and colour: how a video file is read."""
