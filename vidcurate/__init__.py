"""Turn a folder of films into a training-ready video-text data set."""
