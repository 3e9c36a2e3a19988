"""The processes of a region: started, watched, restarted, stopped in order."""
