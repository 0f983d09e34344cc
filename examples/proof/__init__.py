"""What FSErasing does for recognition on LFW: trainings, their figures, and the page that tells them."""
