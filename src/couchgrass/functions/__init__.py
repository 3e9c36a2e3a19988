"""OpenWhisk-compatible functions: actions, packages, triggers, rules, activations, web actions."""
