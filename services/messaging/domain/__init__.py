"""Notifications, their deliveries, and the words they are told in."""
