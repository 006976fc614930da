"""Text around the network: sentences, what must stay as it is, what must be said in a certain way."""
