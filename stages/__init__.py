"""The pipeline's stages, one thin command each: ``python -m stages.align``. `dvc.yaml` is their table of contents."""
