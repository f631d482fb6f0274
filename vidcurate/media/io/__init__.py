"""Reading video files: containers, streams, time, colour and images."""
