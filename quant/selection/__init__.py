"""Playbooks, and what the gate lets each of them look for."""
