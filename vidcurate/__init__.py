"""Turn a folder of videos into a training-ready video-text data set."""
