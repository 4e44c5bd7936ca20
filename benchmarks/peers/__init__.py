"""Run alternatives for comparison, each as its own documentation shows it, and a bare redirect."""
