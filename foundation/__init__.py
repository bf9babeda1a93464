"""What both services stand on. Imports neither of them."""
