"""MediaPipe's face detector and 468-point face mesh, run by OpenCV alone (`networks` and NOTICE say whose they are)."""
