"""The parts of the page for teachers, and what they work with."""
