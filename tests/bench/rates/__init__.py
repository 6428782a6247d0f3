"""How near to the optimum the update rules come with rates that nobody has tuned."""
