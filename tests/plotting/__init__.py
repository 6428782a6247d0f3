"""Tests of the displays, one file a display."""
