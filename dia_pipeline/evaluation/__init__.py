"""Comparing ways to match: pairs whose truth is known, and measures of what was made of them."""
