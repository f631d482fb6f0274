"""Everything that touches ffmpeg, PyAV, OpenCV and PySceneDetect."""
