"""The pipeline's stages, one thin command each: ``faceshards stage align``. `dvc.yaml` is their table of contents."""
