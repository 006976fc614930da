"""Fine-tuning, from a bundle to another."""
