"""The code of whisk.system's actions. Each file is one action's whole code, run where any action is run: it
imports nothing but the standard library, and is found by its functions' names."""
