"""Runs replications: readers, copiers, jobs, and the loop that schedules them."""
