"""What fuzz.py reads, and how it changes what is whole."""
