"""Scripts that run in an action's process before the action's code. They import nothing of ours."""
