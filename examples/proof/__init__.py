"""What FSErasing does for recognition on LFW: trainings, their figures, and the page that tells them.

Five files are the method, in this order: `settings` (what decides a training), `lfw` (who is trained on, which pairs
are verified), `arms` (what is done to a training face), `training` (one net) and `measure` (what it is worth). `run`
does all of them, sitting after sitting. The others count and draw; README.md lists them.
"""
