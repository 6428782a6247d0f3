"""The others, written as well as their users can: NumPy, scipy.sparse and, where it is installed, PyTorch."""
