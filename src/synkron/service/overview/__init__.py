"""Keeps what the overview is sorted and searched by."""
