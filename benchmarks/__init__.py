"""Measurements. Nothing here is a test: no figure is asserted."""
