"""Published face parsing networks by name: where they lie, under which licence, and that they are what they were."""
