"""The network: its layers, and the two halves of the model."""
