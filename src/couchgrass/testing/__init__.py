"""Clocks, faults and servers for the tests of this project and of its users."""
