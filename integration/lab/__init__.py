"""EC2 in a box: instances, metadata, AWS and package archives on one Linux machine. See docs/testing.md."""
