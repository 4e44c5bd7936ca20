"""What people would take instead, each as its own documents show it, and a bare redirect."""
